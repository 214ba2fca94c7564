"""Cells with a matrix for a state against packages of others: of their authors, where these published one."""

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
from harness.cells.matrix.xlstm_m import MatrixXLSTM
from harness.cells.matrix.xlstm_s import ScalarXLSTM
from tests.helpers.packages import file_of, in_float64
from tests.helpers.references import SIZE, compare

KEY = 3


def by_head(values: Tensor, heads: int) -> Tensor:
    """(T, B, heads · d) as (B, heads, T, d)."""
    return values.unflatten(-1, (heads, -1)).permute(1, 2, 0, 3)


def by_step(values: Tensor, heads: int) -> Tensor:
    """(T, B, heads · d) as (B, T, heads, d)."""
    return values.unflatten(-1, (heads, -1)).transpose(0, 1)


def of_length_1(keys: Tensor) -> Tensor:
    return keys * torch.rsqrt(keys.square().sum(-1, keepdim=True) + 1e-6)


@pytest.mark.parametrize("heads", [1, 2])
def test_gla_is_that_of_fla(heads: int) -> None:
    package = file_of("fla", "ops/gla/naive.py")

    def reference(p: Weights, x: Tensor) -> Tensor:
        q, k, v = (by_step(x @ p[name], heads) for name in ("x_q", "x_k", "x_v"))
        kept = by_step(logsigmoid(x @ p.x_a @ p.a_a + p.b_a) / 16, heads)
        with in_float64():
            return package.naive_recurrent_gla(q, k, v, kept)[0].transpose(0, 1).flatten(-2)

    compare(GLA(heads=heads, key_size=KEY, rank=2), reference)


@pytest.mark.parametrize("heads", [1, 2])
def test_linear_attention_is_that_of_fla(heads: int) -> None:
    """Its denominator is what it makes of values of 1; it adds another small number to it than the authors."""
    package = file_of("fla", "ops/linear_attn/naive.py")

    def reference(p: Weights, x: Tensor) -> Tensor:
        q, k, v = (by_step(x @ p[name], heads) for name in ("x_q", "x_k", "x_v"))
        v = torch.cat([v, torch.ones_like(v[..., :1])], dim=-1)
        with in_float64():
            made, _ = package.naive_recurrent_linear_attn(elu(q) + 1, elu(k) + 1, v, scale=1.0)
        return (made[..., :-1] / (made[..., -1:] + 1e-6)).transpose(0, 1).flatten(-2)

    compare(LinearAttention(heads=heads, key_size=KEY), reference)


@pytest.mark.parametrize("heads", [1, 2])
def test_delta_net_is_that_of_fla(heads: int) -> None:
    package = file_of("fla", "ops/delta_rule/naive.py")

    def reference(p: Weights, x: Tensor) -> Tensor:
        q, k, v = (silu(by_head(x @ p[name], heads)) for name in ("x_q", "x_k", "x_v"))
        beta = torch.sigmoid(by_head(x @ p.x_b, heads))[..., 0]
        with in_float64():
            made, _ = package.delta_rule_recurrence(of_length_1(q), of_length_1(k), v, beta)
        return made.permute(2, 0, 1, 3).flatten(-2)

    compare(DeltaNet(heads=heads, key_size=KEY), reference)


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("form", ["recurrent", "chunk"])
def test_gated_delta_net_is_that_of_fla(heads: int, form: str) -> None:
    package = file_of("fla", "ops/gated_delta_rule/naive.py")

    def reference(p: Weights, x: Tensor) -> Tensor:
        q, k, v = (silu(by_step(x @ p[name], heads)) for name in ("x_q", "x_k", "x_v"))
        beta, kept = torch.sigmoid(x @ p.x_b), -torch.exp(p.a) * softplus(x @ p.x_a + p.b_a)
        with in_float64():
            made, _ = getattr(package, f"naive_{form}_gated_delta_rule")(
                of_length_1(q), of_length_1(k), v, beta=beta.transpose(0, 1), g=kept.transpose(0, 1)
            )
        return made.transpose(0, 1).flatten(-2)

    compare(GatedDeltaNet(heads=heads, key_size=KEY), reference)


@pytest.mark.parametrize("heads", [1, 2])
def test_retnet_is_retention_of_fla_over_rotated_queries_and_keys(heads: int) -> None:
    package = file_of("fla", "ops/retention/naive.py")

    def reference(p: Weights, x: Tensor) -> Tensor:
        angle = torch.arange(len(x))[:, None] * 10000.0 ** (-torch.arange(KEY, dtype=x.dtype) / KEY)

        def rotated(name: str) -> Tensor:
            """Pairs turned by their angle, first halves and then second halves, as `rotate_half` has them."""
            re, im = (by_head(x @ p[f"{name}_{part}"], heads) for part in ("re", "im"))
            return torch.cat([re * angle.cos() - im * angle.sin(), re * angle.sin() + im * angle.cos()], dim=-1)

        with in_float64():
            made = package.naive_retention(rotated("q"), rotated("k"), by_head(x @ p.x_v, heads))
        return made.permute(2, 0, 1, 3).flatten(-2)

    compare(RetNet(heads=heads, key_size=KEY), reference)


@pytest.mark.parametrize("parallel", [False, True])
def test_mamba_is_that_of_mambapy(parallel: bool) -> None:
    package = pytest.importorskip("mambapy.mamba")

    class Selective(package.MambaBlock):
        """The block's state-space model alone."""

        def forward(self, u: Tensor) -> Tensor:
            return self.ssm(u, None)

    block = Selective(package.MambaConfig(SIZE, 1, dt_rank=2, d_state=KEY, expand_factor=1, pscan=parallel))

    def reference(p: Weights, x: Tensor) -> Tensor:
        given = {
            "x_proj.weight": torch.cat([p.u_dt, p.u_b, p.u_c], dim=1).mT,
            "dt_proj.weight": p.dt_dt.mT,
            "dt_proj.bias": p.b_dt,
            "A_log": p.a.view(KEY, SIZE).mT,
            "D": p.d,
        }
        with in_float64():
            return torch.func.functional_call(block, given, ((x @ p.input).transpose(0, 1),)).transpose(0, 1)

    compare(Mamba(key_size=KEY), reference)


def test_xlstm_s_is_that_of_its_authors() -> None:
    step = file_of("xlstm", "blocks/slstm/src/vanilla/slstm.py").slstm_forward_pointwise

    def reference(p: Weights, x: Tensor) -> Tensor:
        w_x, w_h, bias = (torch.cat([p[f"{kind}_{gate}"] for gate in "ifzo"], dim=-1) for kind in "xhb")
        states, seen = torch.zeros(4, x.shape[1], SIZE, dtype=x.dtype), []
        for now in x:
            states, _ = step(now @ w_x, states[0] @ w_h, bias, states, {})
            seen.append(states[0])
        return torch.stack(seen)

    compare(ScalarXLSTM(), reference)


@pytest.mark.parametrize("heads", [1, 2])
def test_xlstm_m_is_the_parallel_form_of_its_authors(heads: int) -> None:
    package = file_of("xlstm", "blocks/mlstm/backends.py")

    def reference(p: Weights, x: Tensor) -> Tensor:
        q, k, v, i, f = (by_head(x @ p[f"x_{name}"] + p[f"b_{name}"], heads) for name in "qkvif")
        made = package.parallel_stabilized_simple(q, k, v, i, f, eps=0.0)
        return torch.sigmoid(x @ p.x_o + p.b_o) * made.permute(2, 0, 1, 3).flatten(-2)

    compare(MatrixXLSTM(heads=heads, key_size=KEY), reference)
