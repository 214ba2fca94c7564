"""The dish sentences against an independent reading of their surface words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.experiment import Batch, Experiment
from harness.experiments.recall_dish import RecallDish
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw


def sentences(count: int = 200, seq_len: int = 17) -> tuple[Batch, Experiment]:
    task = RecallDish(n_dishes=8)
    return draw(task, count, seq_len), task


@pytest.mark.parametrize("seq_len", [5, 6, 7, 8, 20])
def test_a_sentence_names_its_dish_once_and_asks_for_it_at_the_end(seq_len: int) -> None:
    batch, task = sentences(50, seq_len)
    assert batch.inputs.shape == (50, seq_len)
    for index in range(50):
        shown = task.show(batch, index, np.eye(8)[batch.targets[index]])
        dish, english = shown.expected.split(" ", 1)
        assert shown.text.startswith("今天我要做" + dish)
        assert shown.text.count(dish) == 1
        assert shown.text.endswith("，出锅了，我做的是什么菜？")
        assert shown.translation.startswith(f"today I make {english}")
        assert shown.answered == shown.expected


def test_the_cue_is_where_the_dish_is_named() -> None:
    batch, _ = sentences()
    named = batch.inputs[np.arange(200), batch.cue[:, 0] - 1]
    assert len(set(named)) == 8
    assert all(len(set(batch.targets[named == token, 0])) == 1 for token in set(named))


def test_nothing_after_the_cue_tells_the_answer() -> None:
    batch, task = sentences(20000, 11)
    for position in range(3, 11):
        tokens = batch.inputs[:, position]
        counts = np.zeros((task.input_size, 8))
        np.add.at(counts, (tokens, batch.targets[:, 0]), 1)
        seen = counts[counts.sum(axis=1) > 0]
        expected = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / seen.sum()
        chi2 = ((seen - expected) ** 2 / expected).sum()
        freedom = max((len(seen) - 1) * 7, 1)
        assert chi2 < freedom + 5 * np.sqrt(2 * freedom)


def test_distractors_name_ingredients_of_other_dishes() -> None:
    batch, task = sentences(400, 20)
    text = "".join(task.show(batch, index, np.zeros((1, 8))).text for index in range(400) if batch.targets[index] == 0)
    assert "鸡块" in text


def test_dishes_are_equally_likely_and_chance_is_their_share() -> None:
    batch, task = sentences(8000)
    np.testing.assert_allclose(np.bincount(batch.targets[:, 0]) / 8000, task.chance(17), atol=0.02)


def test_an_answer_that_is_no_number_is_said_to_be_none() -> None:
    batch, task = sentences(1)
    assert "no numbers" in task.show(batch, 0, np.full((1, 8), np.nan)).answered


@pytest.mark.slow
def test_most_lstms_know_the_dish_where_no_plain_rnn_with_shrinking_weights_does() -> None:
    made = {"seq_len": 100, "hidden_size": 32, "seed": [0, 1, 2, 3, 4], "train": {"steps": 300, "lr": 0.003}}
    lstm = trained(RecallDish, "lstm", weight_scale=1.1, **made)
    rnn = trained(RecallDish, "rnn", weight_scale=0.9, **made)
    assert_borne_out(RecallDish, pd.concat([lstm, rnn]))
