"""Step by step with a Triton kernel for each stage, run by Triton's interpreter: what stages by torch give."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

from harness.engine.network import Network
from harness.engine.scan.compiler import CannotCompile
from harness.engine.scan.graphed import GraphedScanner, Graphs
from harness.engine.scan.stepwise import StepwiseScanner
from harness.engine.scan.triton.kernels import launch
from harness.engine.scan.triton.stages import TritonStages
from tests.engine.test_engine import cross_entropy, make_data, measure
from tests.engine.test_formulas import FORMULAS, Everything, cell_of
from tests.engine.test_graphed import stand_in
from tests.engine.test_triton import CELLS, FAST, Call, cell, compare_lengths, compare_tokens, some_slow
from tests.helpers.interpreted import by_stages, network_of
from tests.helpers.launches import launches

pytest.importorskip("triton")

TOLERANCE = {torch.float64: {"rtol": 1e-13, "atol": 1e-14}, torch.float32: {"rtol": 1e-5, "atol": 2e-6}}


def compare(network: Network, steps: int = 2, batch: int = 2) -> None:
    """Everything that a forward and a backward scan give."""
    dtype = network.flat.dtype
    inputs, targets = make_data(network, steps, batch, scored=[steps - 1, steps])
    found, expected = (
        measure(each, inputs.to(dtype), targets, [steps - 1, steps]) for each in (by_stages(network), network)
    )
    for key in ("loss", "inputs", "weights", "states"):
        torch.testing.assert_close(found[key], expected[key], **TOLERANCE[dtype])


def compare_cell(name: str, dtype: torch.dtype) -> None:
    compare(network_of(cell(name), dtype))


@pytest.mark.parametrize("name", some_slow(CELLS, FAST))
def test_a_cell_is_run_and_differentiated_as_by_torch(interpreted: Call, name: str) -> None:
    interpreted(compare_cell, name, torch.float64)


@pytest.mark.parametrize("name", ["lstm"])
def test_a_cell_is_run_in_float32_within_rounding(interpreted: Call, name: str) -> None:
    interpreted(compare_cell, name, torch.float32)


def compare_formula(name: str) -> None:
    compare(network_of(cell_of(FORMULAS[name]), torch.float64))


@pytest.mark.parametrize("name", ["a decision that waits for a product", "repeated and added up", "decisions"])
def test_a_formula_is_run_and_differentiated_as_by_torch(interpreted: Call, name: str) -> None:
    interpreted(compare_formula, name)


def compare_shapes() -> None:
    """Several blocks of a member, the last with less samples; tiles with and without room; layers; steps again."""
    compare(network_of(cell("rnn"), torch.float64, features=17, hidden_size=20), batch=18)
    compare(network_of(cell("rnn"), torch.float64, features=1, hidden_size=2, layers=2, recompute=True), steps=4)


def test_shapes_are_no_matter(interpreted: Call) -> None:
    interpreted(compare_shapes)


def test_a_token_takes_a_row_of_the_weights(interpreted: Call) -> None:
    interpreted(compare_tokens, by_stages, TOLERANCE[torch.float64])


def test_samples_end_at_steps_of_their_own(interpreted: Call) -> None:
    interpreted(compare_lengths, by_stages, TOLERANCE[torch.float64], Everything())


def replayed() -> None:
    """Stages in graphs, which a stand-in replays on memory that stays."""
    plain = network_of(cell("rnn"), torch.float64)
    network = by_stages(plain)
    (staged,) = network.scanners
    assert isinstance(staged, StepwiseScanner)
    network.scanners[0] = GraphedScanner(staged, Graphs(stand_in))
    found, expected = (torch.zeros_like(plain.flat) for _ in range(2))
    for turn in range(3):
        with torch.no_grad():
            plain.flat.mul_(0.9)
            inputs, targets = make_data(plain, steps=2, batch=2, scored=[1, 2])
            for each, grad in ((network, found), (plain, expected)):
                each.gradients(inputs + turn, [1, 2], cross_entropy(targets), grad)
        torch.testing.assert_close(found, expected, **TOLERANCE[torch.float64])


def test_replays_follow_the_weights_and_the_data(interpreted: Call) -> None:
    interpreted(replayed)


def gradients_of(network: Network, steps: int = 2) -> torch.Tensor:
    inputs, targets = make_data(network, steps, 2, scored=[steps])
    grad = torch.zeros_like(network.flat)
    with torch.no_grad():
        network.gradients(inputs, [steps], cross_entropy(targets), grad)
    return grad


def refused(fails: str) -> tuple[list[torch.Tensor], list[str]]:
    """What runs give of which Triton refuses to compile a kernel, and which kernels it was asked for."""
    network = network_of(cell("rnn"), torch.float64)
    (plain,) = network.scanners
    assert isinstance(plain, StepwiseScanner)
    truth = gradients_of(network)
    network.scanners[0] = StepwiseScanner(plain.plan, TritonStages(plain.plan, torch.float64))
    asked = []

    def launching(kernel: Any, *given: Any) -> None:
        asked.append(kernel.__name__)
        if kernel.__name__.startswith(fails):
            raise CannotCompile("out of resources")
        launch(kernel, *given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("harness.engine.scan.triton.stages.launch", launching)
        return [gradients_of(network), gradients_of(network), truth], asked


@pytest.mark.parametrize(("fails", "asked"), [("forward", ["forward"]), ("backward", ["forward"] * 2 + ["backward"])])
def test_what_triton_cannot_compile_is_done_by_torch(interpreted: Call, fails: str, asked: list[str]) -> None:
    (one, two, truth), kernels = interpreted(refused, fails)
    torch.testing.assert_close(one, truth)
    torch.testing.assert_close(two, truth)
    assert [name.split("_")[0] for name in kernels] == asked  # and is not asked again


def launched(network: Network) -> Counter[str]:
    """What 10 steps and their gradients take."""
    with launches() as counts:
        gradients_of(network, steps=10)
    return counts


def test_a_step_of_an_lstm_is_one_kernel_and_one_product_forward_and_back() -> None:
    plain = network_of(cell("lstm"), torch.float64)
    counts, by_torch = launched(by_stages(plain)), launched(plain)
    stages = Counter({name: count for name, count in counts.items() if name.startswith(("forward", "backward"))})
    assert sorted(stages.values()) == [10, 10]
    assert {name.split("_")[0] for name in stages} == {"forward", "backward"}
    # What is not done at every step: products of all inputs, gradients of weights, the loss.
    assert (counts - stages).total() < 2 * 10 + 100
    assert by_torch.total() > 5 * counts.total()
