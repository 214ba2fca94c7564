"""Oscillators, against torchrecurrent, and what their papers say of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.cells import Named, Weights
from harness.cells.oscillators.cornn import CoRNN
from harness.cells.oscillators.unicornn import UnICORNN
from tests.helpers.references import compare, torchrecurrent


def test_cornn() -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        return {
            "weight_ih": w.input.mT,
            "weight_hh": w.position.mT,
            "weight_ch": w.velocity.mT,
            "bias_ih": w.bias,
        }

    constants = {"dt": 0.3, "gamma": 0.7, "epsilon": 0.4}
    compare(CoRNN(**constants), torchrecurrent("coRNNCell", given, **constants))


def test_unicornn() -> None:
    def given(w: Weights) -> dict[str, Tensor]:
        return {
            "weight_ih": w.input.mT,
            "weight_hh": w.recurrent,
            "weight_ch": w.pace,
            "bias_ih": w.bias,
            "bias_hh": 0 * w.bias,
        }

    reference = torchrecurrent("UnICORNNCell", given, recurrent_bias=True, dt=0.3, alpha=0.6)
    compare(UnICORNN(dt=0.3, alpha=0.6), reference)


def test_a_unicornn_keeps_its_energy() -> None:
    """Without inputs and with w = 1, a unit's motion is that in the potential ln cosh h: its energy stays."""
    cell = UnICORNN(dt=0.1)
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    w: Any = Named(input=one, recurrent=one, bias=0 * one, pace=0 * one)
    h, v = [one], [0 * one]
    for _ in range(2000):
        after = cell.step(w, 0 * one, Named(h=h[-1], v=v[-1]))
        h.append(after["h"])
        v.append(after["v"])
    energy = torch.cat(v).square() / 2 + torch.cat(h).cosh().log()
    assert (energy / energy[0] - 1).abs().max() < 0.05
    assert torch.cat(h).min() < -0.9  # and swings all the way
