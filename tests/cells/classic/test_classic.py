"""Recurrences without gates, against torch.nn and against their papers' equations written down a second time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.cells.classic.clockwork import Clockwork
from harness.cells.classic.delta_rnn import DeltaRNN
from harness.cells.classic.jordan import Jordan
from harness.cells.classic.leaky import Leaky
from harness.cells.classic.linear import Linear
from harness.cells.classic.rnn_relu import ReLURNN
from harness.cells.controls.feedforward import Feedforward
from tests.helpers.references import FEATURES, SIZE, compare


def elman(w: Any, x: Tensor, h: Tensor) -> Tensor:
    """One step of `torch.nn.RNNCell`."""
    cell = nn.RNNCell(x.shape[1], h.shape[1], dtype=x.dtype)
    own = {"weight_ih": w.input.T, "weight_hh": w.recurrent.T, "bias_ih": w.bias, "bias_hh": torch.zeros_like(w.bias)}
    return torch.func.functional_call(cell, own, (x, h))


def test_rnn_relu_is_torchs() -> None:
    theirs = nn.RNN(FEATURES, SIZE, nonlinearity="relu", dtype=torch.float64)

    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        biases = {"bias_ih_l0": w.bias, "bias_hh_l0": torch.zeros_like(w.bias)}
        weights = {"weight_ih_l0": w.input.T, "weight_hh_l0": w.recurrent.T}
        return list(torch.func.functional_call(theirs, weights | biases, (x,))[0])

    compare(ReLURNN(), sequence)


def test_linear_is_a_sum_over_powers_of_its_matrix() -> None:
    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        powers = [torch.linalg.matrix_power(w.recurrent, age) for age in range(len(x))]
        return [sum(x[t - age] @ w.input @ powers[age] for age in range(t + 1)) for t in range(len(x))]

    compare(Linear(), sequence)


def test_feedforward_is_a_layer_of_torch_at_every_step() -> None:
    theirs = nn.Sequential(nn.Linear(FEATURES, SIZE, dtype=torch.float64), nn.Tanh())

    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        return list(torch.func.functional_call(theirs, {"0.weight": w.input.T, "0.bias": w.bias}, (x,)))

    compare(Feedforward(), sequence)


@pytest.mark.parametrize("time_constant", [1.0, 4.0])
def test_leaky_is_an_euler_step_of_torchs_rnn(time_constant: float) -> None:
    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        h, found = x.new_zeros(x.shape[1], SIZE), []
        for each in x:
            h = (1 - 1 / time_constant) * h + elman(w, each, h) / time_constant
            found.append(h)
        return found

    compare(Leaky(time_constant=time_constant), sequence)


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_jordan_feeds_back_a_trace_of_its_outputs(decay: float) -> None:
    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        outputs: list[Tensor] = []
        for t, each in enumerate(x):
            trace = sum(decay ** (t - 1 - u) * outputs[u] for u in range(t)) if t else x.new_zeros(x.shape[1], SIZE)
            hidden = torch.tanh(torch.cat([each, trace], 1) @ torch.cat([w.x_z, w.h_z]) + w.b_z)
            outputs.append(torch.tanh(hidden @ w.z_y + w.b_y))
        return outputs

    compare(Jordan(decay=decay), sequence)


@pytest.mark.parametrize("modules", [1, 3, 4])
def test_clockwork_modules_run_at_their_rates_and_hear_slower_ones(modules: int) -> None:
    """Compared once with ``CwRNN`` (ToruOwO/clockwork-rnn-pytorch, model.py, 79f3564): to 3e-15.

    rnn-jax 0.0.2 squashes the states of modules that sleep at every step, unlike the paper.
    """
    of = [unit * modules // SIZE for unit in range(SIZE)]  # the module of every unit

    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        h, found = [x.new_zeros(x.shape[1]) for _ in range(SIZE)], []
        for t, each in enumerate(x):
            new = list(h)
            for unit in range(SIZE):
                if t % 2 ** of[unit] == 0:
                    heard = [source for source in range(SIZE) if of[source] >= of[unit]]
                    sums = each @ w.input[:, unit] + w.bias[unit]
                    new[unit] = torch.tanh(sums + sum(h[source] * w.recurrent[source, unit] for source in heard))
            h = new
            found.append(torch.stack(h, dim=1))
        return found

    compare(Clockwork(modules=modules), sequence)


def test_delta_rnn_is_the_papers_second_order_form() -> None:
    """Compared once with the authors' ``DeltaRNNLayer`` (ago109/Delta-RNN-Theano, 83f6698), in torch: to 2e-15."""

    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        h, found = x.new_zeros(x.shape[1], SIZE), []
        for each in x:
            data, past = each @ w.input, h @ w.recurrent
            first = w.both * past * data
            second = w.past * past + w.present * data
            inner = torch.tanh(first + second + w.b_z)
            share = 1 / (1 + torch.exp(-(data + w.b_r)))
            h = torch.tanh((1 - share) * inner + share * h)
            found.append(h)
        return found

    compare(DeltaRNN(), sequence)
