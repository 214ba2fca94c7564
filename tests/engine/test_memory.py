"""How much memory a training step takes: counted, allocation by allocation, not by the clock or the system."""

from __future__ import annotations

import gc

import pytest
import torch

from harness.bench.memory import peak_bytes
from harness.engine.network import Network
from harness.engine.scan.plan import planned_step
from tests.engine.test_engine import FORMULAS, by, cross_entropy, make_data, make_network


def step_bytes(network: Network, steps: int, batch: int) -> int:
    inputs, targets = make_data(network, steps, batch, scored=[steps])
    grad, keep = torch.zeros_like(network.flat), network.step_gradients(inputs)
    with torch.no_grad():
        return peak_bytes(lambda: network.gradients(inputs, [steps], cross_entropy(targets), grad, keep))


def stored_bytes(network: Network, steps: int, batch: int) -> int:
    shape = network.shape
    planned = planned_step(shape.cell, shape.input_size, shape.hidden_size)
    width = sum(shape.cell.widths(shape.hidden_size).values()) + (0 if planned is None else planned.act)
    return len(network.flat) * steps * batch * shape.num_layers * width * 8


def test_what_is_thrown_away_of_what_was_there_before_is_not_counted() -> None:
    def leave() -> None:
        old: list[object] = [torch.zeros(1000, dtype=torch.float64)]
        old.append(old)

    def call() -> None:
        gc.collect()
        torch.zeros(500, dtype=torch.float64)

    gc.disable()
    try:
        peak_bytes(leave)  # of what was made in no such call, torch does not tell that it goes
        assert peak_bytes(call) == 4000
    finally:
        gc.enable()
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("way", ["compiled", "stepwise"])
@pytest.mark.parametrize("cell", FORMULAS)
def test_a_step_takes_little_more_than_what_must_be_stored(cell: str, way: str) -> None:
    network = make_network(cell, members=3, features=8, hidden_size=32, way=way)
    stored = stored_bytes(network, steps=80, batch=16)
    assert stored <= step_bytes(network, steps=80, batch=16) <= 1.5 * stored


@pytest.mark.parametrize(("cell", "way"), [("rnn", "compiled"), ("gru", "stepwise"), ("gru_reset_before", "general")])
def test_memory_grows_in_proportion_to_the_length(cell: str, way: str) -> None:
    short, long = (
        step_bytes(make_network(cell, members=2, features=4, hidden_size=16, way=way), steps, batch=8)
        for steps in (20, 200)
    )
    assert long <= 1.15 * 10 * short


@pytest.mark.parametrize("way", ["compiled", "stepwise"])
def test_recomputing_needs_memory_for_the_root_of_the_length(way: str) -> None:
    network = make_network("lstm", members=2, features=4, hidden_size=16)
    network.recompute = True
    steps, span = 625, 25
    taken = step_bytes(by(network, way), steps, batch=8)
    states = stored_bytes(network, steps, batch=8) // 6 * 2 // span
    assert taken <= 1.5 * stored_bytes(network, span, batch=8) + 2 * states
    assert taken <= 0.1 * stored_bytes(network, steps, batch=8)


def test_a_sequence_of_20000_steps_can_be_trained_on() -> None:
    made = make_network("lstm", members=1, features=4, hidden_size=32, dtype=torch.float32)
    network = Network(made.shape, made.flat, recompute=True)
    steps, batch = 20_000, 4
    inputs, targets = make_data(network, steps, batch, scored=[steps])
    inputs, grad, keep = inputs.float(), torch.zeros_like(network.flat), network.step_gradients(inputs.float())
    losses = []
    with torch.no_grad():
        for _ in range(3):
            loss, _ = network.gradients(inputs, [steps], cross_entropy(targets), grad, keep)
            network.flat -= 0.01 * grad
            losses.append(loss.mean().item())
    assert losses[2] < losses[0]
    assert keep[1].norms["c"].isfinite().all()
    held = sum(buffers.bytes for buffers in network.buffers)
    assert held <= 0.02 * stored_bytes(network, steps, batch) / 2
