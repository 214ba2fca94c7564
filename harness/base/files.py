"""Writing files so that a reader sees all of a file, or none of it."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from harness.base.errors import UserError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path`` and move it into place: readers see all or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def new_directory(wanted: Path) -> Path:
    """Make a directory that was not there, nor is made by anybody else: ``wanted``, else ``wanted-2`` and so on.

    Raises:
        UserError: it cannot be made.
    """
    others = (wanted.with_name(f"{wanted.name}-{number}") for number in itertools.count(2))
    for directory in itertools.chain([wanted], others):
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
            directory.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(f"{wanted}: {error.strerror}; valid: a directory that can be made") from None
        return directory
    raise AssertionError  # numbers do not end
