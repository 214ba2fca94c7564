"""Cells with a matrix for a state against the parallel forms of their papers: attention over all pairs of steps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import elu, logsigmoid, silu, softplus

from harness.cells import Weights
from harness.cells.matrix.delta_net import DeltaNet
from harness.cells.matrix.gated_delta_net import GatedDeltaNet
from harness.cells.matrix.gla import GLA
from harness.cells.matrix.linear_attention import LinearAttention
from harness.cells.matrix.mamba import Mamba
from harness.cells.matrix.retnet import RetNet
from harness.cells.matrix.rwkv import RWKV
from harness.cells.matrix.xlstm_m import MatrixXLSTM
from harness.cells.matrix.xlstm_s import ScalarXLSTM
from tests.helpers.references import SIZE, compare, decayed

KEY = 3
WITH_KEYS = [LinearAttention, GLA, DeltaNet, GatedDeltaNet, Mamba, RetNet, MatrixXLSTM]


def by_head(values: Tensor, heads: int) -> Tensor:
    """(T, B, heads · d) as (B, heads, T, d)."""
    return values.unflatten(-1, (heads, -1)).permute(1, 2, 0, 3)


def together(values: Tensor) -> Tensor:
    """The way back."""
    return values.permute(2, 0, 1, 3).flatten(-2)


@pytest.mark.parametrize("heads", [1, 2])
def test_linear_attention(heads: int) -> None:
    """Compared once with the authors' ``RecurrentLinearAttention`` (idiap/fast-transformers, 2ad36b9): to 2e-15."""

    def reference(p: Weights, x: Tensor) -> Tensor:
        q, k, v = (by_head(x @ p[name], heads) for name in ("x_q", "x_k", "x_v"))
        scores = ((elu(q) + 1) @ (elu(k) + 1).mT).tril()
        return together(scores @ v / (scores.sum(-1, keepdim=True) + 1e-6))

    compare(LinearAttention(heads=heads, key_size=KEY), reference)


@pytest.mark.parametrize("heads", [1, 2])
def test_gla(heads: int) -> None:
    def reference(p: Weights, x: Tensor) -> Tensor:
        q, k, v = (by_head(x @ p[name], heads) for name in ("x_q", "x_k", "x_v"))
        kept = by_head(logsigmoid(x @ p.x_a @ p.a_a + p.b_a) / 16, heads).cumsum(2)
        # The paper's parallel form: queries times, keys divided by what is kept since the start.
        return together(((q * KEY**-0.5 * kept.exp()) @ (k * (-kept).exp()).mT).tril() @ v)

    compare(GLA(heads=heads, key_size=KEY, rank=2), reference)


def delta_rule(p: Weights, x: Tensor, heads: int, kept: Tensor) -> Tensor:
    """A head after the other with matrices, S_t = α S (1 - β k kᵀ) + β v kᵀ; ``kept`` is α, (T, B, heads)."""
    steps, batch, _ = x.shape
    value_size, made = SIZE // heads, []
    for head in range(heads):
        keys, values = slice(head * KEY, (head + 1) * KEY), slice(head * value_size, (head + 1) * value_size)
        S, seen = torch.zeros(batch, value_size, KEY, dtype=x.dtype), []
        for t in range(steps):
            q, k = (silu(x[t] @ p[name][:, keys]) for name in ("x_q", "x_k"))
            q, k = (each / (each.square().sum(-1, keepdim=True) + 1e-6).sqrt() for each in (q, k))
            v, beta = silu(x[t] @ p.x_v[:, values]), torch.sigmoid(x[t] @ p.x_b[:, head])[:, None, None]
            rest = torch.eye(KEY, dtype=x.dtype) - beta * k[:, :, None] * k[:, None, :]
            S = kept[t, :, head, None, None] * S @ rest + beta * v[:, :, None] * k[:, None, :]
            seen.append((S @ q[:, :, None])[..., 0] * KEY**-0.5)
        made.append(torch.stack(seen))
    return torch.cat(made, dim=-1)


@pytest.mark.parametrize("heads", [1, 2])
def test_delta_net(heads: int) -> None:
    def reference(p: Weights, x: Tensor) -> Tensor:
        return delta_rule(p, x, heads, torch.ones(*x.shape[:2], heads, dtype=x.dtype))

    compare(DeltaNet(heads=heads, key_size=KEY), reference)


@pytest.mark.parametrize("heads", [1, 2])
def test_gated_delta_net(heads: int) -> None:
    def reference(p: Weights, x: Tensor) -> Tensor:
        return delta_rule(p, x, heads, torch.exp(-torch.exp(p.a) * softplus(x @ p.x_a + p.b_a)))

    compare(GatedDeltaNet(heads=heads, key_size=KEY), reference)


def test_mamba_as_a_sum_over_pairs_of_steps() -> None:
    """Compared once with the authors' ``selective_scan_ref`` (state-spaces/mamba, e9594ce): to 3e-15."""

    def reference(p: Weights, x: Tensor) -> Tensor:
        u = x @ p.input
        dt = softplus(u @ p.u_dt @ p.dt_dt + p.b_dt)
        a = -torch.exp(p.a).view(KEY, SIZE)
        states = decayed(dt[..., None, :] * a, (u @ p.u_b)[..., None] * (dt * u)[..., None, :])
        return ((u @ p.u_c)[..., None] * states).sum(-2) + p.d * u

    compare(Mamba(key_size=KEY), reference)


def test_heads_that_units_cannot_be_shared_out_among_are_refused() -> None:
    assert "heads=3: valid: a divisor of hidden_size=32" in str(GLA(heads=3).flaw_of_weights(32))
    with pytest.raises(ValueError, match="heads=2; valid: 1"):
        Mamba(heads=2)


@pytest.mark.parametrize("heads", [1, 2])
def test_retnet_with_turned_queries_and_keys(heads: int) -> None:
    """The paper's parallel form: (Q Kᴴ * D) V, where queries and keys are turned by nθ and D holds powers of γ."""

    def reference(p: Weights, x: Tensor) -> Tensor:
        n = torch.arange(len(x), dtype=x.dtype)
        turn = torch.polar(
            torch.ones(len(x), KEY, dtype=x.dtype), n[:, None] * 10000 ** (-torch.arange(KEY, dtype=x.dtype) / KEY)
        )
        q = by_head(torch.complex(x @ p.q_re, x @ p.q_im), heads) * turn
        k = by_head(torch.complex(x @ p.k_re, x @ p.k_im), heads) * turn
        gamma = torch.stack([1 - torch.tensor(2.0, dtype=x.dtype) ** (-5 - head) for head in range(heads)])
        powers = (gamma[:, None, None] ** (n[:, None] - n[None]).clamp(min=0)).tril()
        scores = (q @ k.mH).real * powers * (2 * KEY) ** -0.5
        return together(scores @ by_head(x @ p.x_v, heads))

    compare(RetNet(heads=heads, key_size=KEY), reference)


def test_xlstm_s_without_what_keeps_exponents_small() -> None:
    def reference(p: Weights, x: Tensor) -> Tensor:
        h = c = n = torch.zeros(x.shape[1], SIZE, dtype=x.dtype)
        seen = []
        for now in x:
            z, i, f, o = (now @ p[f"x_{gate}"] + h @ p[f"h_{gate}"] + p[f"b_{gate}"] for gate in "zifo")
            c = torch.sigmoid(f) * c + torch.exp(i) * torch.tanh(z)
            n = torch.sigmoid(f) * n + torch.exp(i)
            h = torch.sigmoid(o) * c / n
            seen.append(h)
        return torch.stack(seen)

    compare(ScalarXLSTM(), reference)


@pytest.mark.parametrize("heads", [1, 2])
def test_xlstm_m_as_attention(heads: int) -> None:
    def reference(p: Weights, x: Tensor) -> Tensor:
        q, k, v, i, f = (by_head(x @ p[f"x_{name}"] + p[f"b_{name}"], heads) for name in "qkvif")
        kept = logsigmoid(f).cumsum(2)
        exponent = kept - kept.mT + i.mT
        scores = ((q @ k.mT) * KEY**-0.5 * exponent.exp()).tril()
        told = together(scores @ v / scores.sum(-1, keepdim=True).abs().clamp(min=1))
        return torch.sigmoid(x @ p.x_o + p.b_o) * told

    compare(MatrixXLSTM(heads=heads, key_size=KEY), reference)


def test_rwkv_as_attention() -> None:
    """Compared once with ``RwkvSelfAttention`` of transformers 5.24.0, which runs without a GPU: to 1e-15."""

    def reference(p: Weights, x: Tensor) -> Tensor:
        u = x @ p.input
        last = torch.cat([torch.zeros_like(u[:1]), u[:-1]])
        k, v, r = ((u * p[f"mix_{n}"] + last * (1 - p[f"mix_{n}"])) @ p[f"u_{n}"] for n in "kvr")
        seen = []
        for t in range(len(x)):
            ages = torch.arange(t - 1, -1, -1, dtype=x.dtype)[:, None, None]
            exponents = torch.cat([k[:t] - ages * torch.exp(p.w), (k[t] + p.bonus)[None]])
            seen.append(torch.sigmoid(r[t]) * (torch.softmax(exponents, dim=0) * v[: t + 1]).sum(0))
        return torch.stack(seen)

    compare(RWKV(), reference)
