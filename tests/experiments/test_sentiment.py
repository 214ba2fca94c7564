"""Sentences, understood by a reader of English words."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments.sentiment import Sentiment
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw

POLARITY = {"good": "positive", "great": "positive", "bad": "negative", "awful": "negative"}
TURNED = {"positive": "negative", "negative": "positive"}


def understood(sentence: str) -> str:
    """The sentiment, by splitting at the link and reading each clause's first and last words."""
    assert sentence.endswith(".")
    link = "although" if " although " in sentence else "but"
    clauses = sentence[:-1].split(f", {link} ")
    assert len(clauses) == 2
    decisive = clauses[0] if link == "although" else clauses[1]
    polarity = POLARITY[decisive.split()[-1]]
    return TURNED[polarity] if " was not " in f"{decisive} " else polarity


@pytest.mark.parametrize("seq_len", [8, 9, 24])
def test_labels_are_what_a_reader_understands(seq_len: int) -> None:
    task = Sentiment()
    batch = draw(task, 300, seq_len)
    for index in range(300):
        right = np.eye(2)[batch.targets[index]]
        shown = task.show(batch, index, right)
        assert shown.expected == shown.answered == understood(shown.translation)


def test_every_length_is_filled_and_the_cue_points_at_what_decides() -> None:
    batch = draw(Sentiment(), 500, 20)
    at_cue = np.take_along_axis(batch.inputs, batch.cue - 1, axis=1)
    assert set(at_cue[:, 0]) == {4, 5}
    assert set(at_cue[:, 1]) == {0, 1, 2, 3}
    assert set(at_cue[:, 2]) == {6, 7}
    distance = batch.cue[:, 1] - batch.cue[:, 0]
    assert distance.min() == 1
    assert distance.max() == 20 - 8 + 1


def test_chance_is_one_half_and_no_single_word_tells() -> None:
    task = Sentiment()
    batch = draw(task, 40_000, 8)
    assert batch.targets.mean() == pytest.approx(task.chance(8), abs=0.01)
    assert (batch.inputs[:, -1] == 16).all()
    for token in range(16):
        with_it = (batch.inputs == token).any(axis=1)
        if with_it.any() and token >= 4:
            assert batch.targets[with_it].mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.slow
def test_gated_cells_understand_more_than_a_plain_rnn() -> None:
    runs = trained(Sentiment, ["rnn", "gru"], seq_len=16, hidden_size=32, seed=[0, 1], train={"steps": 600})
    assert_borne_out(Sentiment, runs)
