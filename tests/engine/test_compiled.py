"""Compiled kernels: what they can be made of, and that all goes on where they cannot be made."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from harness.cells import Cell, Parameter, State, Weights
from harness.cells.classic.rnn import RNN
from harness.engine.network import Network
from harness.engine.scan import compiled
from harness.engine.scan.nodes import Untraceable
from harness.engine.scan.plan import plan
from harness.engine.weights import Architecture, MemberInit
from harness.settings.members import members
from harness.training.pack import run
from tests.conftest import Config


class Sorting(RNN):
    """A step that is no formula."""

    name = "sorting"

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": (x @ w.input + s.h @ w.recurrent).sort()[0]}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_kernels_tanh_and_sigmoid_are_those_of_torch_to_a_few_units(dtype: torch.dtype) -> None:
    class Squash(Cell):
        name = "squash"
        parts = ("h", "s")

        def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
            return {"input": Parameter((input_size, 2 * hidden_size), "dense")}

        def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
            a, b = (x @ w.input).chunk(2, dim=-1)
            return {"h": a.tanh(), "s": b.sigmoid()}

    values = torch.cat([torch.linspace(-95, 95, 4000), torch.logspace(-30, 1, 500), -torch.logspace(-30, 1, 500)])
    size = 100  # a vector register and more; the values are those of 50 samples
    values = values.to(dtype).view(-1, size)
    network = Network.create(
        Architecture(Squash(), 2 * size, size, 1, 1), [MemberInit(Squash(), 0, "identity", 1.0)], dtype, "cpu"
    )
    network.weights["layer1.input"][0] = torch.eye(2 * size, dtype=dtype)
    assert isinstance(network.scanners[0], compiled.Kernel)
    states = network.forward(torch.cat([values, values], dim=-1)[None, None])[0].states
    accuracy = 8 * torch.finfo(dtype).eps
    for part, truth in (("h", values.double().tanh()), ("s", values.double().sigmoid())):
        # Below the smallest normal number sigmoids may be flushed.
        found, sure = states[part][0, 1].double(), truth.abs() > 1e-37
        torch.testing.assert_close(found[sure], truth[sure], rtol=accuracy, atol=0)


def test_a_nan_stays_a_nan_and_infinity_saturates() -> None:
    cell = registry_cell("lstm")
    network = Network.create(
        Architecture(cell, 1, 2, 1, 1), [MemberInit(cell, 0, "identity", 1.0)], torch.float32, "cpu"
    )
    network.weights["layer1.input"].fill_(1.0)
    for value, finite in ((torch.nan, False), (torch.inf, True), (-torch.inf, True)):
        states = network.forward(torch.full((1, 1, 1, 1), value))[0].states
        assert states["h"].isfinite().all().item() is finite


def registry_cell(name: str) -> Cell:
    from harness.plugins.registry import registry

    made: Cell = registry().get("cell", name)()
    return made


def test_what_is_no_formula_is_refused_and_runs_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    cell = Sorting()
    with pytest.raises(Untraceable, match="sort"):
        plan(cell, 3, 4)
    with caplog.at_level(logging.INFO):
        network = Network.create(
            Architecture(cell, 3, 4, 1, 2), [MemberInit(cell, 0, "identity", 1.0)], torch.float32, "cpu"
        )
    assert "the step of cell sorting is no formula" in caplog.text
    assert "sort" in caplog.text
    states = network.forward(torch.randn(1, 5, 2, 3))[0].states["h"]
    assert states[0, 1:].equal(states[0, 1:].sort()[0])


def test_compiled_runs_are_bit_identical_and_close_to_plain_ones(config: Config) -> None:
    made = config(cell="lstm", seed=[0, 1], weight_scale=[0.9, 1.1], engine={"compile": True})
    first, second = run(members(made)), run(members(made))
    made["engine"]["compile"] = False
    plain = run(members(made))
    for name in ("curves", "gradients", "samples"):
        pd.testing.assert_frame_equal(first[name], second[name], check_exact=True)
    np.testing.assert_allclose(first["curves"].loss, plain["curves"].loss, rtol=1e-4)
    np.testing.assert_allclose(first["gradients"].grad_norm, plain["gradients"].grad_norm, rtol=1e-3)
