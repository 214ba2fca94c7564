"""``python -m harness.plugins [FILE ...]``: what plugins and studies there are, one line each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from harness.plugins.finding import KINDS
from harness.plugins.registry import registry
from harness.plugins.studies import studies

USAGE = """\
  python -m harness.plugins [FILE ...]               list all plugins, those of these files besides
  python -m harness.plugins new KIND NAME [--into DIR]
                                                     write NAME.py, a commented start, and test_NAME.py"""


def parser(program: str, description: str) -> argparse.ArgumentParser:
    """A parser of ``python -m harness.plugins`` whose help names both of its forms."""
    return argparse.ArgumentParser(
        prog=program, description=description, epilog=USAGE, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def list_plugins(words: Sequence[str]) -> None:
    """Print every plugin and study: kind, name, where it comes from, and its one-line summary."""
    reads = parser("python -m harness.plugins", "List plugins and studies.")
    reads.add_argument("files", nargs="*", type=Path, metavar="FILE", help="a plugin file to list besides")
    registry().add_files(reads.parse_args(words).files)
    plugins = [plugin for kind in KINDS for plugin in registry().of_kind(kind)]
    lines = [(plugin.kind, plugin.name, plugin.origin, plugin.summary) for plugin in plugins]
    lines += [("study", name, *where) for name, where in studies().items()]
    lines += [("broken", each.name, each.origin, each.reason) for each in registry().broken]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    for line in lines:
        print("  ".join([*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line[3]]))
