"""The memory probe against what is known of the information in a state."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch

from harness.experiment import Batch, Classes, Experiment, Labels, Values
from harness.plugins.registry import registry
from harness.probes import Moment
from harness.probes.memory import explained, standardised, told
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.training.building import build, streams
from tests.conftest import Config


class First(Experiment):
    """The first of several numbers, or its sign, is asked for at the end."""

    name: ClassVar[str] = "first"
    claim: ClassVar[str] = "Noise hides it."
    kind_of_answer: str = "value"

    @property
    def input_size(self) -> int:
        return 1

    @property
    def outputs(self) -> Any:
        return {"value": Values(0.1), "values": Values(0.1, n=2), "sign": Classes(2), "labels": Labels(2)}[
            self.kind_of_answer
        ]

    def chance(self, seq_len: int) -> float:
        return 0.5

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        numbers = rng.standard_normal((batch_size, seq_len, 1))
        bit = rng.integers(2, size=(batch_size, 1))
        first, noise = numbers[:, 0], rng.standard_normal((batch_size, 1))
        targets = {
            "value": first,
            "values": np.stack([first, noise], axis=2),
            "sign": bit,
            "labels": np.stack([bit, (noise > 0).astype(int)], axis=2),
        }[self.kind_of_answer]
        if self.kind_of_answer in ("sign", "labels"):
            numbers[:, 0] = 2 * bit - 1
        return Batch(numbers, targets)


def measured(runs: list[Settings], fill: float | None = None, **options: Any) -> pd.DataFrame:
    with torch.no_grad():
        network = build(runs, torch.float64)
        if fill is not None:
            network.flat.fill_(fill)
        data = streams(runs, "probe").answering(4, torch.float64)
        moment = Moment(network, data, runs[0].experiment, 0, [each.seed for each in runs])
        return registry().get("probe", "memory")(**options).measure(moment)


def scalar(config: Config, answer: str) -> dict[str, Any]:
    """h_t = 0.8 h_{t-1} + w x_t of one unit."""
    return config(
        experiment=First(kind_of_answer=answer), cell="linear", hidden_size=1, init="identity", weight_scale=0.8
    )


def test_what_is_explained_of_a_number_under_noise_is_its_share_of_the_variance(config: Config) -> None:
    found = measured(members(scalar(config, "value")), samples=3000).set_index("t").score
    for t in range(1, 9):
        squares = 0.8 ** (2 * np.arange(t))
        assert found[t] == pytest.approx(squares[-1] / squares.sum(), abs=0.04)


def test_of_several_values_the_mean_is_taken(config: Config) -> None:
    found = measured(members(scalar(config, "values")), samples=4000).set_index("t").score
    assert found[1] == pytest.approx(0.5, abs=0.02)  # the other value stands nowhere


def test_what_is_told_of_a_bit_under_noise_is_what_the_best_threshold_tells(config: Config) -> None:
    found = measured(members(scalar(config, "sign")), samples=4000).set_index("t")
    assert found.score[1] == 1
    for t in range(2, 9):
        noise = math.sqrt((0.8 ** (2 * np.arange(t - 1))).sum())
        wanted = (1 + math.erf(0.8 ** (t - 1) / noise / math.sqrt(2))) / 2
        assert found.score[t] == pytest.approx(wanted, abs=4 * math.sqrt(0.25 / 4000))
    assert found.chance.between(0.47, 0.53).all()
    assert (found.lag == 8 - found.index).all()


def test_of_several_labels_the_mean_is_taken(config: Config) -> None:
    found = measured(members(scalar(config, "labels")), samples=2000).set_index("t").score
    assert found[1] == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("cell", ["linear", "rnn", "lstm"])
def test_the_dish_is_unknown_before_the_cue_and_known_right_after_it(config: Config, cell: str) -> None:
    found = measured(members(config(cell=cell, hidden_size=12, seed=[0, 3])), steps=8).set_index("t")
    assert (found.loc[3].score == 1).all()
    assert (found.loc[[1, 2]].score == found.loc[[1, 2]].chance).all()
    assert found.chance.between(1 / 8 - 0.06, 1 / 8 + 0.06).all()


def test_without_memory_the_dish_is_known_at_the_cue_alone(config: Config) -> None:
    found = measured(members(config(cell="feedforward", hidden_size=12, num_layers=2)), steps=8).set_index("t")
    assert (found.loc[3].score == 1).all()
    assert set(found.loc[3].layer) == {1, 2}
    assert found.drop(index=3).score.max() < 1 / 8 + 4 * math.sqrt(1 / 8 * 7 / 8 / 500)


def test_a_trace_however_small_is_found_as_long_as_it_is_a_number(config: Config) -> None:
    run = config(experiment=First(kind_of_answer="sign"), cell="linear", hidden_size=1, weight_scale=1e-30)
    found = measured(members(run), samples=40, folds=2).set_index("t").score
    assert found[1] == 1
    assert 0.2 < found[2] < 0.8  # noise of 1 hides what is 1e-30


@pytest.mark.parametrize("answers", ["last", "first", "each"])
def test_the_answer_that_is_asked_for(config: Config, answers: str) -> None:
    run = config(experiment={"name": "copy", "length": 3}, cell="linear", hidden_size=40)
    found = measured(members(run), answers=answers, samples=60)
    due = sorted(found.asked_at.unique())
    assert due == {"last": [8], "first": [6], "each": [6, 7, 8]}[answers]


def test_two_samples_for_every_fold_are_enough(config: Config) -> None:
    run = config(experiment=First(kind_of_answer="sign"), cell="linear", hidden_size=1)
    found = measured(members(run), samples=20, folds=10).set_index("t")
    assert found.score[1] == 1
    assert (found.samples == 20).all()


@pytest.mark.parametrize("fill", [np.inf, np.nan])
def test_states_that_are_not_finite_tell_nothing(config: Config, fill: float) -> None:
    found = measured(members(config()), fill, samples=20)
    assert found.score.isna().all()
    assert len(found) == 8


def test_states_of_any_size_are_standardised() -> None:
    rng = np.random.default_rng(0)
    plain = rng.standard_normal((50, 3))
    wanted = standardised(plain)
    np.testing.assert_allclose(standardised(plain * [1e-300, 1e300, 1]), wanted, rtol=1e-9)
    assert standardised(np.ones((50, 4))).shape == standardised(np.zeros((50, 4))).shape == (50, 0)


def test_an_answer_that_is_always_the_same_needs_no_state() -> None:
    assert told(np.ones((20, 1)), np.full((20, 1), 3), 2) == (1.0, 1.0)
    assert np.isnan(explained(np.ones((20, 1)), np.full((20, 1), 3.0), 2)[0])


def test_a_member_has_samples_of_its_own_seed(config: Config) -> None:
    both = measured(members(config(seed=[0, 3])), samples=60)
    alone = measured(members(config(seed=3)), samples=60)
    own = both[both.member == 1].drop(columns="member").reset_index(drop=True)
    pd.testing.assert_frame_equal(own, alone.drop(columns="member"))
