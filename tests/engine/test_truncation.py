"""Truncated backpropagation within a sequence, against loops of torch with ``detach``, in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.base.errors import UserError
from harness.cells.gated.lstm import LSTM
from harness.engine.network import Network
from harness.engine.truncation import Truncation
from harness.engine.weights import Architecture, MemberInit, views
from harness.settings.members import members, packs
from harness.training.pack import Pack, run
from tests.conftest import Config

STEPS, BATCH, FEATURES, WIDTH, LAYERS, OUTPUTS = 11, 3, 4, 5, 2, 2
EXACT = {"rtol": 0, "atol": 1e-12}
EVERY, END = list(range(1, STEPS + 1)), [STEPS]


def network(
    count: int = 2, compiled: bool = True, recompute: bool = False, dtype: torch.dtype = torch.float64
) -> Network:
    shape = Architecture(LSTM(), FEATURES, WIDTH, LAYERS, OUTPUTS)
    inits = [MemberInit(LSTM(), seed, "gaussian", 1.3) for seed in range(count)]
    return Network.create(shape, inits, dtype, "cpu", compiled, recompute)


def inputs(count: int = 2) -> Tensor:
    return torch.randn(count, STEPS, BATCH, FEATURES, dtype=torch.float64, generator=torch.manual_seed(1))


def loss(outputs: Tensor) -> Tensor:
    return outputs.sin().sum(dim=(2, 3))


def by_torch(made: Network, k: int, x: Tensor, scored: Sequence[int], k1: int, k2: int) -> dict[str, Tensor]:
    """Every k1 steps, and at the end, the last k1 outputs go back k2 steps: from states that were detached before."""
    mine, own = {name: value[k] for name, value in made.weights.items()}, LSTM().of_torch()
    assert own is not None
    layer = nn.LSTM(FEATURES, WIDTH, LAYERS, dtype=torch.float64)
    for n in range(LAYERS):
        parts = {name[7:]: value for name, value in mine.items() if name.startswith(f"layer{n + 1}.")}
        layer.load_state_dict({f"{name}_l{n}": value for name, value in own.given(parts).items()}, strict=False)
    readout = nn.Linear(WIDTH, OUTPUTS, dtype=torch.float64)
    readout.load_state_dict({"weight": mine["readout.weight"].T, "bias": mine["readout.bias"]})
    zeros = torch.zeros(LAYERS, BATCH, WIDTH, dtype=torch.float64)
    state, states = (zeros, zeros), [(zeros, zeros)]
    with torch.no_grad():
        for t in range(STEPS):
            _, state = layer(x[t : t + 1], state)
            states.append(state)
    with torch.enable_grad():
        for t in range(1, STEPS + 1):
            if t % k1 and t != STEPS:
                continue
            begin = max(0, t - k2)
            said = readout(layer(x[begin:t], tuple(each.detach() for each in states[begin]))[0])
            since = (t - 1) // k1 * k1
            own_steps = [step for step in scored if since < step <= t]
            if own_steps:
                loss(said[[step - 1 - begin for step in own_steps]].transpose(0, 1)[None]).sum().backward()
    found = {"readout.weight": readout.weight.grad.T, "readout.bias": readout.bias.grad}
    for n in range(LAYERS):
        theirs = {name: getattr(layer, f"{name}_l{n}").grad for name in ("weight_ih", "weight_hh")}
        none = {name: torch.zeros(4 * WIDTH, dtype=torch.float64) for name in ("bias_ih", "bias_hh")}
        taken = own.taken(theirs | none)
        found |= {f"layer{n + 1}.{name}": taken[name] for name in ("input", "recurrent")}
    return found


@pytest.mark.parametrize("scored", [END, EVERY, [2, 5, 9]], ids=["end", "every", "some"])
@pytest.mark.parametrize(("k1", "k2"), [(3, 3), (1, 4), (2, 5), (4, 4), (1, 1), (10, 10)])
@pytest.mark.parametrize("way", ["compiled", "stepwise", "recompute"])
def test_errors_go_back_as_far_as_in_a_loop_that_detaches(way: str, k1: int, k2: int, scored: list[int]) -> None:
    made, given = network(compiled=way != "stepwise", recompute=way == "recompute"), inputs()
    flat, whole = torch.zeros_like(made.flat), torch.zeros_like(made.flat)
    losses, _ = made.gradients(given, scored, loss, flat, cut=Truncation(k1, k2))
    uncut, _ = made.gradients(given, scored, loss, whole)
    torch.testing.assert_close(losses, uncut, **EXACT)  # the whole sequence is read
    for k in range(2):
        for name, value in by_torch(made, k, given[k], scored, k1, k2).items():
            torch.testing.assert_close(views(made.shape, flat)[name][k], value, **EXACT)


def test_only_the_way_of_the_answer_is_gone_back() -> None:
    (only,) = Truncation(3, 5).stretches(11, END)
    assert (only.begin, only.end, only.first) == (6, 11, 9)
    (middle,) = Truncation(3, 5).stretches(11, [6])  # of the second three, and of no other
    assert (middle.begin, middle.end, middle.first) == (1, 6, 3)
    every = Truncation(3, 5).stretches(11, EVERY)
    assert [(each.begin, each.end, each.first) for each in every] == [(0, 3, 0), (1, 6, 3), (4, 9, 6), (6, 11, 9)]


def test_a_member_is_cut_the_same_whatever_its_company() -> None:
    made, given, cut = network(3, dtype=torch.float32), inputs(3).float(), Truncation(2, 5)
    together, alone = torch.zeros_like(made.flat), torch.zeros_like(made.flat[:1])
    made.gradients(given, EVERY, loss, together, cut=cut)
    made.only([1]).gradients(given[1:2], EVERY, loss, alone, cut=cut)
    assert together[1].equal(alone[0])


@pytest.mark.parametrize("compiled", [True, False])
def test_with_k1_of_1_samples_that_end_at_steps_of_their_own_are_cut_as_they_are_alone(compiled: bool) -> None:
    made, given, cut, ends = network(compiled=compiled), inputs(), Truncation(1, 5), [STEPS, 7, 4]
    own = torch.tensor([[step == end for step in sorted(ends)] for end in ends])

    def at_own_end(outputs: Tensor) -> Tensor:
        return (outputs.sin().sum(-1) * own).sum(-1)

    together, alone = torch.zeros_like(made.flat), torch.zeros_like(made.flat)
    lengths = torch.tensor([ends, ends])
    made.gradients(given, sorted(ends), at_own_end, together, cut=cut, lengths=lengths)
    for sample, end in enumerate(ends):
        found = torch.zeros_like(made.flat)
        made.gradients(given[:, :end, sample : sample + 1], [end], loss, found, cut=cut)
        alone += found
    torch.testing.assert_close(together, alone, **EXACT)


def test_runs_train_with_the_cut_gradient_and_are_probed_with_the_whole_one(config: Config) -> None:
    pack, whole = Pack(members(config(train={"k2": 3}))), Pack(members(config()))
    with torch.no_grad():
        found, plain = pack.measure()[0], whole.measure()[0]
        assert torch.equal(pack.take_gradient(), whole.take_gradient())
    for one, other in zip(found.gradients.whole, plain.gradients.whole, strict=True):
        assert one.norms.equal(other.norms)
    assert not pack.optimizer.grad.equal(whole.optimizer.grad)
    assert run(members(config(train={"k2": 3, "k1": 1})))["runs"].status.tolist() == ["ok"]


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (
            {"k2": 3, "gradient_penalty": 1.0},
            "train.gradient_penalty=1.0: not with train.k2=3, which cuts the way back; valid: null",
        ),
        ({"k2": 8}, "train.k2=8: no way back is longer with seq_len=8; valid: null, or less than seq_len"),
        ({"k1": 2}, "train.k1=2: not with train.k2=null; valid: null, or 1 to train.k2"),
        ({"k1": 4, "k2": 3}, "train.k1=4: not with train.k2=3; valid: null, or 1 to train.k2"),
    ],
)
def test_what_would_do_nothing_or_forget_errors_is_one_line(config: Config, train: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        members(config(train=train))
    assert str(caught.value) == said
    assert not packs("train.k2", ["rnn"])
