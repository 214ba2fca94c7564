from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.base.options import INIT_ONLY
from harness.cells.base import HandDerivative, PointwiseCell, State

if TYPE_CHECKING:
    from torch import Tensor


class LSTM(PointwiseCell, HandDerivative):
    """Long short-term memory: input, forget and output gates around a cell state c, the "main plot line".

        i, f, o = sigmoid(x_t · W_x + h_{t-1} · W_h + b)     one block each
        g       = tanh(x_t · W_xg + h_{t-1} · W_hg + b_g)
        c_t = f * c_{t-1} + i * g
        h_t = o * tanh(c_t)

    Source: Hochreiter, Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997; with the
    forget gate of Gers, Schmidhuber, Cummins, "Learning to forget", Neural Computation 12(10), 2000. A
    forget bias of 1: Jozefowicz, Zaremba, Sutskever, ICML 2015.
    """

    name = "lstm"
    gates = ("i", "f", "o", "g")
    parts = ("h", "c")
    memory = "c"

    forget_bias: float = Field(
        1.0,
        json_schema_extra=INIT_ONLY,
        description="bias at which the forget gate starts; larger remembers longer",
    )

    def initial_bias(self, gate: str) -> float:
        return self.forget_bias if gate == "f" else 0.0

    def step(self, pre: Tensor, state: State) -> State:
        i, f, o, g = pre.chunk(4, dim=-1)
        c = f.sigmoid() * state["c"] + i.sigmoid() * g.tanh()
        return {"h": o.sigmoid() * c.tanh(), "c": c}

    def forward_(self, pre: Tensor, state: State, new: State) -> None:
        import torch

        i, f, o, g = pre.chunk(4, dim=-1)
        pre[..., : 3 * i.shape[-1]].sigmoid_()
        g.tanh_()
        torch.mul(f, state["c"], out=new["c"])
        new["c"].addcmul_(i, g)
        torch.tanh(new["c"], out=new["h"])
        new["h"].mul_(o)

    def totals_(self, act: Tensor, state: State, new: State, grad: State) -> None:
        o = act.chunk(4, dim=-1)[2]
        tanh_c = new["c"].tanh()
        grad["c"].addcmul_(grad["h"] * o, 1 - tanh_c * tanh_c)

    def backward_(self, act: Tensor, state: State, new: State, grad: State) -> None:
        i, f, o, g = act.chunk(4, dim=-1)
        dh, dc = grad["h"], grad["c"]
        do = new["c"].tanh().mul_(dh).mul_(o).mul_(1 - o)
        di = (dc * g).mul_(i).mul_(1 - i)
        df = (dc * state["c"]).mul_(f).mul_(1 - f)
        dg = (1 - g * g).mul_(dc * i)
        dc.mul_(f)
        dh.zero_()
        i.copy_(di)
        f.copy_(df)
        o.copy_(do)
        g.copy_(dg)
