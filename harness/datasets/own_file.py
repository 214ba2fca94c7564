"""The options of a task that reads a file of the user's: where it lies, and what was in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from harness.base.errors import UserError
from harness.base.hashes import short_hash
from harness.base.options import Options


class Unreadable(ValueError):
    """What is wrong with a file, in one line, and what would be valid."""


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Say of which file it is that something is wrong.

    Raises:
        UserError: in place of an `Unreadable`, and of what the system says of a file that cannot be opened.
    """
    try:
        yield
    except Unreadable as error:
        raise UserError(f"experiment.path={path}: {error}") from None
    except OSError as error:
        raise UserError(f"experiment.path={path}: {error.strerror or error}; valid: a file that can be read") from None


class OwnFile(Options):
    """The options of an experiment that reads a file.

    The path is made absolute: jobs may run in other directories. `content` makes a run depend on what is in the file,
    and not only on its name: of a file that has changed, no result is taken for one of today's.

    Raises:
        UserError: the file is not there, or holds something else than the `content` that was said.
    """

    path: Path | None = Field(None, description="your own file; null: what comes with the task")
    content: str = Field("", description="hash of what is in the file; empty: taken from the file")

    @model_validator(mode="before")
    @classmethod
    def _known_by_its_content(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("path"), str | Path):
            return values
        path = Path(os.path.abspath(Path(values["path"]).expanduser()))
        with about(path):
            found = content_of(path)
        if (said := values.get("content") or found) != found:
            raise UserError(f"experiment.content={said}: {path} holds {found} now; valid: the file as it was")
        return {**values, "path": path, "content": found}


def content_of(path: Path) -> str:
    """A short hash of what is in a file, or of the names and contents of the files in a folder.

    Raises:
        Unreadable: there is no such file or folder.
    """
    if not path.exists():
        raise Unreadable("not there; valid: a file or folder that is")
    return _hashed(tuple((each, each.stat().st_mtime_ns, each.stat().st_size) for each in files_of(path)))


def files_of(path: Path) -> list[Path]:
    """The file itself, or those in a folder by name; hidden ones are left out."""
    if not path.is_dir():
        return [path]
    return sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))


@cache
def _hashed(files: tuple[tuple[Path, int, int], ...]) -> str:
    """The hash of files, each with its time and size: as long as these stay, it is not read again."""
    parts = list[bytes]()
    for path, _, _ in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        parts.append(digest if len(files) == 1 else path.name.encode() + digest)
    return short_hash(b"".join(parts))
