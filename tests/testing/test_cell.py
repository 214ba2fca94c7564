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


class Forgetful(Sine):
    """A cell that says that it has no memory."""

    name = "forgetful"
    has_memory = False


class Blank(Sine):
    """A cell that says that it has a memory, and looks at its inputs alone."""

    name = "blank"
    recurrent_gates = 0


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (Forgetful, "has_memory = False, but outputs depend on earlier inputs; valid: True"),
        (Blank, "has_memory = True, but outputs do not depend on earlier inputs; valid: False"),
        (WrongDerivative, "per-step gradient of h differs from float64 autograd through the plain step"),
        (Mixing, "mixes members"),
        (Detached, "differs from finite differences"),
        (Missing, "a step returns the parts ['c'], declared are ['h']"),
    ],
)
def test_a_bad_cell_is_caught_with_a_clear_message(cell: Any, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_cell(cell())
    assert words in str(caught.value)
