"""Every built-in cell keeps the contract of cells; what does not is caught, and said clearly."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.cells import HandDerivative, PointwiseCell
from harness.plugins.registry import Plugin
from harness.testing import ContractError, check_cell
from tests.helpers.plugins import every


@pytest.mark.parametrize("plugin", every("cell"))
def test_cells_keep_the_contract(plugin: Plugin) -> None:
    check_cell(plugin.target())


class Sine(PointwiseCell):
    """A recurrence through a sine."""

    name = "sine"
    gates = ("h",)

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"h": pre.sin()}


def test_a_sound_cell_passes() -> None:
    check_cell(Sine())


class WrongDerivative(PointwiseCell, HandDerivative):
    """A cell that thinks the derivative of tanh is 1."""

    name = "wrong"
    gates = ("h",)

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"h": pre.tanh()}

    def forward_(self, pre: torch.Tensor, state: Any, new: Any) -> None:
        torch.tanh(pre, out=new["h"])

    def backward_(self, act: torch.Tensor, state: Any, new: Any, grad: Any) -> None:
        act.copy_(grad["h"])
        grad["h"].zero_()


class Mixing(Sine):
    """A cell in which members see each other."""

    name = "mixing"

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"h": (pre + pre.mean(0)).tanh()}


class MixingSamples(Sine):
    """A cell in which the samples of a batch see each other."""

    name = "mixing_samples"

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"h": (pre + pre.mean(1, keepdim=True)).tanh()}


class SlightlyWrong(WrongDerivative):
    """A cell whose derivative is off by one part in a thousand."""

    name = "slightly_wrong"

    def backward_(self, act: torch.Tensor, state: Any, new: Any, grad: Any) -> None:
        act.copy_(1.001 * (1 - new["h"].square()) * grad["h"])
        grad["h"].zero_()


class WrongTotal(PointwiseCell, HandDerivative):
    """A cell of two parts that forgets what one sends to the other within a step."""

    name = "wrong_total"
    parts = ("h", "c")
    memory = "c"
    gates = ("g",)

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        c = 0.9 * state["c"] + pre
        return {"h": c.tanh(), "c": c}

    def forward_(self, pre: torch.Tensor, state: Any, new: Any) -> None:
        new["c"].copy_(0.9 * state["c"] + pre)
        torch.tanh(new["c"], out=new["h"])

    def backward_(self, act: torch.Tensor, state: Any, new: Any, grad: Any) -> None:
        act.copy_(grad["c"])
        grad["c"].mul_(0.9)
        grad["h"].zero_()


class Changing(Sine):
    """A cell that writes into the state that it was given."""

    name = "changing"

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"h": state["h"].add_(1) * 0.1 + pre.tanh()}


class WrongShape(Sine):
    """A cell whose state shrinks."""

    name = "wrong_shape"

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"h": pre.sum(-1, keepdim=True)}


class NoMemoryPart(Sine):
    """A cell whose memory is no part of its state."""

    name = "no_memory_part"
    memory = "c"


class Detached(Sine):
    """A cell that hides a part of its step from autograd."""

    name = "detached"

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"h": pre.detach().tanh() + 0.1 * pre}


class Missing(Sine):
    """A cell that forgets to return a part."""

    name = "missing"

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"c": pre}


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (WrongDerivative, "per-step gradient of h differs from float64 autograd through the plain step"),
        (SlightlyWrong, "per-step gradient of h differs from float64 autograd through the plain step"),
        (SlightlyWrong, "gradient of the weights differs"),
        (WrongTotal, "per-step gradient of c differs from float64 autograd through the plain step"),
        (Mixing, "mixes members"),
        (MixingSamples, "mixes samples: what is answered to one depends on the others of its batch"),
        (Changing, "a step changes the state that it was given"),
        (WrongShape, "a step returns h of shape (3, 4, 1); valid: (K, B, H)"),
        (NoMemoryPart, "memory = 'c' is none of the parts ('h',)"),
        (Detached, "differs from finite differences"),
        (Missing, "a step returns the parts ['c'], declared are ['h']"),
    ],
)
def test_a_bad_cell_is_caught_with_a_clear_message(cell: Any, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_cell(cell())
    assert words in str(caught.value)
