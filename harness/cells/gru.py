from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cells.base import HandDerivative, PointwiseCell, State

if TYPE_CHECKING:
    from torch import Tensor


class GRU(PointwiseCell, HandDerivative):
    """Gated recurrent unit: a reset gate r and an update gate z decide what is overwritten.

        r = sigmoid(x_t · W_xr + h_{t-1} · W_hr + b_r)
        z = sigmoid(x_t · W_xz + h_{t-1} · W_hz + b_z)
        n = tanh(x_t · W_xn + b_n + r * (h_{t-1} · W_hn + b_m))
        h_t = (1 - z) * n + z * h_{t-1}

    The candidate's two products stay apart because r multiplies only one of them: block ``n`` receives the
    input product alone, block ``m`` the recurrent product alone.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014; r is
    applied after the product, as in `torch.nn.GRU`.
    """

    name = "gru"
    gates = ("n", "r", "z", "m")
    input_gates = 3
    recurrent_gates = 3

    def step(self, pre: Tensor, state: State) -> State:
        n, r, z, m = pre.chunk(4, dim=-1)
        n = (n + r.sigmoid() * m).tanh()
        return {"h": n + z.sigmoid() * (state["h"] - n)}

    def forward_(self, pre: Tensor, state: State, new: State) -> None:
        import torch

        n, r, z, m = pre.chunk(4, dim=-1)
        size = n.shape[-1]
        pre[..., size : 3 * size].sigmoid_()
        n.addcmul_(r, m).tanh_()
        torch.sub(state["h"], n, out=new["h"])
        new["h"].mul_(z).add_(n)

    def backward_(self, act: Tensor, state: State, new: State, grad: State) -> None:
        import torch

        n, r, z, m = act.chunk(4, dim=-1)
        dh = grad["h"]
        kept = dh * z
        dz = (state["h"] - n).mul_(dh).mul_(z).mul_(1 - z)
        dn = (1 - n * n).mul_(dh - kept)
        dr = (dn * m).mul_(r).mul_(1 - r)
        torch.mul(dn, r, out=m)
        n.copy_(dn)
        r.copy_(dr)
        z.copy_(dz)
        dh.copy_(kept)
