"""Where the files lie that come with the harness, and whether a directory is there that a user names."""

from __future__ import annotations

from pathlib import Path

from harness.base.errors import UserError

PACKAGE = Path(__file__).parent.parent


def shipped_folder(name: str) -> Path:
    """Where ``conf`` or ``experiments`` lies: inside the installed package, or beside it in a source tree."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name


def check_is_directory(path: Path, valid: str) -> None:
    """Refuse what is no directory.

    Args:
        valid: what would be valid, for the message.

    Raises:
        UserError: it is a file, or not there.
    """
    if not path.is_dir():
        raise UserError(f"{path}: {'a file' if path.exists() else 'not there'}; valid: {valid}")
