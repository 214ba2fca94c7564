"""Captions, read off the pixels by a second way of looking."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from harness.plugins import registry
from harness.run import run
from harness.seeds import stream
from harness.settings import members
from tests.conftest import Config

Caption = registry().get("experiment", "caption")
module = sys.modules[Caption.__module__]


def described(picture: np.ndarray) -> str:
    """What a noiseless picture (places, 5, 5, 3) shows: counts of pixels tell a shape and its size, colour by mixture.

    No two of the eight drawings have as many pixels in the same rows.
    """
    rows = {
        (0, 1, 2, 1, 0): "small circle", (3, 2, 2, 2, 3): "large circle", (0, 3, 3, 3, 0): "small square",
        (5, 5, 5, 5, 5): "large square", (0, 1, 3, 0, 0): "small triangle", (1, 1, 3, 3, 5): "large triangle",
        (0, 2, 1, 2, 0): "small cross", (2, 2, 1, 2, 2): "large cross",
    }  # fmt: skip
    found = []
    for place in picture:
        if place.any():
            size, shape = rows[tuple(int(row.any(axis=-1).sum()) for row in place)].split()
            colour = {4: "red", 2: "green", 1: "blue", 6: "yellow"}[int(place.max(axis=(0, 1)) @ [4, 2, 1])]
            found.append(f"a {size} {colour} {shape}")
    return " left of ".join(found)


@pytest.mark.parametrize("shapes", [1, 2, 4])
def test_the_sentence_describes_the_picture(shapes: int) -> None:
    task, seq_len = Caption(noise=0), 6 * shapes - 2
    batch = task.sample(stream(0, "test"), 50, seq_len)
    pictures = batch.inputs[:, 0, : task.feedback].reshape(50, 4, 5, 5, 3)
    said = [" ".join(module.WORDS[word] for word in row) for row in batch.targets]
    assert said == [described(picture) for picture in pictures]
    assert len(set(said)) > 10


def test_only_the_first_step_sees_the_picture_and_later_ones_the_last_word() -> None:
    task = Caption()
    batch = task.sample(stream(1, "test"), 20, 16)
    assert not batch.inputs[:, 1:, : task.feedback].any()
    assert not batch.inputs[:, 0, task.feedback :].any()
    seen = batch.inputs[:, 1:, task.feedback :]
    assert (seen.sum(axis=-1) == 1).all()
    assert (seen.argmax(axis=-1) == batch.targets[:, :-1]).all()


def test_chance_is_that_of_the_best_table_from_a_word_to_the_next() -> None:
    task = Caption()
    batch = task.sample(stream(2, "test"), 20000, 16)
    before = np.concatenate([np.full((20000, 1), len(module.WORDS)), batch.targets[:, :-1]], axis=1)
    counts = np.zeros((len(module.WORDS) + 1, len(module.WORDS)))
    np.add.at(counts, (before, batch.targets), 1)
    guessed = counts.argmax(axis=1)[before] == batch.targets
    assert guessed[batch.judged].mean() == pytest.approx(task.chance(16), abs=0.01)
    share = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    assert -np.log(share[before, batch.targets]).mean() == pytest.approx(task.chance_loss(16), abs=0.01)


def test_lengths_are_those_of_whole_sentences() -> None:
    assert Caption().refuses(10) is None
    assert str(Caption(places=2).refuses(16)).startswith("4, 10 ")


def test_a_sample_shows_the_strip_and_both_sentences() -> None:
    task = Caption(noise=0)
    batch = task.sample(stream(3, "test"), 1, 10)
    shown = task.show(batch, 0, np.full((10, len(module.WORDS)), np.nan))
    assert shown.expected == described(batch.inputs[0, 0, : task.feedback].reshape(4, 5, 5, 3))
    assert [part for part in shown.text.split(" | ") if part != "·"] == shown.expected[2:].split(" left of a ")
    assert shown.answered == " ".join("?" * 10)


@pytest.mark.slow
def test_an_lstm_tells_more_than_a_plain_rnn(config: Config) -> None:
    found = {
        cell: run(members(config(
            experiment="caption", cell=cell, seq_len=16, hidden_size=64,
            train={"steps": 500, "batch_size": 32, "lr": 0.01}, probe={"every": 500},
        )))["runs"].accuracy.item()
        for cell in ("rnn", "lstm")
    }  # fmt: skip
    assert found["lstm"] > found["rnn"] + 0.15
