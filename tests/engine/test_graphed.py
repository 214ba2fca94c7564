"""Graphs without a GPU: a stand-in replays a captured call on the tensors it was captured with, as CUDA does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from harness.engine.network import Network
from harness.engine.scan.graphed import GraphedScanner, Graphs
from harness.engine.scan.stepwise import StepwiseScanner, StepwiseTrace
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


def graphed(network: Network) -> Network:
    made = Network(network.shape, network.flat, compiled=False)
    for layer, scanner in enumerate(made.scanners):
        assert isinstance(scanner, StepwiseScanner)
        made.scanners[layer] = GraphedScanner(scanner, Graphs(stand_in))
    return made


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", FORMULAS)
def test_replayed_calls_follow_the_weights_the_data_and_the_losses(cell: str, layers: int) -> None:
    plain = make_network(cell, members=2, features=3, hidden_size=4, layers=layers, way="stepwise")
    network = graphed(plain)
    grad = torch.zeros_like(plain.flat)
    for turn in range(4):
        with torch.no_grad():
            plain.flat.mul_(0.9)
            inputs, targets = make_data(plain, steps=6, batch=3, scored=[2, 6])
            inputs += turn
            # In between, another shape: an evaluation.
            network.outputs(inputs[:, :, :2], [6])
            loss, grad_x = network.gradients(inputs, [2, 6], cross_entropy(targets), grad, need_input_grad=True)
            expected = torch.zeros_like(grad)
            truth, truth_x = by(plain, "stepwise").gradients(
                inputs, [2, 6], cross_entropy(targets), expected, need_input_grad=True
            )
        torch.testing.assert_close(loss, truth)
        torch.testing.assert_close(grad_x, truth_x)
        torch.testing.assert_close(grad, expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
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
