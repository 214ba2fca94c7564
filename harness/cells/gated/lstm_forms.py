"""The forms of the LSTM that Greff et al. 2017 compare, each under a name of its own: ``cell=lstm,lstm_nig,lstm_cifg``.

Each is `LSTM` with its option ``form`` fixed. The names are those of the paper, section 3.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from harness.cells.gated.lstm import LSTM, Form


def fixed(form: Form) -> Any:
    """The option of a cell that is this form and no other."""
    return Field(form, description="the form of the LSTM that this is")


class NoInputGate(LSTM):
    """LSTM without an input gate (NIG): i = 1. See `lstm`, whose form=no_input_gate it is."""

    name = "lstm_nig"
    form: Literal["no_input_gate"] = fixed("no_input_gate")


class NoForgetGate(LSTM):
    """LSTM without a forget gate (NFG): f = 1, as in 1997. See `lstm`, whose form=no_forget_gate it is."""

    name = "lstm_nfg"
    form: Literal["no_forget_gate"] = fixed("no_forget_gate")


class NoOutputGate(LSTM):
    """LSTM without an output gate (NOG): o = 1. See `lstm`, whose form=no_output_gate it is."""

    name = "lstm_nog"
    form: Literal["no_output_gate"] = fixed("no_output_gate")


class NoInputActivation(LSTM):
    """LSTM without an input activation (NIAF): no tanh in g. See `lstm`, whose form=no_input_activation it is."""

    name = "lstm_niaf"
    form: Literal["no_input_activation"] = fixed("no_input_activation")


class NoOutputActivation(LSTM):
    """LSTM without an output activation (NOAF): h = o * c. See `lstm`, whose form=no_output_activation it is."""

    name = "lstm_noaf"
    form: Literal["no_output_activation"] = fixed("no_output_activation")


class CoupledGates(LSTM):
    """LSTM with coupled input and forget gates (CIFG): i = 1 - f. See `lstm`, whose form=coupled_gates it is."""

    name = "lstm_cifg"
    form: Literal["coupled_gates"] = fixed("coupled_gates")


class FullGateRecurrence(LSTM):
    """LSTM with full gate recurrence (FGR): gates read gates. See `lstm`, whose form=gate_recurrence it is."""

    name = "lstm_fgr"
    form: Literal["gate_recurrence"] = fixed("gate_recurrence")
