"""Files as a user may bring them, written by a test."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np

from harness.experiments.dataset import Dataset
from harness.settings.members import members
from tests.conftest import BASE


def npz(folder: Path, **arrays: Any) -> Path:
    """An npz archive of these arrays."""
    np.savez(folder / "my.npz", **arrays)
    return folder / "my.npz"


def written(folder: Path, name: str, text: str | bytes) -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def task_of(path: Path, **options: Any) -> Dataset:
    """The task that a command line with these options makes of a file."""
    (settings,) = members({**BASE, "seq_len": None, "experiment": {"name": "dataset", "path": str(path), **options}})
    assert isinstance(settings.experiment, Dataset)
    return settings.experiment


def idx(array: np.ndarray) -> bytes:
    """Unsigned bytes as the format of MNIST has them."""
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )


def mnist(folder: Path, images: np.ndarray, labels: np.ndarray, trained: int, zipped: bool) -> Path:
    """The four files of MNIST: the first images to train on, the others to test."""
    for part, rows in (("train", slice(trained)), ("t10k", slice(trained, None))):
        for what, array in (("images-idx3", images[rows]), ("labels-idx1", labels[rows])):
            data = idx(array)
            name = f"{part}-{what}-ubyte" + (".gz" if zipped else "")
            (folder / name).write_bytes(gzip.compress(data) if zipped else data)
    return folder
