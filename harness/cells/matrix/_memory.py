"""What cells with a matrix for a state share: how the matrix lies in a vector, and the weights that fit it.

The state of a unit is a column: one number for each of ``key_size`` keys. Numbers of one key lie side by side, units
within them. An outer product of a key and a value is then a product, number by number, of the key spread over the units
of its head and the value repeated for every key; where both come from the input, they are spread by spreading weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from harness.base.errors import UserError
from harness.cells.base import Cell, Parameter
from harness.cells.functions import exp, where

if TYPE_CHECKING:
    from torch import Tensor


class MatrixCell(Cell):
    """What cells with a matrix for a state derive from."""

    family = "matrix"
    parts: ClassVar[tuple[str, ...]] = ("S",)
    memory = "S"

    heads: int = Field(1, ge=1, description="heads: groups of units with keys of their own; a divisor of hidden_size")
    key_size: int = Field(8, ge=1, description="numbers in a key of each head")

    def widths(self, hidden_size: int) -> dict[str, int]:
        return {"S": self.key_size * hidden_size}

    def dense(self, input_size: int, hidden_size: int, **columns: int) -> dict[str, Parameter]:
        """Weights that read the input, by name with how many numbers they make of it.

        Raises:
            UserError: units cannot be shared out among heads.
        """
        if hidden_size % self.heads:
            raise UserError(f"cell.heads={self.heads}: valid: a divisor of hidden_size={hidden_size}")
        return {name: Parameter((input_size, each), "dense") for name, each in columns.items()}

    def keyed(self, keys: Tensor, hidden_size: int) -> Tensor:
        """Keys (…, heads · key_size) spread over the units of their heads, (…, key_size · H)."""
        by_key = keys.unflatten(-1, (self.heads, self.key_size)).mT
        return by_key.repeat_interleave(hidden_size // self.heads, dim=-1).flatten(-2)

    def valued(self, values: Tensor) -> Tensor:
        """Values (…, H) repeated for every key, (…, key_size · H)."""
        return values.repeat(*[1] * (values.ndim - 1), self.key_size)

    def of_heads(self, numbers: Tensor, hidden_size: int) -> Tensor:
        """A number of each head (…, heads) for each of its units, (…, H)."""
        return numbers.repeat_interleave(hidden_size // self.heads, dim=-1)

    def sums(self, like: Tensor, hidden_size: int) -> Tensor:
        """The constant matrix (K, key_size · H, H) that adds up, for every unit, what lies at all keys."""
        return self.valued(_eye(like, hidden_size)).mT

    def repeats(self, like: Tensor, hidden_size: int) -> Tensor:
        """The constant matrix (K, H, key_size · H) that repeats values for every key."""
        return self.valued(_eye(like, hidden_size))

    def spreads(self, like: Tensor, hidden_size: int) -> Tensor:
        """The constant matrix (K, heads · key_size, key_size · H) that spreads keys over units."""
        return self.keyed(_eye(like, self.heads * self.key_size), hidden_size)

    def sums_of_keys(self, like: Tensor, each: int) -> Tensor:
        """The constant matrix (K, heads · key_size, heads · each) that adds up the numbers of each head's key."""
        by_head = _eye(like, self.heads).repeat_interleave(self.key_size, dim=-2)
        return by_head.repeat_interleave(each, dim=-1)


def _eye(like: Tensor, size: int) -> Tensor:
    import torch

    return torch.eye(size, dtype=like.dtype, device=like.device).expand(len(like), -1, -1)


def feature(x: Tensor) -> Tensor:
    """elu(x) + 1: x + 1 where x is positive, e^x elsewhere."""
    return where(x > 0, x + 1, exp(where(x > 0, 0.0, x)))
