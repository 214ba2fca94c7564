"""Every built-in cell keeps the contract of cells; what does not is caught, and said clearly."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch

from harness.cells import Cell, Parameter
from harness.cells.functions import sin
from harness.plugins.registry import Plugin
from harness.testing import ContractError, check_cell
from tests.helpers.plugins import every

pytestmark = pytest.mark.usefixtures("compiled_as_written")


@pytest.mark.parametrize("plugin", every("cell"))
def test_cells_keep_the_contract(plugin: Plugin) -> None:
    check_cell(plugin.target())


class Sine(Cell):
    """A recurrence through a sine."""

    name = "sine"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
        }

    def pre(self, w: Any, x: Any, s: Any) -> Any:
        return x @ w.input + s.h @ w.recurrent

    def step(self, w: Any, x: Any, s: Any) -> Any:
        return {"h": sin(self.pre(w, x, s))}


def test_a_sound_cell_passes() -> None:
    check_cell(Sine())


class Mixing(Sine):
    """A cell in which members see each other."""

    name = "mixing"

    def step(self, w: Any, x: Any, s: Any) -> Any:
        pre = self.pre(w, x, s)
        return {"h": (pre + pre.mean(0)).tanh()}


class MixingSamples(Sine):
    """A cell in which the samples of a batch see each other."""

    name = "mixing_samples"

    def step(self, w: Any, x: Any, s: Any) -> Any:
        pre = self.pre(w, x, s)
        return {"h": (pre + pre.mean(1, keepdim=True)).tanh()}


class Changing(Sine):
    """A cell that writes into the state that it was given."""

    name = "changing"

    def step(self, w: Any, x: Any, s: Any) -> Any:
        return {"h": s.h.add_(1) * 0.1 + self.pre(w, x, s).tanh()}


class WrongShape(Sine):
    """A cell whose state shrinks."""

    name = "wrong_shape"

    def step(self, w: Any, x: Any, s: Any) -> Any:
        return {"h": self.pre(w, x, s).sum(-1, keepdim=True)}


class NoMemoryPart(Sine):
    """A cell whose memory is no part of its state."""

    name = "no_memory_part"
    memory = "c"


class Detached(Sine):
    """A cell that hides a part of its step from autograd."""

    name = "detached"

    def step(self, w: Any, x: Any, s: Any) -> Any:
        pre = self.pre(w, x, s)
        return {"h": torch.tanh(pre.clone().detach()) + 0.1 * pre}


class Scaled(Sine):
    """A cell whose values are right and whose gradient is 1 % too large."""

    name = "scaled"

    def step(self, w: Any, x: Any, s: Any) -> Any:
        h = sin(self.pre(w, x, s))
        return {"h": h + 0.01 * (h - h.detach())}


class Noisy(Sine):
    """A cell that draws random numbers at every step."""

    name = "noisy"

    def step(self, w: Any, x: Any, s: Any) -> Any:
        pre = self.pre(w, x, s)
        return {"h": sin(pre + 0.01 * torch.randn(pre.shape, dtype=pre.dtype))}


class Gateless(Sine):
    """A cell that names a gate and does not give it."""

    name = "gateless"
    gate_roles: ClassVar[dict[str, str]] = {"f": "forget"}


class Missing(Sine):
    """A cell that forgets to return a part."""

    name = "missing"

    def step(self, w: Any, x: Any, s: Any) -> Any:
        return {"c": self.pre(w, x, s)}


class Forgetful(Sine):
    """A cell that says that it has no memory."""

    name = "forgetful"
    has_memory = False


class Blank(Sine):
    """A cell that says that it has a memory, and looks at its inputs alone."""

    name = "blank"

    def pre(self, w: Any, x: Any, s: Any) -> Any:
        return x @ w.input + 0 * s.h


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (Forgetful, "has_memory = False, but outputs depend on earlier inputs; valid: True"),
        (Blank, "has_memory = True, but outputs do not depend on earlier inputs; valid: False"),
        (Mixing, "mixes members"),
        (MixingSamples, "mixes samples: what is answered to one depends on the others of its batch"),
        (Changing, "a step changes the state that it was given"),
        (WrongShape, "a step returns h of shape (3, 4, 1); valid: (K, B, 5)"),
        (NoMemoryPart, "memory = 'c' is none of the parts ['h']"),
        (Detached, "differs from finite differences"),
        (Scaled, "gradient of the weights differs from finite differences"),
        (Noisy, "outputs (loss) differs from float64 autograd through the plain step"),
        (Gateless, "gates() does not give f"),
        (Missing, "a step returns the parts ['c'], declared are ['h']"),
    ],
)
def test_a_bad_cell_is_caught_with_a_clear_message(cell: Any, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_cell(cell())
    assert words in str(caught.value)
