"""Where the biases of remembering gates start: the same for all units, or drawn (Tallec, Ollivier 2018)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.base.errors import UserError
from harness.base.options import build
from harness.cells import Cell, Gated
from harness.cells.base import as_in_a_step
from harness.cells.gated.gru import GRU
from harness.cells.gated.gru_reset_before import ResetBeforeGRU
from harness.cells.gated.lstm import LSTM
from harness.cells.gated.nas import NAS
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit
from harness.plugins.registry import registry
from harness.testing._problems import small_runs
from harness.training.pack import run

UNITS = 600


def started(cell: Cell, seed: int = 0, layer: int = 1) -> dict[str, torch.Tensor]:
    """The initial weights of the last of that many layers of one member."""
    network = Network.create(
        Architecture(cell, 1, UNITS, layer, 1), [MemberInit(cell, seed, "identity", 1.0)], torch.float64, "cpu",
        compiled=False,
    )  # fmt: skip
    return {name: value[0] for name, value in network.layer(layer).items()}


def assert_remembers_up_to(bias: torch.Tensor, longest_lag: int) -> None:
    """e^bias is uniform between 1 and longest_lag - 1: its range, mean and spread."""
    lags, width = bias.exp().numpy(), longest_lag - 2
    assert 1 <= lags.min() < 1 + width / 100 < longest_lag - 1 - width / 100 < lags.max() <= longest_lag - 1
    assert abs(lags.mean() - longest_lag / 2) < 4 * width / np.sqrt(12 * UNITS)
    assert lags.std() == pytest.approx(width / np.sqrt(12), rel=0.05)


def test_chrono_draws_how_long_an_lstm_remembers_and_mirrors_it_in_the_input_gate() -> None:
    i, f, o, g = started(LSTM(gate_init="chrono", longest_lag=60))["bias"].split(UNITS)
    assert_remembers_up_to(f, 60)
    torch.testing.assert_close(i, -f, rtol=0, atol=0)
    assert o.abs().max() == g.abs().max() == 0


@pytest.mark.parametrize(("cell", "place"), [(GRU, 2), (ResetBeforeGRU, 1)])
def test_chrono_draws_the_update_gate_of_a_gru(cell: type[Gated], place: int) -> None:
    biases = started(cell(gate_init="chrono", longest_lag=200))["bias"].split(UNITS)
    assert_remembers_up_to(biases[place], 200)
    assert all(each.abs().max() == 0 for at, each in enumerate(biases) if at != place)


def test_chrono_draws_anew_for_every_layer_and_seed() -> None:
    cell = LSTM(gate_init="chrono", longest_lag=60)
    found = [started(cell, seed, layer)["bias"] for seed, layer in ((0, 1), (0, 2), (1, 1))]
    assert not any(a.equal(b) for a, b in ((found[0], found[1]), (found[0], found[2]), (found[1], found[2])))
    assert started(cell)["bias"].equal(found[0])


def test_a_gate_that_keeps_starts_at_the_forget_bias() -> None:
    cells: list[tuple[Cell, int]] = [
        (LSTM(forget_bias=3.0), 1), (GRU(forget_bias=3.0), 2), (ResetBeforeGRU(forget_bias=3.0), 1),
        (NAS(forget_bias=3.0), 2),
    ]  # fmt: skip
    for cell, place in cells:
        biases = started(cell)["bias"].split(UNITS)
        assert biases[place].unique().tolist() == [3.0]
        assert all(each.abs().max() == 0 for at, each in enumerate(biases) if at != place)


@pytest.mark.parametrize("name", [each.name for each in registry().of_kind("cell") if issubclass(each.target, Gated)])
def test_every_gated_cell_starts_its_remembering_gate_at_its_option_or_draws_it(name: str) -> None:
    cell = registry().get("cell", name)
    plain, drawn = started_small(cell()), started_small(cell(gate_init="chrono", longest_lag=30))
    changed = {key for key, value in plain.items() if not value.equal(drawn[key])}
    assert changed
    assert all(plain[key].ndim == 1 for key in changed)
    key = "forget_bias" if "forget_bias" in cell.model_fields else "update_bias"
    moved = {each for each, value in plain.items() if not value.equal(started_small(cell(**{key: 0.123}))[each])}
    # lstm_nfg has no forget gate, and draws its input gate's biases alone.
    assert bool(moved & changed) == (name != "lstm_nfg")


LAGS = {"keeps": 1, "overwrites": -1, "writes": -1, "lets go": -1}
"""What a gate does, and the sign of ln(lag) in it: sigmoid(ln(lag)) = 1 - 1 / (1 + lag) is kept of a unit in a step."""


@pytest.mark.parametrize("name", [each.name for each in registry().of_kind("cell") if issubclass(each.target, Gated)])
def test_chrono_opens_the_gates_of_every_gated_cell_by_what_they_do(name: str) -> None:
    """Without inputs and state a gate stands where its bias puts it, however the cell's equations come to that."""
    options = {"heads": 64} if name == "xlstm_m" else {}
    cell = registry().get("cell", name)(gate_init="chrono", longest_lag=60, **options)
    shape = Architecture(cell, 1, 64, 1, 1)
    network = Network.create(shape, [MemberInit(cell, 0, "identity", 1.0)], torch.float64, "cpu", compiled=False)
    (state,), x = network.zero_states(1), torch.zeros(1, 1, 1, dtype=torch.float64)
    found = cell.gates(as_in_a_step(network.layer(1)), x, state)
    drawn = {}
    for gate, role in cell.gate_roles.items():
        sign = LAGS.get(role.rpartition(": ")[2])
        if sign is not None and (name, gate) not in {("lstm_nig", "i"), ("lstm_nfg", "f")}:  # these are 1
            drawn[gate] = (found[gate].logit() * sign).exp().flatten()
    assert drawn
    for lags in drawn.values():
        assert len(lags) == 64
        torch.testing.assert_close(lags, next(iter(drawn.values())), rtol=1e-9, atol=0)
        # Uniform between 1 and 59: the distribution function, within what 64 draws leave open (Kolmogorov, p = 0.001).
        shares = ((lags.sort().values - 1) / 58).numpy()
        assert np.abs(shares - (np.arange(64) + 0.5) / 64).max() < 1.95 / np.sqrt(64)
        assert -1e-9 < shares.min() < shares.max() < 1 + 1e-9


CANNOT = {"dsgu", "fast_rnn", "gated_antisymmetric", "gla", "hgrn", "nas", "rg_lru", "sgu"}
"""Cells of whose remembering gate a bias is no logarithm of a lag; each says why."""


def test_every_cell_with_a_bias_of_a_remembering_gate_can_draw_it_but_those_that_say_why_not() -> None:
    biased = {
        each.name: each.target
        for each in registry().of_kind("cell")
        if {"forget_bias", "update_bias"} & set(each.target.model_fields)
    }
    assert {name for name, cell in biased.items() if not issubclass(cell, Gated)} == CANNOT
    assert all("chrono" in biased[name].__doc__ for name in CANNOT)


def started_small(cell: Cell) -> dict[str, torch.Tensor]:
    """The initial weights of a small layer."""
    network = Network.create(
        Architecture(cell, 1, 5, 1, 1), [MemberInit(cell, 0, "identity", 1.0)], torch.float64, "cpu", compiled=False
    )
    return {name: value[0] for name, value in network.layer(1).items()}


def test_runs_that_differ_in_gate_init_train_in_one_pack() -> None:
    made = small_runs(cell=GRU(), seed=[0])
    tables = run([*made, *small_runs(cell=GRU(gate_init="chrono", longest_lag=9), seed=[0])])
    assert (tables["runs"].status == "ok").all()
    assert tables["runs"]["cell.gate_init"].tolist() == ["constant", "chrono"]
    assert tables["runs"].loss.nunique() == 2


def test_chrono_without_a_longest_lag_is_refused() -> None:
    with pytest.raises(UserError, match=r"cell\.longest_lag=null: .*chrono.*valid: a number of steps"):
        build(GRU, {"gate_init": "chrono"}, prefix="cell.")
    with pytest.raises(UserError, match=r"cell\.longest_lag=2"):
        build(GRU, {"gate_init": "chrono", "longest_lag": 2}, prefix="cell.")
