"""From a path to named arrays, whatever the format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from harness.datasets import idx
from harness.datasets.arrays import read_folder, read_npz
from harness.datasets.frames import read_csv, read_parquet
from harness.datasets.own_file import Unreadable

READERS: dict[str, Callable[[Path], dict[str, NDArray[Any]]]] = {
    ".npz": read_npz, ".parquet": read_parquet, ".csv": read_csv,
}  # fmt: skip


def arrays_of(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file or folder by name: ``X``, and those of ``y``, ``lengths``, ``mask``, ``split`` that it has.

    Raises:
        Unreadable: it is none of the formats, or its content is not what its name says.
    """
    if path.is_dir():
        return idx.read(path) if idx.is_idx(path) else read_folder(path)
    if path.suffix.lower() not in READERS:
        raise Unreadable(
            f"a file {path.suffix or 'without an ending'}; valid: {', '.join(READERS)}, or a folder of .npy files or "
            "of MNIST's"
        )
    return READERS[path.suffix.lower()](path)
