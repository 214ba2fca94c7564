from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import Parameter, State, Weights
from harness.cells.functions import sigmoid, tanh
from harness.cells.gating import Gated, biases, keeping_bias

if TYPE_CHECKING:
    from torch import Tensor


class StronglyTyped(Gated):
    """What the three have in common: no matrix ever multiplies the state, and so no unit's memory leaks into another's.

    The gates of two of them read the input before as well: what it contributes is kept in the state, as ``past``.
    """

    family = "gated"
    gate_roles = {"f": "forget gate: keeps"}

    forget_bias: float = keeping_bias("forget gate")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Blocks z, f, o side by side, of the input and of the input before."""
        return {
            "input": Parameter((input_size, 3 * hidden_size), "dense"),
            "input_before": Parameter((input_size, 3 * hidden_size), "dense"),
            "bias": biases(hidden_size, 0.0, self.keeping(self.forget_bias), 0.0),
        }

    def widths(self, hidden_size: int) -> dict[str, int]:
        return super().widths(hidden_size) | ({"past": 3 * hidden_size} if "past" in self.parts else {})

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"f": self._read(w, x, s)[1]}

    def _read(self, w: Weights, x: Tensor, s: State) -> tuple[Tensor, ...]:
        """z, f and o."""
        z, f, o = (x @ w.input + s.past + w.bias).chunk(3, dim=-1)
        return z, sigmoid(f), tanh(o)


class TRNN(StronglyTyped):
    """Strongly typed network: a running average of what is read, by a gate that sees the input alone.

        z   = x_t · W_z
        f   = sigmoid(x_t · W_f + b_f)
        h_t = f * h_{t-1} + (1 - f) * z

    Source: Balduzzi, Ghifary, "Strongly-typed recurrent neural networks", ICML 2016, section 3. torchrecurrent gives z
    a bias as well.
    """

    name = "t_rnn"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """Blocks z, f of ``input`` side by side; ``bias`` is f's."""
        return {
            "input": Parameter((input_size, 2 * hidden_size), "dense"),
            "bias": biases(hidden_size, self.keeping(self.forget_bias)),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        z, f = self._read(w, x, s)
        return {"h": z + f * (s.h - z)}

    def _read(self, w: Weights, x: Tensor, s: State) -> tuple[Tensor, ...]:
        """z and f."""
        z, f = (x @ w.input).chunk(2, dim=-1)
        return z, sigmoid(f + w.bias)


class TGRU(StronglyTyped):
    """Strongly typed GRU: what is kept and what is added are read off two inputs in a row, never off the state.

        z   = x_t · W_z + x_{t-1} · V_z + b_z
        f   = sigmoid(x_t · W_f + x_{t-1} · V_f + b_f)
        o   = tanh(x_t · W_o + x_{t-1} · V_o + b_o)
        h_t = f * h_{t-1} + z * o

    x_0 is 0; ``past`` is x_t · V.

    Source: Balduzzi, Ghifary, "Strongly-typed recurrent neural networks", ICML 2016, section 3.
    """

    name = "t_gru"
    parts = ("h", "past")

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        z, f, o = self._read(w, x, s)
        return {"h": f * s.h + z * o, "past": x @ w.input_before}


class TLSTM(StronglyTyped):
    """Strongly typed LSTM: a running average of what is read off two inputs in a row, and an output that scales it.

        z   = x_t · W_z + x_{t-1} · V_z + b_z
        f   = sigmoid(x_t · W_f + x_{t-1} · V_f + b_f)
        o   = tanh(x_t · W_o + x_{t-1} · V_o + b_o)
        c_t = f * c_{t-1} + (1 - f) * z
        h_t = c_t * o

    x_0 is 0; ``past`` is x_t · V.

    Source: Balduzzi, Ghifary, "Strongly-typed recurrent neural networks", ICML 2016, section 3.
    """

    name = "t_lstm"
    parts = ("h", "c", "past")
    memory = "c"

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        z, f, o = self._read(w, x, s)
        c = z + f * (s.c - z)
        return {"h": c * o, "c": c, "past": x @ w.input_before}
