"""Cells in continuous time, against ncps and against their papers' equations written down a second time."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.cells.continuous.cfc import CfC
from harness.cells.continuous.ltc import LTC
from harness.cells.continuous.phased_lstm import PhasedLSTM
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit
from tests.helpers.transcribed import FEATURES, SIZE, compare


@pytest.mark.parametrize("elapsed", [1.0, 0.4])
def test_cfc_is_that_of_ncps(elapsed: float) -> None:
    pytest.importorskip("ncps")
    from ncps.torch.cfc_cell import CfCCell

    theirs = CfCCell(FEATURES, SIZE, backbone_units=SIZE).double()

    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        own = {
            "backbone.0.weight": torch.cat([w.x_z, w.h_z]).T, "backbone.0.bias": w.b_z,
            "ff1.weight": w.z_g.T, "ff1.bias": w.b_g, "ff2.weight": w.z_k.T, "ff2.bias": w.b_k,
            "time_a.weight": w.z_f.T, "time_a.bias": w.b_f,
            "time_b.weight": torch.zeros_like(w.z_f), "time_b.bias": torch.zeros_like(w.b_f),
        }  # fmt: skip
        h, found = x.new_zeros(x.shape[1], SIZE), []
        for each in x:
            h = torch.func.functional_call(theirs, own, (each, h, elapsed))[0]
            found.append(h)
        return found

    compare(CfC(elapsed=elapsed), sequence)


@pytest.mark.parametrize("unfolds", [1, 6])
def test_ltc_is_the_papers_fused_solver(unfolds: int) -> None:
    def fused_step(w: Any, x: Tensor, each: Tensor, piece: float) -> Tensor:
        f = torch.special.expit(torch.cat([each, x], 1) @ torch.cat([w.x_f, w.h_f]) + w.b_f)
        tau = torch.exp(-w.log_rate)
        return torch.div(x + piece * f * w.target, 1 + piece * (1 / tau + f))

    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        h, found = x.new_zeros(x.shape[1], SIZE), []
        for each in x:
            for _ in range(unfolds):
                h = fused_step(w, h, each, 1 / unfolds)
            found.append(h)
        return found

    compare(LTC(unfolds=unfolds), sequence)


def test_ltc_comes_to_the_solution_of_its_differential_equation() -> None:
    """With W_h = 0 the equation of a step is linear: h moves exponentially to f A / (1/τ + f)."""
    far = []
    for unfolds in (64, 128):
        cell = LTC(unfolds=unfolds, time_constant=2.0, update_bias=0.3)
        network = Network.create(
            Architecture(cell, 1, 3, 1, 1), [MemberInit(cell, 0, "gaussian", 0.0)], torch.float64, "cpu", compiled=False
        )
        x = torch.full((1, 1, 1, 1), 0.8, dtype=torch.float64)
        w = network.layer(1)
        f = torch.sigmoid(0.8 * w.x_f[0, 0] + 0.3)
        speed = 0.5 + f
        truth = f * w.target[0] / speed * (1 - torch.exp(-speed))
        far.append((network.forward(x)[0].outputs[0, 0, 0] - truth).abs().max().item())
    assert far[1] < 0.004
    assert far[1] / far[0] == pytest.approx(0.5, abs=0.02)  # a method of first order


def test_phased_lstm_is_the_papers_with_a_clock_outside() -> None:
    share, leak = 0.4, 0.01

    def opened(t: int, period: Tensor, shift: Tensor) -> Tensor:
        found = []
        for tau, s in zip(period, shift, strict=True):
            phase = torch.remainder(t - s, tau) / tau
            if phase < share / 2:
                found.append(2 * phase / share)
            else:
                found.append(2 - 2 * phase / share if phase < share else leak * phase)
        return torch.stack(found)

    def sequence(w: Any, x: Tensor) -> list[Tensor]:
        h = c = x.new_zeros(x.shape[1], SIZE)
        found = []
        for t, each in enumerate(x):
            i = torch.sigmoid(each @ w.x_i + h @ w.h_i + w.p_i * c + w.b_i)
            f = torch.sigmoid(each @ w.x_f + h @ w.h_f + w.p_f * c + w.b_f)
            c_new = f * c + i * torch.tanh(each @ w.x_c + h @ w.h_c + w.b_c)
            o = torch.sigmoid(each @ w.x_o + h @ w.h_o + w.p_o * c_new + w.b_o)
            h_new = o * torch.tanh(c_new)
            k = opened(t, *w.rhythm.chunk(2))
            c, h = k * c_new + (1 - k) * c, k * h_new + (1 - k) * h
            found.append(h)
        return found

    compare(PhasedLSTM(open_share=share, leak=leak), sequence)


def test_periods_of_a_phased_lstm_start_as_the_paper_draws_them() -> None:
    cell = PhasedLSTM(log_period=2.0)
    network = Network.create(
        Architecture(cell, 1, 2000, 1, 1), [MemberInit(cell, 0, "identity", 1.0)], torch.float32, "cpu"
    )
    period, shift = network.layer(1)["rhythm"][0].double().chunk(2)
    assert period.log().mean().item() == pytest.approx(1.0, abs=0.05)
    assert period.min() >= 1
    assert period.max() <= math.exp(2.0) * (1 + 1e-6)
    assert (shift >= 0).all()
    assert (shift < period).all()
