from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from harness.cells.base import Parameter, State, TorchLayer, Weights
from harness.cells.functions import join, sigmoid, tanh
from harness.cells.gating import Gated, biases, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor

    from harness.theory.base import Theory

Form = Literal[
    "standard",
    "no_input_gate",
    "no_forget_gate",
    "no_output_gate",
    "coupled_gates",
    "no_input_activation",
    "no_output_activation",
    "gate_recurrence",
]

WITHOUT = {"no_input_gate": "i", "coupled_gates": "i", "no_forget_gate": "f", "no_output_gate": "o"}
"""Forms that compute one gate less from the input and the state, and which."""


class LSTM(Gated):
    """Long short-term memory: input, forget and output gates around a cell state c, the "main plot line".

        i, f, o = sigmoid(x_t · W_x + h_{t-1} · W_h + b)     one block each
        g       = tanh(x_t · W_xg + h_{t-1} · W_hg + b_g)
        c_t = f * c_{t-1} + i * g
        h_t = o * tanh(c_t)

    Source: Hochreiter, Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997; with the
    forget gate of Gers, Schmidhuber, Cummins, "Learning to forget", Neural Computation 12(10), 2000. A
    forget bias of 1: Jozefowicz, Zaremba, Sutskever, ICML 2015.

    ``form`` is this one, or one that differs from it in one thing:

        no_input_gate         i = 1
        no_forget_gate        f = 1
        no_output_gate        o = 1
        coupled_gates         i = 1 - f
        no_input_activation   g = x_t · W_xg + h_{t-1} · W_hg + b_g
        no_output_activation  h_t = o * c_t
        gate_recurrence       each gate reads all three of the step before: + [i, f, o]_{t-1} · W_g, where all
                              are 0 before the first step

    Source: Greff, Srivastava, Koutnik, Steunebrink, Schmidhuber, "LSTM: a search space odyssey", IEEE Transactions on
    Neural Networks and Learning Systems 28(10), 2017, section 3 (NIG, NFG, NOG, CIFG, NIAF, NOAF, FGR). There all but
    one have peepholes, and coupled gates keep i, with f = 1 - i: the same with other signs of its weights.
    """

    name = "lstm"
    family = "gated"
    colour = "#2f7fd1"
    parts = ("h", "c")
    memory = "c"
    gate_roles = {"i": "input gate: writes", "f": "forget gate: keeps", "o": "output gate: tells"}

    form: Form = Field("standard", description="one change to the LSTM, of those that Greff et al. 2017 compare")
    forget_bias: float = keeping_bias("forget gate", 1.0)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Blocks i, f, o, g side by side, but for a gate that is not computed; ``from_<gate>`` has i, f, o."""
        starts = {"i": self.overwriting(0.0), "f": self.keeping(self.forget_bias), "o": 0.0, "g": 0.0}
        starts.pop(WITHOUT.get(self.form, ""), None)
        size = len(starts) * hidden_size
        found = {
            "input": Parameter((input_size, size), "dense"),
            "recurrent": Parameter((hidden_size, size), "recurrent"),
            "bias": biases(hidden_size, *starts.values()),
        }
        if self.form == "gate_recurrence":
            found |= {f"from_{gate}": Parameter((hidden_size, 3 * hidden_size), "recurrent") for gate in "ifo"}
        return found

    def of_torch(self) -> TorchLayer | None:
        """Torch has the blocks i, f, g, o."""

        def exchanged(value: Tensor) -> Tensor:
            i, f, last, third = value.chunk(4, dim=-1)
            return join(i, f, third, last)

        def given(p: Mapping[str, Tensor]) -> dict[str, Tensor]:
            w = {name: exchanged(value) for name, value in p.items()}
            return {
                "weight_ih": w["input"].mT,
                "weight_hh": w["recurrent"].mT,
                "bias_ih": w["bias"],
                "bias_hh": 0 * w["bias"],
            }

        def taken(w: Mapping[str, Tensor]) -> dict[str, Tensor]:
            found = {"input": w["weight_ih"].mT, "recurrent": w["weight_hh"].mT, "bias": w["bias_ih"] + w["bias_hh"]}
            return {name: exchanged(value) for name, value in found.items()}

        return TorchLayer("LSTM", given, taken) if self.form == "standard" else None

    def widths(self, hidden_size: int) -> dict[str, int]:
        gates = {"gates": 3 * hidden_size} if self.form == "gate_recurrence" else {}
        return super().widths(hidden_size) | gates

    def theory(self) -> Theory | None:
        from harness.theory import LongShortTermMemory

        return (
            LongShortTermMemory(self.forget_bias) if self.gate_init == "constant" and self.form == "standard" else None
        )

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        # A gate that is left out is a number: made as wide as the others.
        value, g = self._read(w, x, s)
        return {gate: each + 0 * g for gate, each in value.items()}

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        value, g = self._read(w, x, s)
        state = {}
        if self.form == "gate_recurrence":
            state["gates"] = join(*value.values())
            value = dict(zip(value, state["gates"].chunk(3, dim=-1), strict=True))
        c = value["f"] * s.c + value["i"] * (g if self.form == "no_input_activation" else tanh(g))
        return {"h": value["o"] * (c if self.form == "no_output_activation" else tanh(c)), "c": c} | state

    def _read(self, w: Weights, x: Tensor, s: State) -> tuple[dict[str, Any], Tensor]:
        """The gates i, f, o by name, and g before its activation."""
        found = [gate for gate in "ifo" if gate != WITHOUT.get(self.form)]
        *read, g = (x @ w.input + s.h @ w.recurrent + w.bias).chunk(len(found) + 1, dim=-1)
        if self.form == "gate_recurrence":
            i, f, o = s.gates.chunk(3, dim=-1)
            before = (i @ w.from_i + f @ w.from_f + o @ w.from_o).chunk(3, dim=-1)
            read = [own + each for own, each in zip(read, before, strict=True)]
        value = dict.fromkeys("ifo", 1.0) | {gate: sigmoid(each) for gate, each in zip(found, read, strict=True)}
        if self.form == "coupled_gates":
            value["i"] = 1 - value["f"]
        return value, g
