"""Triton kernels, run by Triton's interpreter on the CPU, do what the stepwise scan does.

What is compared runs in another process: Triton decides when it is imported whether it interprets.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.cells import Cell
from harness.engine.network import Network
from harness.engine.scan.choice import scanner
from harness.engine.scan.compiler import CannotCompile
from harness.engine.scan.graphed import GraphedScanner
from harness.engine.scan.interface import norm
from harness.engine.scan.triton.kernels import Kernels
from harness.engine.scan.triton.scanner import TritonScanner
from harness.plugins.registry import registry
from tests.engine.test_engine import cross_entropy, make_data, measure
from tests.engine.test_formulas import FORMULAS, Everything, cell_of
from tests.engine.test_lengths import padded, together
from tests.helpers.interpreted import by_triton, network_of

pytest.importorskip("triton")

Call = Callable[..., Any]
By = Callable[[Network], Network]
"""Gives the same weights another way to be run."""

CELLS = [plugin.name for plugin in registry().of_kind("cell")]
FAST = ["rnn", "gru", "lstm"]
FAST_FORMULAS = ["a part handed on", "a part that is the old one and used besides", "a weight in pieces"]
TOLERANCE = {torch.float64: {"rtol": 1e-10, "atol": 1e-11}, torch.float32: {"rtol": 2e-5, "atol": 2e-6}}


def some_slow(names: list[str], fast: list[str]) -> list[Any]:
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in names]


def cell(name: str) -> Cell:
    made: Cell = registry().get("cell", name)()
    return made


def compare(network: Network, steps: int = 3, batch: int = 2) -> None:
    """Everything that a forward and a backward scan give."""
    dtype = network.flat.dtype
    inputs, targets = make_data(network, steps, batch, scored=[steps - 1, steps])
    found, expected = (
        measure(each, inputs.to(dtype), targets, [steps - 1, steps]) for each in (by_triton(network), network)
    )
    for key in ("loss", "inputs", "weights", "states"):
        torch.testing.assert_close(found[key], expected[key], **TOLERANCE[dtype])


def chosen(hidden_size: int, dtype: torch.dtype = torch.float32, name: str = "lstm") -> list[str]:
    """Names of a scanner, and where it replays another one of what computes the stages of its steps."""
    made = scanner(cell(name), 3, hidden_size, dtype, torch.device("cuda"), True)
    stages = [made.plain.stages] if isinstance(made, GraphedScanner) else []
    return [type(each).__name__ for each in (made, *stages)]


def test_a_gpu_gets_kernels_where_weights_fit_on_the_chip(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)  # as if it were an A100
    monkeypatch.setenv("CC", "gcc")
    with caplog.at_level(logging.INFO):
        assert [chosen(32), chosen(64), chosen(32, torch.float64)] == [["TritonScanner"]] * 3
        assert not caplog.messages
        staged = [chosen(96), chosen(64, torch.float64), chosen(64, name="linear_attention")]
        assert staged == [["GraphedScanner", "TritonStages"]] * 3
        without = ["GraphedScanner", "TorchStages"]
        assert chosen(4, torch.bfloat16) == without
        with monkeypatch.context() as patched:
            patched.setattr("harness.engine.scan.triton.kernels.version", lambda name: "3.1.0")
            assert chosen(32) == without
        monkeypatch.delenv("CC")
        monkeypatch.setenv("PATH", "")
        assert chosen(32) == without
    # Four matrices of 128 × 128 and four of 16 × 128, for sides are powers of 2; 12 tiles of 16 × 128.
    assert [message.split(" runs as CUDA graphs")[1] for message in caplog.messages] == [
        " with Triton kernels, not as one kernel: weights and tiles of 384 KB do not fit on the chip (163 KB)",
        " with Triton kernels, not as one kernel: weights and tiles of 256 KB do not fit on the chip (163 KB)",
        " with Triton kernels, not as one kernel: vectors of 512 units are put together anew, and more than 64 take "
        "minutes to compile",
        ", without Triton kernels: torch.bfloat16 is not a precision of the kernels",
        ", without Triton kernels: triton is of version 3.1; valid: 3.2 or later",
        ", without Triton kernels: Triton needs a C compiler, gcc or clang",
    ]


def refused(fails: str) -> tuple[list[Any], list[str]]:
    """What runs give of which Triton refuses to compile a kernel, and which kernels it was asked for."""
    from triton.runtime.errors import OutOfResources

    plain = network_of(cell("rnn"), torch.float64)
    network = by_triton(plain)
    strict = network.scanners[0]
    assert isinstance(strict, TritonScanner)
    network.scanners[0] = TritonScanner(strict.plan, torch.float64, strict.otherwise)
    inputs, targets = make_data(plain, 2, 2, scored=[2])
    asked, real = [], Kernels.launch

    def launch(self: Any, name: str, *given: Any) -> None:
        asked.append(name)
        if name == fails:
            raise CannotCompile(str(OutOfResources(300, 200, "shared memory")))
        real(self, name, *given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Kernels, "launch", launch)
        return [measure(each, inputs, targets, [2])["weights"] for each in (network, network, plain)], asked


@pytest.mark.parametrize(("fails", "expected"), [("forward", ["forward"]), ("backward", ["forward", "backward"])])
def test_what_triton_cannot_compile_runs_in_graphs(interpreted: Call, fails: str, expected: list[str]) -> None:
    (one, two, truth), asked = interpreted(refused, fails)
    torch.testing.assert_close(one, truth)
    torch.testing.assert_close(two, truth)
    assert asked == expected  # and is not asked again


def compare_cell(name: str, dtype: torch.dtype) -> None:
    compare(network_of(cell(name), dtype), steps=3 if name in FAST else 2)


@pytest.mark.parametrize("name", some_slow(CELLS, FAST))
def test_a_cell_is_run_and_differentiated_as_stepwise(interpreted: Call, name: str) -> None:
    interpreted(compare_cell, name, torch.float64)


@pytest.mark.parametrize("name", FAST)
def test_a_cell_is_run_in_float32_within_rounding(interpreted: Call, name: str) -> None:
    interpreted(compare_cell, name, torch.float32)


def compare_formula(name: str) -> None:
    compare(network_of(cell_of(FORMULAS[name]), torch.float64))


@pytest.mark.parametrize("name", some_slow(list(FORMULAS), FAST_FORMULAS))
def test_a_formula_is_run_and_differentiated_as_stepwise(interpreted: Call, name: str) -> None:
    interpreted(compare_formula, name)


def compare_everything() -> None:
    compare(network_of(Everything(), torch.float64))


def test_parts_and_outputs_of_any_width_are_run_as_stepwise(interpreted: Call) -> None:
    interpreted(compare_everything)


def compare_shapes() -> None:
    """Several blocks of a member, several spans of steps, tiles with and without room, steps computed again."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("harness.engine.scan.triton.scanner.SPAN", 2)
        compare(network_of(cell("rnn"), torch.float64, features=17, hidden_size=16), batch=18)
        compare(network_of(cell("rnn"), torch.float64, features=1, hidden_size=2, layers=2, recompute=True), steps=4)


def test_shapes_are_no_matter(interpreted: Call) -> None:
    interpreted(compare_shapes)


def compare_tokens(by: By, tolerance: dict[str, float]) -> None:
    network = network_of(cell("gru"), torch.float64)
    tokens = torch.randint(3, (2, 3, 3), generator=torch.manual_seed(1))
    _, targets = make_data(network, 3, 3, scored=[3])
    found, expected = (torch.zeros_like(network.flat) for _ in range(2))
    with torch.no_grad():
        for each, grad in ((by(network), found), (network, expected)):
            each.gradients(tokens, [3], cross_entropy(targets), grad)
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(found, expected, **tolerance)


def test_a_token_takes_a_row_of_the_weights(interpreted: Call) -> None:
    interpreted(compare_tokens, by_triton, TOLERANCE[torch.float64])


def compare_lengths(by: By, tolerance: dict[str, float], made: Cell) -> None:
    network, lengths = network_of(made, torch.float64), torch.tensor([[3, 1], [2, 3]])
    inputs = padded(make_data(network, 3, 2, scored=[3])[0], lengths, 5.0)
    ways = by(network), network
    with torch.no_grad():
        ends = [each.final(each.forward(inputs, lengths=lengths)) for each in ways]
        (*found, steps), (*expected, own_steps) = (together(each, inputs, lengths) for each in ways)
    pairs = [(found, expected), *zip(*ends, strict=True)]
    pairs += [(steps[1].norms, own_steps[1].norms), (steps[1].totals, own_steps[1].totals)]
    for one, other in pairs:
        torch.testing.assert_close(one, other, **tolerance)


def compare_lengths_of_several() -> None:
    for made in (Everything(), cell_of(FORMULAS["cut and joined"])):
        compare_lengths(by_triton, TOLERANCE[torch.float64], made)


def test_samples_end_at_steps_of_their_own(interpreted: Call) -> None:
    interpreted(compare_lengths_of_several)


def lost_member() -> list[Tensor]:
    """Gradients of a member beside one of NaN, and beside what it stands beside otherwise."""
    network = network_of(cell("rnn"), torch.float32)
    inputs, targets = make_data(network, 2, 2, scored=[2])
    found = []
    for lost in (False, True):
        if lost:
            network.flat[0] = math.nan
        grad = torch.zeros_like(network.flat)
        with torch.no_grad():
            by_triton(network).gradients(inputs.float(), [2], cross_entropy(targets), grad)
        found.append(grad)
    return found


def test_a_lost_member_does_no_harm_to_its_neighbour(interpreted: Call) -> None:
    alone, beside = interpreted(lost_member)
    assert beside[0].isnan().any()
    assert torch.equal(beside[1], alone[1])


def functions(dtype: torch.dtype) -> dict[str, tuple[Tensor, Tensor]]:
    """Of each function some arguments, and what a kernel makes of them."""
    from tests.helpers.one_function import apply

    small = torch.logspace(-30, 0, 50, dtype=torch.float64)
    around = torch.linspace(-12, 12, 79, dtype=torch.float64)
    any_sign = torch.cat([small, -small, around]).to(dtype)
    given = dict.fromkeys(("exp", "sigmoid", "tanh"), any_sign)
    given |= {"log1p": torch.cat([small, -0.9 * small, around.abs(), 1e6 * small]).to(dtype)}
    given |= {"sqrt": torch.cat([small, 1e9 * small]).to(dtype)}
    results = {}
    for name, x in given.items():
        y = torch.empty_like(x)
        apply[(1,)](x, y, len(x), NAME=name, SIZE=512)
        results[name] = (x, y)
    return results


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_functions_lose_nothing_near_zero(interpreted: Call, dtype: torch.dtype) -> None:
    for name, (x, found) in interpreted(functions, dtype).items():
        truth = getattr(torch, name)(x.double())
        ulp = torch.finfo(dtype).eps * truth.abs()
        worst = ((found.double() - truth).abs() / ulp).max().item()
        assert worst < (2 if name == "sqrt" else 6), name


def scaled(loss: Call, scale: float) -> Call:
    return lambda outputs: scale * loss(outputs)


def extreme_norms(dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
    """Norms of gradients whose squares are no numbers, and these gradients."""
    network = network_of(cell("rnn"), dtype)
    inputs, targets = make_data(network, 2, 3, scored=[2])
    by = by_triton(network)
    found = []
    for scale in (1e-30, 1e30) if dtype == torch.float32 else (1e-200, 1e200):
        keep = network.step_gradients(inputs.to(dtype), totals=True)
        grad = torch.zeros_like(network.flat)
        with torch.no_grad():
            by.gradients(inputs.to(dtype), [2], scaled(cross_entropy(targets), scale), grad, keep)
        found.append((keep[1].norms["h"], keep[1].totals["h"]))
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_norms_neither_overflow_nor_vanish(interpreted: Call, dtype: torch.dtype) -> None:
    for norms, totals in interpreted(extreme_norms, dtype):
        assert norms.dtype == torch.float64
        assert norms[:, -1].isfinite().all()
        assert (norms[:, -1] > 0).all()
        torch.testing.assert_close(norms, norm(totals), rtol=1e-12, atol=0)


@pytest.mark.gpu
@pytest.mark.parametrize("name", FAST)
def test_a_gpu_gives_the_numbers_of_the_cpu(name: str) -> None:
    plain = network_of(cell(name), torch.float64, layers=2)
    on_gpu = Network(plain.shape, plain.flat.cuda())
    ways = [each for each in on_gpu.scanners if isinstance(each, TritonScanner)]
    assert len(ways) == 2
    inputs, targets = make_data(plain, steps=9, batch=18, scored=[4, 9])
    expected = measure(plain, inputs, targets, [4, 9])
    found = measure(on_gpu, inputs.cuda(), targets.cuda(), [4, 9])
    assert not any(each.refused for each in ways)
    for key in ("loss", "inputs", "weights", "states"):
        torch.testing.assert_close(found[key], expected[key], check_device=False, **TOLERANCE[torch.float64])
