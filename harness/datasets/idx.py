"""MNIST's files, by their own format: http://yann.lecun.com/exdb/mnist (LeCun, Cortes, Burges)."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.own_file import Unreadable

PARTS = {"train": "train", "t10k": "test"}
"""What files begin with, and what that part of the data is called."""

FILE = re.compile(r"(train|t10k)-(images|labels)[-.]idx[13]-ubyte(\.gz)?")
DIMENSIONS = {"images": 3, "labels": 1}
UNSIGNED_BYTES = 8
"""The third byte of a file of these: https://www.fon.hum.uva.nl/praat/manual/IDX_file_format.html."""


def is_idx(folder: Path) -> bool:
    """Whether a folder holds such files."""
    return any(FILE.fullmatch(each.name) for each in folder.iterdir())


def read(folder: Path) -> dict[str, NDArray[Any]]:
    """Images and labels of both parts; a pixel is a number from 0 to 1.

    Returns:
        ``X`` (N, rows, columns), ``y`` (N,), ``split`` (N,): ``train`` or ``test``.

    Raises:
        Unreadable: one of the four files is missing, or is not what its name says.
    """
    images, labels = ([_file(folder, part, what) for part in PARTS] for what in DIMENSIONS)
    for part, seen, named in zip(PARTS, images, labels, strict=True):
        if len(seen) != len(named):
            raise Unreadable(f"{part}: {len(seen)} images and {len(named)} labels; valid: as many of both")
    if images[0].shape[1:] != images[1].shape[1:]:
        raise Unreadable(f"images of {images[0].shape[1:]} and of {images[1].shape[1:]} pixels; valid: of one size")
    split = np.repeat(list(PARTS.values()), [len(each) for each in labels])
    scaled = np.concatenate(images).astype(np.float32) / np.float32(255)
    return {"X": scaled, "y": np.concatenate(labels).astype(np.int64), "split": split}


def _file(folder: Path, part: str, what: str) -> NDArray[np.uint8]:
    """The array of one file."""
    found = [each for each in sorted(folder.iterdir()) if (name := FILE.fullmatch(each.name)) and name[1] == part
             and name[2] == what]  # fmt: skip
    dimensions = DIMENSIONS[what]
    if not found:
        raise Unreadable(f"{part}-{what}-idx{dimensions}-ubyte is missing; valid: it, or the same with .gz")
    path = found[0]
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise Unreadable(f"{path.name}: no gzip file, or a part of one") from None
    head = 4 + 4 * dimensions
    if len(data) < head or data[:4] != bytes([0, 0, UNSIGNED_BYTES, dimensions]):
        raise Unreadable(f"{path.name}: no IDX file of {what}; valid: unsigned bytes in {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", data[4:head])
    if len(data) - head != np.prod(shape, dtype=object):
        raise Unreadable(f"{path.name}: {len(data) - head} bytes for {' × '.join(map(str, shape))}; a part of a file?")
    return np.frombuffer(data, dtype=np.uint8, offset=head).reshape(shape)
