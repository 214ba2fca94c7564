"""Compiled kernels: what they can be made of, and that all goes on where they cannot be made."""

from __future__ import annotations

import logging
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from harness.cells import PointwiseCell, State
from harness.engine.network import Network
from harness.engine.scan import compiled
from harness.engine.scan.symbolic import Untraceable, formulas
from harness.engine.weights import Architecture, MemberInit
from harness.run.pack import run
from harness.settings.members import members
from tests.conftest import Config
from tests.engine.test_engine import make_data, measure

CPU = torch.device("cpu")


class Odd(PointwiseCell):
    """A cell of many operations, two parts, and no derivative written by hand."""

    name: ClassVar[str] = "odd"
    gates: ClassVar[tuple[str, ...]] = ("a", "b", "c")
    input_gates: ClassVar[int | None] = 2
    recurrent_gates: ClassVar[int | None] = 2
    parts: ClassVar[tuple[str, ...]] = ("h", "m")

    def step(self, pre: Tensor, state: State) -> State:
        a, b, c = pre.chunk(3, dim=-1)
        m = torch.sigmoid(a) * state["m"] + (1 - a.sigmoid()) * torch.tanh(b) / (2.0 + c.relu())
        return {"h": m.sin() - 0.5 * (-(c**2)).exp() + state["h"].cos() * 0.1, "m": m}


class Sorting(Odd):
    """A step that is no formula."""

    def step(self, pre: Tensor, state: State) -> State:
        return {"h": pre.chunk(3, dim=-1)[0].sort()[0], "m": state["m"]}


def test_a_step_without_a_hand_derivative_is_compiled_with_its_derivative() -> None:
    cell = Odd()
    shape = Architecture(cell, input_size=3, hidden_size=5, num_layers=2, output_size=3)
    inits = [MemberInit(cell, seed, "gaussian", 0.7) for seed in (0, 1)]
    plain = Network.create(shape, inits, torch.float64, "cpu", compiled=False)
    plain.flat += 0.1 * torch.randn(plain.flat.shape, dtype=torch.float64, generator=torch.manual_seed(0))
    inputs, targets = make_data(plain, steps=7, batch=9, scored=[3, 7])
    fast = Network(shape, plain.flat)
    assert isinstance(fast.scanner, compiled.Kernel)
    one, other = (measure(network, inputs, targets, [3, 7]) for network in (plain, fast))
    for key in ("loss", "inputs", "weights", "states"):
        torch.testing.assert_close(one[key], other[key], rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_kernels_tanh_and_sigmoid_are_those_of_torch_to_a_few_units(dtype: torch.dtype) -> None:
    class Squash(PointwiseCell):
        name: ClassVar[str] = "squash"
        gates: ClassVar[tuple[str, ...]] = ("a", "b")
        recurrent_gates: ClassVar[int | None] = 0
        parts: ClassVar[tuple[str, ...]] = ("h", "s")
        bias: ClassVar[bool] = False

        def step(self, pre: Tensor, state: State) -> State:
            a, b = pre.chunk(2, dim=-1)
            return {"h": a.tanh(), "s": b.sigmoid()}

    values = torch.cat([torch.linspace(-95, 95, 4001), torch.logspace(-30, 1, 500), -torch.logspace(-30, 1, 500)])
    values = values.to(dtype)
    size = len(values)
    network = Network.create(
        Architecture(Squash(), 2 * size, size, 1, 1), [MemberInit(Squash(), 0, "identity", 1.0)], dtype, "cpu"
    )
    network.weights["layer1.input"][0] = torch.eye(2 * size, dtype=dtype)
    assert isinstance(network.scanner, compiled.Kernel)
    states = network.forward(torch.cat([values, values])[None, None, None])[0].states
    accuracy = 8 * torch.finfo(dtype).eps
    for part, truth in (("h", values.double().tanh()), ("s", values.double().sigmoid())):
        # Below the smallest normal number sigmoids may be flushed.
        found, sure = states[part][0, 1, 0].double(), truth.abs() > 1e-37
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


def registry_cell(name: str) -> PointwiseCell:
    from harness.plugins.registry import registry

    made: PointwiseCell = registry().get("cell", name)()
    return made


def test_what_is_no_formula_is_refused_and_runs_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Untraceable, match="sort"):
        formulas(Sorting())
    with caplog.at_level(logging.INFO):
        assert compiled.kernel(Sorting(), torch.float32, CPU) is None
    assert len(caplog.records) == 1
    assert "runs without a compiled kernel" in caplog.text


def test_compiled_runs_are_bit_identical_and_close_to_plain_ones(config: Config) -> None:
    made = config(cell="lstm", seed=[0, 1], weight_scale=[0.9, 1.1], engine={"compile": True})
    first, second = run(members(made)), run(members(made))
    made["engine"]["compile"] = False
    plain = run(members(made))
    for name in ("curves", "gradients", "samples"):
        pd.testing.assert_frame_equal(first[name], second[name], check_exact=True)
    np.testing.assert_allclose(first["curves"].loss, plain["curves"].loss, rtol=1e-4)
    np.testing.assert_allclose(first["gradients"].grad_norm, plain["gradients"].grad_norm, rtol=1e-3)
