"""Writing files so that a reader sees all of a file, or none of it, and that nothing is written elsewhere."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

from harness.base.errors import UserError

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""The errors of a disk that takes no more."""


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


def within(directory: Path, name: str) -> Path:
    """A path in a directory that is about to be written to.

    Raises:
        UserError: a link leads out of the directory; results that come from elsewhere may hold any.
    """
    path = directory / name
    if not path.resolve().is_relative_to(directory.resolve()):
        raise UserError(f"{path}: leads out of {directory}; valid: a folder in it")
    return path


@contextmanager
def scratch(directory: Path, prefix: str) -> Iterator[Path]:
    """A folder to work in, gone at the end; what processes that were killed have left under this prefix goes first.

    Whoever works in such a folder holds a lock on it, which ends with its process.
    """
    for left in directory.glob(f"{prefix}*"):
        if (handle := _opened(left)) is not None:
            if try_lock(handle) == "free":
                shutil.rmtree(left, ignore_errors=True)
            os.close(handle)
    handle = None
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=directory))
        handle = _opened(folder)
        if fcntl is None or (handle is not None and try_lock(handle) != "held" and folder.exists()):
            break
        if handle is not None:  # another process took the folder for one that was left, before it was locked
            os.close(handle)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def _opened(folder: Path) -> int | None:
    """A folder, opened in order to lock it; None where it is gone, or where folders cannot be opened."""
    try:
        return os.open(folder, os.O_RDONLY)
    except OSError:
        return None


def try_lock(handle: int) -> Literal["free", "held", "unknown"]:
    """Lock an open file or folder, until it is closed: whether it was free; unknown on a file system without locks."""
    if fcntl is None:
        return "unknown"
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "held"
    except OSError:
        return "unknown"
    return "free"


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
