"""``python -m harness.plugins``: list plugins and studies, or start a new plugin."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from harness.base.errors import UserError
from harness.plugins.listing import list_plugins
from harness.plugins.starting import start_plugin


def main(arguments: Sequence[str] | None = None) -> int:
    """List every plugin and study, or with ``new`` write a plugin's first file and its test; returns the exit code."""
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    try:
        if words[:1] == ["new"]:
            start_plugin(words[1:])
        else:
            list_plugins(words)
    except UserError as error:
        print(f"harness.plugins: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
