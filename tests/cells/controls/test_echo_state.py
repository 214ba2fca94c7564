"""A network of which the readout alone learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.cells.controls.echo_state import EchoState
from harness.engine.network import Network
from harness.engine.optimizer import MemberOptimizer
from harness.engine.weights import Architecture, MemberInit
from tests.cells.classic.test_classic import elman
from tests.helpers.references import SIZE, compare


@pytest.mark.parametrize("leak", [1.0, 0.3])
def test_an_echo_state_network_is_torchs_rnn_that_leaks(leak: float) -> None:
    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        h, found = x.new_zeros(x.shape[1], SIZE), []
        for each in x:
            h = (1 - leak) * h + leak * elman(w, each, h)
            found.append(h)
        return found

    compare(EchoState(leak=leak), sequence)


@pytest.mark.parametrize("rule", ["adam", "rmsprop", "sgd"])
def test_what_is_not_trained_has_no_gradient_and_never_moves(rule: str) -> None:
    cell = EchoState()
    shape = Architecture(cell, 3, 5, 2, 2)
    inits = [MemberInit(cell, seed, "orthogonal", 0.9) for seed in range(2)]
    network = Network.create(shape, inits, torch.float32, "cpu")
    before = {name: value.clone() for name, value in network.weights.items()}
    optimizer = MemberOptimizer(network.flat, rule, [0.1, 0.1], [1.0, None])
    x = torch.randn(2, 6, 4, 3, generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        network.gradients(x, [6], lambda outputs: outputs.square().sum((2, 3)), optimizer.grad)
        for name, value in Network(shape, optimizer.grad).weights.items():
            assert value.any() == name.startswith("readout"), name
        optimizer.step(torch.ones(2, dtype=torch.bool))
    moved = {name for name, value in network.weights.items() if not value.equal(before[name])}
    assert moved == {"readout.weight", "readout.bias"}


def test_the_gradient_of_its_states_is_that_of_the_network_that_it_is() -> None:
    cell = EchoState()
    network = Network.create(
        Architecture(cell, 3, 5, 1, 2), [MemberInit(cell, 0, "orthogonal", 0.9)], torch.float64, "cpu"
    )
    x = torch.zeros(1, 8, 1, 3, dtype=torch.float64)
    keep = network.step_gradients(x)
    network.gradients(x, [8], lambda outputs: outputs.sum((2, 3)), torch.empty_like(network.flat), keep)
    # Silence: tanh's slope is 1, and each step multiplies the gradient by 0.9 times an orthogonal matrix.
    norms = keep[1].norms["h"][0, :, 0]
    torch.testing.assert_close(norms / norms[-1], 0.9 ** torch.arange(7, -1, -1, dtype=torch.float64))
