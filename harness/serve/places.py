"""From the path of a request to a file or folder below the one that is served, and to nothing else."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import quote, unquote

NOFOLLOW = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""A link is no file, and a pipe keeps nobody waiting."""


def find(root: Path, path: str) -> Path | None:
    """The file or folder that a path of a request names; None where there is none below the root, or a hidden one.

    A link counts as what it leads to: one that leads out of the root is not there.

    Args:
        root: resolved.
        path: as it stands in the request, percent-encoded, without a query.
    """
    try:
        names = unquote(path, errors="strict").strip("/").split("/")
    except UnicodeDecodeError:
        return None
    if names == [""]:
        return root
    if any(_refused(name) for name in names):
        return None
    try:
        found = root.joinpath(*names).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    if not found.is_relative_to(root) or any(_refused(name) for name in found.relative_to(root).parts):
        return None
    return found if found.is_dir() or found.is_file() else None


def _refused(name: str) -> bool:
    """Whether a name is none of a file that is shown: empty, hidden, ``..``, or more than one name."""
    return not name or name.startswith(".") or "\0" in name or os.sep in name or (os.altsep or "\\") in name


def opened(root: Path, file: Path) -> int | None:
    """A descriptor of a file that `find` has found; None where it is no regular file any more.

    Every folder on the way is opened from the one before it, and no link is followed: what has been exchanged for a
    link since it was found is not there.
    """
    try:
        if os.open not in os.supports_dir_fd:
            return _regular(os.open(file, NOFOLLOW))
        handle = os.open(root, os.O_RDONLY)
        for name in file.relative_to(root).parts:
            try:
                following = os.open(name, NOFOLLOW, dir_fd=handle)
            finally:
                os.close(handle)
            handle = following
        return _regular(handle)
    except OSError:
        return None


def _regular(handle: int) -> int | None:
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    return None


def address(root: Path, place: Path) -> str:
    """The path of a request for a place below the root, percent-encoded; that of a folder ends with a slash."""
    names = "/".join(map(quote, place.relative_to(root).parts))
    return f"/{names}/" if names and place.is_dir() else f"/{names}"


def entries(folder: Path) -> list[Path]:
    """What a folder holds: folders first, by name; hidden files, and links that lead out of sight, are left out."""
    try:
        found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []
    return sorted((path for path in found if path.exists()), key=lambda path: (not path.is_dir(), path.name))
