"""Linear cells against packages of others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import silu, softplus

from harness.cells import Weights
from harness.cells.linear.hgrn import HGRN
from harness.cells.linear.lru import LRU
from harness.cells.linear.min_gru import MinGRU
from harness.cells.linear.min_lstm import MinLSTM
from harness.cells.linear.s5 import S5
from tests.helpers.packages import file_of, in_float64
from tests.helpers.references import SIZE, compare


def test_min_gru_in_log_space_as_in_its_package() -> None:
    package = pytest.importorskip("minGRU_pytorch.minGRU")

    def reference(p: Weights, x: Tensor) -> Tensor:
        gate, hidden = (x @ p.x_z + p.b_z).transpose(0, 1), (x @ p.x_n + p.b_n).transpose(0, 1)
        made = package.heinsen_associative_scan_log(-softplus(gate), -softplus(-gate) + package.log_g(hidden))
        return made.transpose(0, 1)

    compare(MinGRU(), reference)


def test_min_lstm_in_log_space_as_in_its_package() -> None:
    package = pytest.importorskip("minGRU_pytorch.minGRU")

    def reference(p: Weights, x: Tensor) -> Tensor:
        f, i, hidden = ((x @ p[f"x_{gate}"] + p[f"b_{gate}"]).transpose(0, 1) for gate in "fin")
        diff = softplus(-f) - softplus(-i)
        made = package.heinsen_associative_scan_log(-softplus(diff), -softplus(-diff) + package.log_g(hidden))
        return made.transpose(0, 1)

    compare(MinLSTM(), reference)


def test_lru_is_that_of_its_package() -> None:
    package = pytest.importorskip("LRU_pytorch")
    with in_float64():
        module = package.LRU(3, SIZE, SIZE)

    def reference(p: Weights, x: Tensor) -> Tensor:
        given = {
            "nu_log": p.nu,
            "theta_log": p.theta,
            "gamma_log": p.gamma,
            "B": torch.complex(p.b_re, p.b_im).mT,
            "C": torch.complex(p.c_re, p.c_im).mT,
            "D": p.d.mT,
        }
        with in_float64():
            return torch.func.functional_call(module, given, (x.transpose(0, 1),)).transpose(0, 1)

    compare(LRU(), reference)


def test_s5_is_that_of_its_package() -> None:
    """Half of each conjugate pair is kept, so C counts twice; D, a diagonal there, is ours."""
    package = pytest.importorskip("s5.s5_model")

    def reference(p: Weights, x: Tensor) -> Tensor:
        into, out = torch.complex(p.b_re, p.b_im), torch.complex(p.c_re, p.c_im)
        kept, into = package.discretize_zoh(torch.complex(-p.alpha.exp(), p.omega), into.mT, p.dt.exp())
        made = [package.apply_ssm(kept, into, 2 * out.mT, torch.zeros(()), sample)[0] for sample in x.unbind(1)]
        return torch.stack(made, dim=1) + x @ p.d

    compare(S5(), reference, features=SIZE)


def test_hgrn_is_the_recurrence_of_fla_in_a_frame_that_turns() -> None:
    """fla's has a real factor: real and imaginary parts of states obey it that are turned back by tθ."""
    package = file_of("fla", "ops/hgrn/naive.py")

    def reference(p: Weights, x: Tensor) -> Tensor:
        least = torch.sigmoid(p.g)
        kept = least + (1 - least) * torch.sigmoid(x @ p.x_mu + p.b_mu)
        c = torch.complex(silu(x @ p.x_re + p.b_re), silu(x @ p.x_im + p.b_im))
        angles = torch.arange(len(x), dtype=x.dtype)[:, None, None] * p.theta
        turn = torch.polar(torch.ones_like(angles), angles)
        new = (1 - kept) * c * turn.conj()
        with in_float64():
            re, im = (
                package.naive_recurrent_hgrn(part.transpose(0, 1), kept.log().transpose(0, 1))[0].transpose(0, 1)
                for part in (new.real, new.imag)
            )
        states = turn * torch.complex(re, im)
        told = torch.sigmoid(x @ p.x_tau + p.b_tau)
        return torch.cat([told * states.real, told * states.imag], dim=-1)

    compare(HGRN(), reference)
