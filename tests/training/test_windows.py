"""Truncated backpropagation: the state is carried from window to window."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from harness.engine.network import Network
from harness.experiment import Batch
from harness.tasks.streams import Streams
from harness.training.pack import Pack, run
from tests.conftest import Config
from tests.helpers.counting import Counting, settings


class Before(Counting):
    """The token before is asked for."""

    name: ClassVar[str] = "before"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        tape = rng.integers(5, size=(batch_size, seq_len + 1))
        return Batch(tape[:, 1:], tape[:, :-1], mask=np.tile(np.arange(seq_len) > 0, (batch_size, 1)))


def test_training_in_windows_carries_the_state(config: Config) -> None:
    # In windows of one step, only a state that is carried holds the token before.
    made = settings(
        config, Before(n_windows=50), cell="rnn", seq_len=1, hidden_size=32,
        train={"steps": 500, "batch_size": 32}, probe={"every": 500},
    )  # fmt: skip
    found = run(made)
    assert found["runs"].accuracy.item() > 0.8


def test_the_states_that_the_next_window_starts_from_take_no_second_pass(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = settings(config, Counting(n_windows=3), cell="rnn", seq_len=4, hidden_size=3)
    pack, passes, plain = Pack(made), [], Network.forward

    def counted(network: Network, *given: Any, **named: Any) -> Any:
        passes.append(network)
        return plain(network, *given, **named)

    monkeypatch.setattr(Network, "forward", counted)
    with torch.no_grad():
        pack.take_gradient()
    assert len(passes) == 1


def test_a_window_goes_on_from_the_state_in_which_the_one_before_has_ended_and_no_further_back(config: Config) -> None:
    """Losses and weights of plain loops over two long sequences of three windows, and the start of a third."""
    train = {"steps": 7, "batch_size": 3, "optimizer": "sgd", "lr": 0.5, "clip_norm": None}
    made = settings(
        config, Counting(n_windows=3), cell="rnn", seq_len=4, hidden_size=5, seed=[0, 1], dtype="float64", train=train
    )
    pack = Pack(made)
    own = [{name: value[row].clone() for name, value in pack.network.weights.items()} for row in range(2)]
    data, states = Streams(made[0].experiment, 4, [0, 1], "train"), [torch.zeros(3, 5).double()] * 2
    for _ in range(7):
        batch = data.next(3, torch.float64)
        with torch.no_grad():
            losses = pack.take_gradient()
            pack.move()
        for row, weights in enumerate(own):
            leaves = {name: value.requires_grad_() for name, value in weights.items()}
            h, said = states[row] if batch.continues else torch.zeros(3, 5).double(), []
            for token in batch.inputs[row]:
                h = torch.tanh(leaves["layer1.input"][token] + h @ leaves["layer1.recurrent"] + leaves["layer1.bias"])
                said.append(h @ leaves["readout.weight"] + leaves["readout.bias"])
            loss = torch.nn.functional.cross_entropy(
                torch.stack(said, dim=1).flatten(0, 1), batch.targets[row].flatten()
            )
            assert losses[row].item() == pytest.approx(loss.item(), rel=1e-12)
            slopes = torch.autograd.grad(loss, [*leaves.values()])
            own[row] = {name: (leaves[name] - 0.5 * slope).detach() for name, slope in zip(leaves, slopes, strict=True)}
            states[row] = h.detach()
    for row, weights in enumerate(own):
        for name, value in weights.items():
            torch.testing.assert_close(pack.network.weights[name][row], value, rtol=1e-10, atol=1e-12)
