"""What a pack writes down: exact tables for measurements that are made up."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.experiment import Sample
from harness.measure.gradients import Gradients, Profile
from harness.measure.measurement import Measurement
from harness.probes.base import Probe
from harness.settings.members import members
from harness.tables.columns import COLUMNS
from harness.training.record import Record
from harness.training.rows import failed, runs_table, setting
from tests.conftest import Config

SAMPLES = 11
"""Of these the quantiles of 10, 50 and 90 % are the second, the sixth and the tenth."""

LENGTH = 8


def measurement(step: int, factors: list[float], accuracy: list[float] | None = None, **changes: Any) -> Measurement:
    """Members whose gradient falls by a factor per step: sample b has the norms b · factor^lag, the inputs twice that.

    All samples are asked at the last step, and the cue stands at step 3.
    """
    by_lag = np.array([[factor ** (LENGTH - t) for t in range(1, LENGTH + 1)] for factor in factors])
    norms = torch.from_numpy(by_lag[..., None] * np.arange(1.0, SAMPLES + 1))
    profiles = [Profile(1, "h", norms), Profile(0, "x", 2 * norms)]
    count = len(factors)
    accuracy = accuracy or [0.5] * count
    made: dict[str, Any] = {
        "step": step,
        "loss": torch.arange(1.0, count + 1),
        "accuracy": torch.tensor(accuracy, dtype=torch.float64),
        "accuracy_se": torch.full((count,), 0.01),
        "samples": [
            [Sample(f"text {step}", "yes", "no", "words", ["a b", "c\nd"], ["A", "B"]), None, Sample("more")]
            for _ in factors
        ],
        "sample_accuracy": torch.tensor([[0.0, 1.0, 0.5]] * count, dtype=torch.float64),
        "gradients": Gradients(profiles, profiles, torch.arange(10.0, 10 + count)),
        "cue": np.full((count, SAMPLES, 1), 3),
        "answer": np.full((count, SAMPLES), LENGTH),
        "clipped": torch.full((count,), 0.25),
        "spectral_radius": [0.5 + k for k in range(count)],
        "input_power": [1.0] * count,
        "rate_bound": [0.1 * k + step for k in range(count)],
    }
    return Measurement(**{**made, **changes})


def record(config: Config, **changes: Any) -> Record:
    return Record(members(config(**changes)))


def test_rows_of_gradients_are_mean_and_quantiles_over_the_samples(config: Config) -> None:
    made = record(config, seed=[0, 1])
    made.measured([0, 1], measurement(4, [0.5, 2.0]), [])
    found = made.tables(7, 512, 1.0)["gradients"]
    assert list(found) == COLUMNS["gradients"]
    rows = [
        (
            *(made.run_ids[k], 4, layer, part, t, LENGTH - t),
            *(scale * factor ** (LENGTH - t) * np.array([6.0, 2, 6, 10])),
            SAMPLES,
        )
        for k, factor in enumerate([0.5, 2.0])
        for layer, part, scale in ((1, "h", 1.0), (0, "x", 2.0))
        for t in range(1, LENGTH + 1)
    ]
    expected = pd.DataFrame(rows, columns=COLUMNS["gradients"])
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-12)


def test_rows_of_the_transport_count_lags_from_every_samples_own_answer(config: Config) -> None:
    made = record(config)
    answer = np.full((1, SAMPLES), LENGTH)
    answer[0, 0] = 3  # the first sample is asked at step 3: its lags are 0, 1 and 2
    answer[0, 1] = 0  # the second one never
    made.measured([0], measurement(0, [0.5], answer=answer), [])
    found = made.tables(7, 512, 1.0)["transport"].query("part == 'h'")
    assert list(found) == COLUMNS["transport"]
    assert found.lag.tolist() == list(range(LENGTH))
    assert found.samples.tolist() == [SAMPLES - 1] * 3 + [SAMPLES - 2] * (LENGTH - 3)
    others = np.arange(3.0, SAMPLES + 1)
    for row in found.itertuples():
        norms = others * 0.5**row.lag
        if row.lag < 3:
            norms = np.append(norms, 0.5 ** (row.lag + LENGTH - 3))
        assert row.grad_norm == pytest.approx(norms.mean())
        expected = np.quantile(norms, [0.1, 0.5, 0.9])
        np.testing.assert_allclose([row.grad_q10, row.grad_q50, row.grad_q90], expected)
        assert row.log_ratio == pytest.approx(row.lag * np.log(0.5), abs=1e-12)
    outcome = made.tables(7, 512, 1.0)["runs"].iloc[0]
    assert outcome.answer_step == pytest.approx((3 + LENGTH * (SAMPLES - 2)) / (SAMPLES - 1))
    assert outcome.cue_step == 3


def test_between_a_finite_and_an_infinite_norm_stands_the_smaller_one(config: Config) -> None:
    made = record(config)
    norms = torch.ones(1, LENGTH, SAMPLES, dtype=torch.float64)
    norms[0, 0, 5:] = torch.inf  # median infinite
    norms[0, 1, 9:] = torch.inf  # 90 % between 1 and inf
    norms[0, 2] = torch.nan
    found = measurement(0, [1.0])
    profiles = [Profile(1, "h", norms), Profile(0, "x", norms)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.measured([0], measurement(0, [1.0], gradients=Gradients(profiles, profiles, found.gradients.weights)), [])
    rows = made.tables(7, 512, 1.0)["gradients"].query("part == 'h'").set_index("t")
    names = ["grad_norm", "grad_q10", "grad_q50", "grad_q90"]
    assert rows.loc[1, names].tolist() == [np.inf, 1, np.inf, np.inf]
    assert rows.loc[2, names].tolist() == [np.inf, 1, 1, np.inf]
    assert rows.loc[3, names].isna().all()
    assert rows.loc[4, names].tolist() == [1, 1, 1, 1]


def test_curves_have_what_was_measured_and_when(config: Config) -> None:
    made = record(config, seed=[0, 1])
    for step in (0, 5):
        made.measured([0, 1], measurement(step, [0.9, 1.1], [0.25, 0.75]), [])
    found = made.tables(7, 512, 1.0)["curves"]
    assert list(found) == COLUMNS["curves"]
    assert found.to_numpy().tolist() == [
        [made.run_ids[k], step, 1.0 + k, accuracy, 10.0 + k, 0.25, 0.5 + k]
        for k, accuracy in ((0, 0.25), (1, 0.75))
        for step in (0, 5)
    ]


def test_figures_before_the_training_come_from_the_first_measurement_and_others_from_the_last(config: Config) -> None:
    made = record(config)
    for step, factor in ((0, 0.9), (3, 1.0), (6, 1.1)):
        made.measured([0], measurement(step, [factor]), [])
    found = made.tables(7, 512, 2.5)["runs"].iloc[0]
    assert np.exp([found.decay_rate_init, found.decay_rate]) == pytest.approx([0.9, 1.1])
    assert (found.verdict_init, found.verdict) == ("vanishing", "exploding")
    assert (found.shape_init, found["shape"]) == ("falls", "rises")
    assert [found.grad_ratio_init, found.grad_ratio] == pytest.approx([0.9**5, 1.1**5])  # from step 3 to step 8
    assert (found.horizon_init, found.horizon) == (np.inf, np.inf)  # 0.9^7 is more than a third
    assert (found.steps, found.parameters, found.eval_samples, found.seconds) == (6, 7, 512, 2.5)
    assert (found.loss, found.accuracy, found.accuracy_se, found.status) == (1.0, 0.5, pytest.approx(0.01), "ok")
    assert (found.chance, found.memory, found.has_memory) == (0.125, "h", True)
    assert found.reason is None or pd.isna(found.reason)


def test_samples_are_those_of_the_last_measurement_and_not_shown_ones_are_left_out(config: Config) -> None:
    made = record(config)
    for step in (0, 6):
        made.measured([0], measurement(step, [0.9]), [])
    found = made.tables(7, 512, 1.0)["samples"]
    assert list(found) == COLUMNS["samples"]
    assert found.to_numpy().tolist() == [
        [made.run_ids[0], 0, "text 6", "words", "a b\nc d", "A\nB", "yes", "no", 0.0],
        [made.run_ids[0], 2, "more", "", "", "", "", "", 0.5],
    ]


def test_the_step_at_which_a_task_was_first_solved_is_kept_and_the_end_decides(config: Config) -> None:
    made = record(config, seed=[0, 1, 2])
    for step, accuracies in (
        (0, [0.1, 0.1, 0.1]),
        (3, [0.95, 0.94, 0.1]),
        (6, [0.97, 0.94, 0.1]),
        (9, [0.9, 0.96, 0.1]),
    ):
        made.measured([0, 1, 2], measurement(step, [1.1] * 3, accuracies), [])
    found = made.tables(7, 512, 1.0)["runs"]
    assert found.solved_step.tolist() == [3, 9, pd.NA]
    assert found.solved.tolist() == [False, True, False]
    assert found.verdict.tolist() == ["exploding", "rising", "exploding"]


def test_before_any_training_a_gradient_that_grows_explodes_however_right_the_answers_are(config: Config) -> None:
    made = record(config)
    made.measured([0], measurement(0, [1.1], [1.0]), [])
    assert made.tables(7, 512, 1.0)["runs"].verdict.tolist() == ["exploding"]


def test_after_one_step_that_reaches_the_threshold_exactly_it_rises(config: Config) -> None:
    made = record(config)
    made.measured([0], measurement(1, [1.1], [0.95]), [])
    found = made.tables(7, 512, 1.0)["runs"].iloc[0]
    assert (found.verdict, found.solved, found.solved_step) == ("rising", True, 1)


def test_a_member_whose_loss_is_not_finite_is_measured_once_more_and_then_left_alone(config: Config) -> None:
    made = record(config, seed=[0, 1, 2])
    everyone = [0, 1, 2]
    made.measured(everyone, measurement(0, [0.9] * 3), [])
    made.losses(1, everyone, [1.0, 2.0, 3.0])
    assert made.training(everyone) == [True] * 3
    made.losses(2, everyone, [1.0, np.nan, np.inf])
    made.losses(3, everyone, [1.0, np.nan, 1.0])  # the step at which it happened stays
    assert made.training(everyone) == [True, False, False]
    assert made.unfinished(everyone) == everyone
    made.measured(everyone, measurement(3, [0.9] * 3), [])
    assert made.unfinished(everyone) == [0]
    made.measured([2, 0], measurement(6, [0.5, 0.8]), [])  # rows of others may still come along
    found = made.tables(7, 512, 1.0)
    runs = found["runs"]
    assert runs.status.tolist() == ["ok", "diverged", "diverged"]
    assert runs.diverged_at.tolist() == [pd.NA, 2, 2]
    assert runs.steps.tolist() == [6, 1, 1]
    assert np.exp(runs.decay_rate).tolist() == pytest.approx([0.8, 0.9, 0.9])
    assert found["curves"].groupby("run_id", sort=False).step.agg(list).tolist() == [[0, 3, 6], [0, 3], [0, 3]]
    places = found["gradients"][["run_id", "step"]].drop_duplicates()
    assert places.run_id.tolist() == [made.run_ids[k] for k in (0, 0, 0, 1, 1, 2, 2)]  # by member, then by time
    assert places.step.tolist() == [0, 3, 6, 0, 3, 0, 3]


def test_a_member_that_is_to_stop_where_it_solves_the_task_does(config: Config) -> None:
    made = record(config, seed=[0, 1], train={"stop_solved": True})
    made.measured([0, 1], measurement(2, [0.9] * 2, [0.95, 0.94]), [])
    assert made.unfinished([0, 1]) == [1]
    assert made.training([1, 0]) == [True, False]
    goes_on = record(config)
    goes_on.measured([0], measurement(2, [0.9], [1.0]), [])
    assert goes_on.unfinished([0]) == [0]


def test_pruning_ends_what_still_trains_and_leaves_what_has_ended(config: Config) -> None:
    made = record(config, seed=[0, 1, 2], train={"stop_solved": True})
    made.losses(1, [0, 1, 2], [1.0, float("nan"), 1.0])
    made.measured([0, 1, 2], measurement(2, [0.9] * 3, [0.95, 0.5, 0.5]), [])
    made.prune()
    assert made.unfinished([0, 1, 2]) == []
    runs = made.tables(parameters=7, eval_samples=9, seconds=1.0)["runs"]
    assert runs.status.tolist() == ["ok", "diverged", "pruned"]
    assert runs.accuracy.isna().tolist() == [False, False, True]


class Counted(Probe):
    """A number per member."""

    name = "counted"
    adds = "columns"

    def measure(self, moment: Any) -> pd.DataFrame:
        raise NotImplementedError


class Listed(Counted):
    """A table."""

    name = "listed"
    adds = "table"


def test_what_probes_measure_stands_with_the_right_run_and_step(config: Config) -> None:
    made = record(config, seed=[0, 1])
    numbers = pd.DataFrame({"member": [1, 0], "size": [10.0, 20.0]})
    rows = pd.DataFrame({"unit": [1, 2, 1], "member": [0, 0, 1], "value": [0.1, 0.2, 0.3]})
    made.measured([0, 1], measurement(0, [0.9] * 2), [(Listed(), rows), (Counted(), numbers)])
    made.measured([1], measurement(5, [0.9]), [(Listed(), rows[:0]), (Counted(), numbers)])
    found = made.tables(7, 512, 1.0)
    assert found["curves"]["counted.size"].tolist() == [20.0, 10.0, 20.0]
    assert list(found["listed"]) == ["run_id", "step", "unit", "value"]
    assert found["listed"].to_numpy().tolist() == [
        [made.run_ids[0], 0, 1, 0.1], [made.run_ids[0], 0, 2, 0.2], [made.run_ids[1], 0, 1, 0.3],
    ]  # fmt: skip


def test_a_record_goes_on_from_its_state(config: Config) -> None:
    one, two = record(config), record(config)
    one.measured([0], measurement(0, [0.9]), [])
    two.restore(one.state)
    two.measured([0], measurement(3, [1.1]), [])
    found = two.tables(7, 512, 1.0)["runs"].iloc[0]
    assert (found.verdict_init, found.verdict, found.steps) == ("vanishing", "exploding", 3)


def test_of_stacked_layers_the_decay_is_the_top_ones_and_the_ratio_the_lowest_ones(config: Config) -> None:
    made = record(config, num_layers=2)
    lag = np.arange(LENGTH - 1, -1, -1)
    profiles = [
        Profile(layer, part, torch.from_numpy(np.tile((factor**lag)[None, :, None], (1, 1, SAMPLES))))
        for layer, part, factor in ((1, "h", 0.7), (2, "h", 1.2), (0, "x", 0.1))
    ]
    made.measured([0], measurement(0, [1.0], gradients=Gradients(profiles, profiles, torch.ones(1))), [])
    found = made.tables(7, 512, 1.0)["runs"].iloc[0]
    assert np.exp(found.decay_rate) == pytest.approx(1.2)
    assert found.grad_ratio == pytest.approx(0.7**5)


def test_failed_runs_have_their_reason_and_empty_tables(config: Config) -> None:
    runs = members(config(seed=[0, 1]))
    found = failed(runs, "ValueError: no oven")
    assert found["runs"].status.tolist() == ["failed", "failed"]
    assert found["runs"].reason.tolist() == ["ValueError: no oven"] * 2
    assert found["runs"].seed.tolist() == [0, 1]
    assert found["runs"].accuracy.isna().all()
    for name in ("curves", "gradients", "transport", "samples"):
        assert list(found[name]) == COLUMNS[name]
        assert len(found[name]) == 0


def test_the_table_of_runs_has_settings_in_front_and_outcomes_behind(config: Config) -> None:
    table = runs_table(members(config(cell="lstm", seed=[0, 1])), [{"solved": True, "steps": 3}, {"solved": None}])
    assert list(table)[:4] == ["run_id", "experiment", "cell", "variant"]
    assert list(table)[-1] == "job"
    assert list(table).index("train.lr") < list(table).index("status")
    assert (table.solved.dtype, table.steps.dtype, table.accuracy.dtype) == ("boolean", "Int64", "float64")
    assert table.solved.tolist() == [True, pd.NA]
    assert table.decay_rate_init.dtype == "float64"


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, 2], "int64", [1, 2]),
        ([1, None], "Int64", [1, pd.NA]),
        ([0.5, None], "float64", [0.5, None]),
        ([1, 0.5], "float64", [1.0, 0.5]),
        ([True, False], "bool", [True, False]),
        ([True, None], "boolean", [True, pd.NA]),
        ([None, None], "object", [None, None]),
        (["a", 1], "object", ["a", "1"]),
        ([[1, 2], None], "object", ["[1, 2]", None]),
        ([{"a": 1}, {"a": 1}], "object", ['{"a": 1}'] * 2),
        ([True, 2], "object", ["true", "2"]),
    ],
)  # fmt: skip
def test_a_column_of_settings_is_as_exact_as_its_values(values: list[Any], dtype: str, expected: list[Any]) -> None:
    found = setting(values)
    assert found.dtype == dtype
    for value, wanted in zip(found, expected, strict=True):
        assert value is wanted or value == wanted or (pd.isna(value) and pd.isna(wanted))
