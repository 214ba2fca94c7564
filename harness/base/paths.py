"""Where the files lie that come with the harness."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def shipped_folder(name: str) -> Path:
    """Where ``conf`` or ``experiments`` lies: inside the installed package, or beside it in a source tree."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name
