"""The product of weights: measured, against powers and against autograd through a plain loop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.experiment import Tables
from harness.experiments.weight_product import WeightProduct, WeightProductFigure
from harness.settings.members import members
from harness.testing import check_figure
from harness.training.pack import run
from tests.conftest import Config
from tests.helpers.claims import assert_borne_out, borne_out
from tests.helpers.tasks import draw, scores

LINEAR = {"experiment": "weight_product", "cell": "linear", "dtype": "float64", "train": {"steps": 0}}


def measured(config: Config, **changes: object) -> Tables:
    return Tables(run(members(config(**{**LINEAR, **changes}))))


@pytest.mark.parametrize("seq_len", [2, 9])
def test_the_first_number_is_asked_for_at_the_end(seq_len: int) -> None:
    batch = draw(WeightProduct(), 50, seq_len)
    for row, target in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        assert [number for (number,) in row] == target + [0] * (seq_len - 1)
    assert batch.scored.tolist() == [seq_len]


def test_answering_the_mean_gives_the_stated_chance_and_loss() -> None:
    task = WeightProduct()
    accuracy, loss = scores(task, 0.0, draw(task, 200_000, 2).targets)
    assert loss == pytest.approx(task.chance_loss(2), rel=0.01)
    assert accuracy == pytest.approx(task.chance(2), rel=0.05)


@pytest.mark.parametrize(("hidden_size", "init"), [(1, "identity"), (12, "identity"), (12, "orthogonal")])
def test_the_gradient_is_the_exact_power(config: Config, hidden_size: int, init: str) -> None:
    found = measured(config, seq_len=200, hidden_size=hidden_size, init=init, weight_scale=[0.9, 1.0, 1.1])
    for id_, w in zip(found.runs.run_id, found.runs.weight_scale, strict=True):
        rows = found.gradients[(found.gradients.run_id == id_) & (found.gradients.part == "h")].sort_values("lag")
        assert rows.grad_norm.iloc[-1] / rows.grad_norm.iloc[0] == pytest.approx(w**199, rel=1e-11)
    verdict = WeightProduct.bears_out(found)
    assert verdict is not None
    assert verdict.holds
    assert "3 runs" in verdict.numbers
    assert "after 199 steps: w = 0.9: 7.84e-10; w = 1: 1; w = 1.1: 1.73e+08" in verdict.numbers


def test_of_several_layers_the_top_one_is_the_exact_power(config: Config) -> None:
    found = measured(config, seq_len=60, hidden_size=1, init="identity", num_layers=3, weight_scale=0.9)
    assert borne_out(WeightProduct, found) is True


def test_a_gradient_that_is_off_refutes_the_claim(config: Config) -> None:
    found = measured(config, seq_len=20, hidden_size=1, init="identity")
    off = found.gradients.assign(grad_norm=found.gradients.grad_norm * (1 + 1e-6 * found.gradients.lag))
    assert borne_out(WeightProduct, Tables({"runs": found.runs, "gradients": off})) is False


@pytest.mark.parametrize("changes", [{"cell": "rnn"}, {"init": "gaussian"}, {"dtype": "float32"}])
def test_what_has_no_closed_form_is_not_judged(config: Config, changes: dict[str, str]) -> None:
    assert borne_out(WeightProduct, measured(config, seq_len=5, **changes)) is None


def test_where_powers_leave_float64_they_are_left_out(config: Config) -> None:
    found = measured(config, seq_len=4000, hidden_size=1, init="identity", weight_scale=0.8)
    assert_borne_out(WeightProduct, found)


def test_the_figure_keeps_its_contract(config: Config) -> None:
    frames = [
        measured(config, seq_len=30, hidden_size=size, init="identity", weight_scale=[0.9, 1.1]) for size in (1, 4)
    ]
    check_figure(
        WeightProductFigure(), Tables({name: pd.concat([each[name] for each in frames]) for name in frames[0]})
    )


@pytest.mark.slow
def test_the_sweep_bears_out_the_claim(config: Config) -> None:
    found = measured(config, seq_len=1000, hidden_size=32, weight_scale=[0.9, 1.0, 1.1], seed=[0, 1, 2])
    assert_borne_out(WeightProduct, found)
    assert np.isfinite(found.gradients.grad_norm).all()
