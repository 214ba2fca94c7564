"""Watched modules: what they are given, where they stand in a model, and what is remembered from update to update."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import harness
from harness.base.errors import UserError

B, T, F, H = 4, 6, 3, 5


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def last_of(states: Any) -> list[Tensor]:
    return list(states) if isinstance(states, tuple) else [states]


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_watched_layer_takes_and_gives_what_torchs_does(kind: Any, first: bool, alone: bool) -> None:
    """From a state of its own, of a batch or of one sequence, whichever axis is time."""
    layer = kind(F, H, 2, batch_first=first).double()
    shape = (T, F) if alone else (B, T, F) if first else (T, B, F)
    x, parts = torch.randn(shape).double(), 2 if kind is nn.LSTM else 1
    start = tuple(torch.randn((2, H) if alone else (2, B, H)).double() for _ in range(parts))
    for given in ((x,), (x, start if parts == 2 else start[0])):
        wanted = layer(*given)
        with harness.watch(layer):
            found = layer(*given)
        torch.testing.assert_close(found[0], wanted[0])
        for one, other in zip(last_of(found[1]), last_of(wanted[1]), strict=True):
            torch.testing.assert_close(one, other)


def test_where_no_gradient_arrives_it_is_zero() -> None:
    layer, x = nn.GRU(F, H, batch_first=True).double(), torch.randn(B, T, F).double()
    with harness.watch(layer, loss="sum") as watched:
        layer(x)[0][:, 2].sum().backward()
        rows = watched.take()
    assert (rows.grad_norm > 0).tolist() == [True] * 3 + [False] * (T - 3)
    assert rows.grad_norm.iloc[2] == pytest.approx(np.sqrt(H))  # of a sum each unit's is 1
    assert rows.grad_norm.iloc[3:].tolist() == [0.0] * (T - 3)


def test_sequences_of_one_step_are_told_apart() -> None:
    cell, x = nn.GRUCell(F, H).double(), torch.randn(B, F).double()
    with harness.watch(cell, loss="sum") as watched:
        for _ in range(3):
            cell(x).sum().backward()
        rows = watched.take()
    assert rows.grad_norm.tolist() == pytest.approx([np.sqrt(H)])


class Pair(nn.Module):
    """A cell of two parts, of which the loss sees one alone."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(F, H)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.tanh(self.inner(x)), torch.sigmoid(self.inner(x))


def test_an_update_is_over_where_any_part_of_the_state_has_its_gradient() -> None:
    cell, x = Pair().double(), torch.randn(B, F).double()
    with harness.watch(cell, loss="sum") as watched:
        for _ in range(2):
            cell(x)[0].sum().backward()
        rows = watched.take()
    assert rows.t.tolist() == [1, 1]


def test_what_cannot_be_watched_is_called_by_its_name_in_the_model() -> None:
    class Reader(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Any) -> Any:
            return self.inner(x)

    packed = nn.utils.rnn.pack_sequence([torch.randn(T, F)])
    for wrong in ({"bidirectional": True}, {"proj_size": 2}):
        layer = nn.LSTM(F, H, **wrong)
        for model, name in ((layer, "LSTM"), (Reader(layer), "inner")):
            with pytest.raises(UserError, match=f"^{name}: valid to watch: one direction"), harness.watch(model):
                pass
    for model, name in ((layer := nn.LSTM(F, H), "LSTM"), (Reader(layer), "inner")):
        with harness.watch(model), pytest.raises(UserError, match=f"^{name}: packed sequences cannot be watched"):
            model(packed)

    class Square(nn.GRUCell):
        def forward(self, *given: Any) -> Any:
            return super().forward(*given)[None]

    model = Reader(Square(F, H))
    with harness.watch(model), pytest.raises(UserError, match=r"^inner: gives \(1, 4, 5\)"):
        model(torch.randn(B, F))


def test_what_has_run_before_is_forgotten_when_the_context_ends() -> None:
    layer, x = nn.GRU(F, H).double(), torch.randn(T, B, F).double()
    watched = harness.watch(layer)
    with watched:
        layer(x)[0].sum().backward()
    with watched, pytest.raises(UserError, match="nothing has run"):
        watched.take()
    assert "forward" not in vars(layer)
