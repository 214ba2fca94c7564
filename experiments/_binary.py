"""Numbers of any size and their binary digits, for many at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def numbers_of(digits: NDArray[np.int64]) -> list[int]:
    """The numbers with these digits (B, n), the lowest first."""
    data = np.packbits(digits.astype(bool), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in data]


def digits_of(numbers: Sequence[int], count: int) -> NDArray[np.int64]:
    """The ``count`` lowest digits of numbers from 0 on, (B, count), the lowest first."""
    size = -(-count // 8)
    data = np.frombuffer(b"".join(number.to_bytes(size, "little") for number in numbers), dtype=np.uint8)
    return np.unpackbits(data.reshape(-1, size), axis=1, count=count, bitorder="little").astype(np.int64)
