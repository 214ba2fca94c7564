"""Diagonal and antisymmetric recurrences, against torchrecurrent."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from harness.cells import Weights
from harness.cells.constrained.antisymmetric import Antisymmetric
from harness.cells.constrained.gated_antisymmetric import GatedAntisymmetric
from harness.cells.constrained.ind_rnn import IndRNN
from tests.helpers.references import compare, gate_by_gate, rows, torchrecurrent


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_ind_rnn(activation: Literal["relu", "tanh"]) -> None:
    def given(w: Weights) -> dict[str, torch.Tensor]:
        return {"weight_ih": rows(w, "input"), "vector_u": w.recurrent, "bias_ih": w.bias}

    compare(IndRNN(activation=activation), torchrecurrent("IndRNNCell", given, nonlinearity=activation))


def test_antisymmetric() -> None:
    reference = torchrecurrent("AntisymmetricRNNCell", gate_by_gate("n"), epsilon=0.3, gamma=0.2)
    compare(Antisymmetric(step_size=0.3, damping=0.2), reference)


def test_gated_antisymmetric() -> None:
    def given(w: Weights) -> dict[str, torch.Tensor]:
        return {
            "weight_ih": rows(w, "x_z", "x_n"),
            "weight_hh": rows(w, "recurrent"),
            "bias_ih": rows(w, "b_z", "b_n"),
        }

    reference = torchrecurrent("GatedAntisymmetricRNNCell", given, epsilon=0.3, gamma=0.2)
    compare(GatedAntisymmetric(step_size=0.3, damping=0.2), reference)
