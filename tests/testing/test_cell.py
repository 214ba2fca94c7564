"""Every built-in cell keeps the contract of cells; what does not is caught, and said clearly."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.cells import Cell, Parameter
from harness.cells.functions import sin
from harness.plugins.registry import Plugin
from harness.testing import ContractError, check_cell
from tests.helpers.plugins import every


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


class Detached(Sine):
    """A cell that hides a part of its step from autograd."""

    name = "detached"

    def step(self, w: Any, x: Any, s: Any) -> Any:
        pre = self.pre(w, x, s)
        return {"h": torch.tanh(pre.clone().detach()) + 0.1 * pre}


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
        (Detached, "differs from finite differences"),
        (Missing, "a step returns the parts ['c'], declared are ['h']"),
    ],
)
def test_a_bad_cell_is_caught_with_a_clear_message(cell: Any, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_cell(cell())
    assert words in str(caught.value)
