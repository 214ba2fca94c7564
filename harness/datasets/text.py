"""A text of the user's own."""

from __future__ import annotations

from pathlib import Path

from harness.datasets.own_file import Unreadable


def text_of(path: Path, least: int) -> str:
    """A text file, with one kind of line ends.

    Args:
        least: so many characters it must have.

    Raises:
        Unreadable: it is none, not in UTF-8, or too short.
    """
    if path.suffix.lower() != ".txt":
        raise Unreadable(f"a file {path.suffix or 'without an ending'}; valid: a text, .txt")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte {error.start} is no UTF-8; valid: a text in UTF-8") from None
    if len(text) < least:
        raise Unreadable(f"{len(text)} characters; valid: {least} or more")
    return text
