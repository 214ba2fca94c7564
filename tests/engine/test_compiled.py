"""Compiled kernels: what they can be made of, and that all goes on where they cannot be made."""

from __future__ import annotations

import logging
from collections.abc import Callable

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


def of_a_kernel(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """What a function of one number gives in a kernel."""

    class Function(Cell):
        name = "function"

        def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
            return {"gain": Parameter((hidden_size,), "constant", (1.0,))}

        def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
            return {"h": function(w.gain * x)}

    cell, size = Function(), 64
    network = Network.create(
        Architecture(cell, size, size, 1, 1), [MemberInit(cell, 0, "identity", 1.0)], values.dtype, "cpu"
    )
    assert isinstance(network.scanners[0], compiled.Kernel)
    whole = torch.nn.functional.pad(values, (0, -len(values) % size), value=1.0)
    return network.forward(whole.view(1, 1, -1, size))[0].states["h"][0, 1].flatten()[: len(values)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("function", "units"), [(torch.tanh, 8), (torch.sigmoid, 8), (torch.log1p, 2)])
def test_a_kernels_functions_are_right_to_a_few_units(
    function: Callable[[Tensor], Tensor], units: int, dtype: torch.dtype
) -> None:
    small = torch.logspace(-30, 1, 500, dtype=torch.float64)
    values = torch.cat([torch.linspace(-95, 95, 4001, dtype=torch.float64), small, -small]).to(dtype)
    if function is torch.log1p:
        inner = torch.linspace(-1, 3, 4000, dtype=torch.float64)[1:].to(dtype)
        values = torch.cat([values[values > -1], inner, torch.logspace(1, 37, 500).to(dtype)])
    found, truth = of_a_kernel(function, values).double(), function(values.double())
    # Below the smallest normal number sigmoids may be flushed.
    sure = truth.abs() > 1e-37
    torch.testing.assert_close(found[sure], truth[sure], rtol=units * torch.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_of_every_size_are_right(dtype: torch.dtype) -> None:
    """Of whole numbers, which are summed exactly in any order: however rows and columns are cut into tiles."""
    shape = Architecture(RNN(), 2, 2, 1, 1)
    network = Network.create(shape, [MemberInit(shape.cell, 0, "identity", 1.0)], dtype, "cpu")
    generator = torch.Generator().manual_seed(0)
    for rows in range(1, 26):
        for columns in (1, 7, 16, 33):
            a = torch.randint(-9, 10, (2, rows, 5), generator=generator).to(dtype)
            b = torch.randint(-9, 10, (2, 5, columns), generator=generator).to(dtype)
            assert torch.equal(network.scanners[0].product(a, b), torch.bmm(a, b))


def test_a_kernels_logarithm_has_the_limits_of_the_logarithm() -> None:
    found = of_a_kernel(torch.log1p, torch.tensor([-torch.inf, -2.0, -1.0, 0.0, torch.inf, torch.nan]))
    assert found.isnan().tolist() == [True, True, False, False, False, True]
    assert found[2:5].tolist() == [-torch.inf, 0.0, torch.inf]


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


def test_kernels_are_made_for_single_and_double_precision_on_a_cpu() -> None:
    made, cpu = plan(RNN(), 3, 4), torch.device("cpu")
    assert compiled.kernel(made, torch.float32, cpu) is not None
    assert compiled.kernel(made, torch.float64, cpu) is not None
    assert compiled.kernel(made, torch.float16, cpu) is None
    assert compiled.kernel(made, torch.float32, torch.device("cuda")) is None


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
