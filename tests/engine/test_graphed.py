"""Graphs: without a GPU a stand-in replays a captured call on the tensors it was captured with, as CUDA does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch

from harness.cells.classic.rnn import RNN
from harness.engine.network import Network
from harness.engine.scan.choice import scanner
from harness.engine.scan.compiled import Kernel
from harness.engine.scan.graphed import GraphedScanner, Graphs, cuda_graph
from harness.engine.scan.stepwise import StepwiseScanner, StepwiseTrace
from tests.conftest import DEVICES
from tests.engine.test_engine import FORMULAS, by, cross_entropy, make_data, make_network


def stand_in(call: Callable[[], Any], device: torch.device) -> Callable[[], Any]:
    """Runs the call at every replay, and fills what the first one gave with what the later ones give."""
    kept: list[Any] = []

    def fill(old: Any, new: Any) -> None:
        if isinstance(old, torch.Tensor):
            old.copy_(new)
        elif isinstance(old, dict):
            for name in old:
                fill(old[name], new[name])
        elif isinstance(old, tuple):
            for one, other in zip(old, new, strict=True):
                fill(one, other)
        elif isinstance(old, StepwiseTrace):
            # A graph knows nothing of other memory than that of its capture.
            fill(old.act, new.act)
            fill(old.states, new.states)

    def replay() -> Any:
        made = call()
        fill(kept[0], made) if kept else kept.append(made)
        return kept[0]

    return replay


def graphed(network: Network, recompute: bool = False, device: str = "cpu") -> Network:
    """The same networks; on a CPU of the same weights, which are to be copied to another device when they change."""
    made = Network(network.shape, network.flat.to(device), compiled=False, recompute=recompute)
    for layer, plain in enumerate(made.scanners):
        assert isinstance(plain, StepwiseScanner)
        made.scanners[layer] = GraphedScanner(plain, Graphs(stand_in if device == "cpu" else cuda_graph))
    return made


ANYWHERE = {"check_device": False, "rtol": 1e-9, "atol": 1e-11}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", FORMULAS)
def test_replayed_calls_follow_the_weights_the_data_and_the_losses(cell: str, layers: int, device: str) -> None:
    plain = make_network(cell, members=2, features=3, hidden_size=4, layers=layers, way="stepwise")
    network = graphed(plain, device=device)
    grad = torch.zeros_like(network.flat)
    for turn in range(4):
        with torch.no_grad():
            plain.flat.mul_(0.9)
            inputs, targets = make_data(plain, steps=6, batch=3, scored=[2, 6])
            network.flat.copy_(plain.flat)
            inputs += turn
            on_device, loss_there = inputs.to(device), cross_entropy(targets.to(device))
            # In between, another shape: an evaluation.
            network.outputs(on_device[:, :, :2], [6])
            loss, grad_x = network.gradients(on_device, [2, 6], loss_there, grad, need_input_grad=True)
            expected = torch.zeros_like(plain.flat)
            truth, truth_x = by(plain, "stepwise").gradients(
                inputs, [2, 6], cross_entropy(targets), expected, need_input_grad=True
            )
            ends, true_ends = network.final(network.forward(on_device)), plain.final(plain.forward(inputs))
        torch.testing.assert_close(ends, true_ends, **ANYWHERE)
        torch.testing.assert_close(loss, truth, **ANYWHERE)
        torch.testing.assert_close(grad_x, truth_x, **ANYWHERE)
        torch.testing.assert_close(grad, expected, **ANYWHERE)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("need_input_grad", [False, True])
@pytest.mark.parametrize(("steps", "scored"), [(10, [2, 6, 10]), (9, [9]), (10, [10]), (10, [*range(1, 11)])])
def test_spans_that_are_computed_again_are_told_apart(
    steps: int, scored: list[int], need_input_grad: bool, device: str
) -> None:
    """Spans lie at the same addresses, one after another; the last may be shorter, and each has other scored steps."""
    plain = make_network("lstm", members=2, features=3, hidden_size=4, way="stepwise")
    network = graphed(plain, recompute=True, device=device)
    assert len(network.spans(steps)) > 1
    grad, expected = torch.zeros_like(network.flat), torch.zeros_like(plain.flat)
    for turn in range(4):
        with torch.no_grad():
            plain.flat.mul_(0.9)
            inputs, targets = make_data(plain, steps=steps, batch=3, scored=scored)
            network.flat.copy_(plain.flat)
            inputs += turn
            there = inputs.to(device), scored, cross_entropy(targets.to(device)), grad
            __, grad_x = network.gradients(*there, need_input_grad=need_input_grad)
            __, truth_x = plain.gradients(inputs, scored, cross_entropy(targets), expected, need_input_grad=True)
        torch.testing.assert_close(grad, expected, **ANYWHERE)
        if need_input_grad:
            torch.testing.assert_close(grad_x, truth_x, **ANYWHERE)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("recompute", [False, True])
def test_steps_with_norms_are_graphs_too_and_write_where_they_are_told(recompute: bool, device: str) -> None:
    plain = make_network("lstm", members=2, features=3, hidden_size=4, way="stepwise")
    network, replays = graphed(plain, recompute, device), []

    def counting(call: Callable[[], Any], device: torch.device) -> Callable[[], Any]:
        replay = (stand_in if device.type == "cpu" else cuda_graph)(call, device)
        return lambda: (replays.append(1), replay())[1]

    network.scanners[0].graphs.capture = counting
    grad, expected = torch.zeros_like(network.flat), torch.zeros_like(plain.flat)
    inputs, targets = make_data(plain, steps=9, batch=3, scored=[4, 9])
    loss, loss_there = cross_entropy(targets), cross_entropy(targets.to(device))
    rooms = [network.step_gradients(inputs.to(device), totals=totals) for totals in (False, True, False)]
    with torch.no_grad():
        for _ in range(4):
            for keep in rooms:
                plain.flat.mul_(0.95)
                truth = plain.step_gradients(inputs, totals=True)
                network.flat.copy_(plain.flat)
                network.gradients(inputs.to(device), [4, 9], loss_there, grad, keep)
                plain.gradients(inputs, [4, 9], loss, expected, truth)
                torch.testing.assert_close(grad, expected, **ANYWHERE)
                torch.testing.assert_close(keep[1].norms, truth[1].norms, **ANYWHERE)
                if keep[1].totals:
                    torch.testing.assert_close(keep[1].totals, truth[1].totals, **ANYWHERE)
    spans = len(network.spans(9))
    # Each room has graphs of its own from the second turn on; going forward, all share them.
    assert len(replays) >= 3 * spans * len(rooms)


def doubled(given: dict[str, torch.Tensor]) -> torch.Tensor:
    return 2 * given["x"]


def test_a_call_is_captured_when_it_comes_a_second_time_and_is_replayed_from_then_on() -> None:
    captured = []

    def capture(call: Callable[[], Any], device: torch.device) -> Callable[[], Any]:
        captured.append(device.type)
        return stand_in(call, device)

    graphs = Graphs(capture)
    # Another key and other shapes are other calls, each with a graph of its own.
    for count, (key, size) in enumerate([("a", 2), ("b", 2), ("a", 3)]):
        for turn in range(4):
            found = graphs(key, {"x": torch.full((size,), float(turn))}, doubled)
            assert found.tolist() == [2.0 * turn] * size
            assert len(captured) == count + (turn > 0)
    assert captured == ["cpu"] * 3
    x = torch.ones(2)
    graphs("a", {"x": x}, doubled)
    assert x.tolist() == [1, 1]  # what a graph keeps is its own


def test_what_cannot_be_captured_goes_on_running_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    tried = []

    def refuse(call: Callable[[], Any], device: torch.device) -> Callable[[], Any]:
        tried.append(device)
        raise RuntimeError("operation not permitted\nand many lines more")

    graphs = Graphs(refuse)
    with caplog.at_level(logging.INFO):
        found = [graphs("a", {"x": torch.tensor(float(turn))}, doubled).item() for turn in range(5)]
    assert found == [0, 2, 4, 6, 8]
    assert len(tried) == 1
    assert caplog.messages == ["a scan cannot be captured as a CUDA graph, and runs without: operation not permitted"]


@pytest.fixture
def no_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.engine.scan.choice.why_no_kernels", lambda *_: "not here")


@pytest.mark.usefixtures("no_triton")
def test_graphs_are_what_a_gpu_gets_without_triton_where_compiling_is_asked_for() -> None:
    def of(device: str, compile: bool) -> type[Any]:
        return type(scanner(RNN(), 2, 3, torch.float32, torch.device(device), compile))

    assert [of("cuda", True), of("cuda", False)] == [GraphedScanner, StepwiseScanner]
    assert [of("cpu", True), of("cpu", False)] == [Kernel, StepwiseScanner]


@pytest.mark.gpu
@pytest.mark.usefixtures("no_triton")
@pytest.mark.parametrize("cell", FORMULAS)
def test_a_gpu_gives_the_numbers_of_the_cpu(cell: str) -> None:
    plain = make_network(cell, members=3, features=3, hidden_size=4, layers=2, way="stepwise")
    inputs, targets = make_data(plain, steps=9, batch=3, scored=[4, 9])
    expected, found = torch.zeros_like(plain.flat), torch.zeros_like(plain.flat).cuda()
    on_gpu = Network(plain.shape, plain.flat.cuda())
    assert all(isinstance(scanner, GraphedScanner) for scanner in on_gpu.scanners)
    with torch.no_grad():
        truth, _ = plain.gradients(inputs, [4, 9], cross_entropy(targets), expected)
        for _ in range(3):
            loss, _ = on_gpu.gradients(inputs.cuda(), [4, 9], cross_entropy(targets.cuda()), found)
            torch.testing.assert_close(loss.cpu(), truth)
            torch.testing.assert_close(found.cpu(), expected)


def test_of_many_shapes_only_so_many_are_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training on hundreds of lengths: what was captured goes on being replayed, the others run as they are."""
    monkeypatch.setattr("harness.engine.scan.graphed.MOST_CAPTURED", 2)
    captured = []

    def counting(call: Callable[[], Any], device: torch.device) -> Callable[[], Any]:
        captured.append(call)
        return stand_in(call, device)

    graphs = Graphs(counting)
    for turn in range(4):
        for length in (3, 5, 8, 2):
            given = torch.arange(float(length)) + turn
            torch.testing.assert_close(graphs("sum", {"": given}, lambda inputs: inputs[""].cumsum(0)), given.cumsum(0))
    assert len(captured) == 2
