"""What cells with a matrix for a state share: how the matrix lies in a vector.

A head's part of the state is a matrix: a row for every number of its key, a column for every one of its units. In the
vector the heads follow one another, in a head the rows. So a number of a head, or of a head's key, is one for all in a
stretch of the state (`spread`), and an outer product is one number by number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from harness.base.errors import UserError
from harness.cells.base import Cell, Parameter
from harness.cells.functions import exp, fold, repeat, where

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

    def outer(self, keys: Tensor, values: Tensor) -> Tensor:
        """Of every head the key, (…, heads · key_size), times the values, (…, H): as the state lies."""
        wide = self.valued(values)
        return spread(keys, wide.shape[-1]) * wide

    def valued(self, values: Tensor) -> Tensor:
        """Values, (…, H), once for every number of a key: as the state lies."""
        return repeat(values, self.key_size, values.shape[-1] // self.heads)

    def read(self, keys: Tensor, state: Tensor) -> Tensor:
        """Of every head the key, (…, heads · key_size), times its part of the state: (…, H)."""
        return self.summed(spread(keys, state.shape[-1]) * state)

    def summed(self, state: Tensor) -> Tensor:
        """The sums over the numbers of a key, of what lies as the state does: (…, H)."""
        return fold(state, self.key_size, state.shape[-1] // (self.heads * self.key_size))


def spread(numbers: Tensor, width: int) -> Tensor:
    """Each number several times, side by side, so that they become so many."""
    return repeat(numbers, width // numbers.shape[-1])


def feature(x: Tensor) -> Tensor:
    """elu(x) + 1: x + 1 where x is positive, e^x elsewhere."""
    return where(x > 0, x + 1, exp(where(x > 0, 0.0, x)))
