"""Arrays as numpy saves them: npz archives, and folders of npy files. Nothing is unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.own_file import Unreadable, files_of

NAMES = ("X", "y", "lengths", "mask", "split")
"""What arrays are called; all but the first may be missing."""


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an npz archive.

    Raises:
        Unreadable: it is no such archive, has other arrays, or one that holds Python objects.
    """
    if not zipfile.is_zipfile(path):
        raise Unreadable("no npz archive; valid: what numpy.savez writes")
    with np.load(path, allow_pickle=False) as archive:
        return named(archive.files, archive.__getitem__)


def read_folder(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a folder: ``X.npy``, ``y.npy`` and so on.

    Raises:
        Unreadable: a file is no array, or has none of the names.
    """
    files = {each.stem: each for each in files_of(path) if each.suffix == ".npy"}
    if not files:
        raise Unreadable("a folder without .npy files; valid: X.npy, y.npy and so on, or the four files of MNIST")
    return named(files, lambda name: np.load(files[name], allow_pickle=False))


def named(names: Iterable[str], load: Callable[[str], NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Load arrays by their names."""
    names = list(names)
    if "X" not in names or not set(names) <= set(NAMES):
        raise Unreadable(f"holds {', '.join(sorted(names)) or 'nothing'}; valid: X, and of {', '.join(NAMES[1:])} any")
    found = {}
    for name in names:
        try:
            found[name] = load(name)
        except (ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile) as error:
            objects = "allow_pickle" in str(error) or "pickled" in str(error)
            why = "Python objects, which are not unpickled" if objects else "damaged"
            raise Unreadable(f"{name}: {why}; valid: an array of numbers or texts") from None
    return found
