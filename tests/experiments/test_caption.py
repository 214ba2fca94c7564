"""Captions, read off the pixels by a second way of looking."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.experiment import Tables
from harness.experiments import caption
from harness.experiments.caption import Caption
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, lookup


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
    batch = draw(task, 50, seq_len)
    pictures = batch.inputs[:, 0, : task.feedback].reshape(50, 4, 5, 5, 3)
    said = [" ".join(caption.WORDS[word] for word in row) for row in batch.targets]
    assert said == [described(picture) for picture in pictures]
    assert len(set(said)) > 10


def test_only_the_first_step_sees_the_picture_and_later_ones_the_last_word() -> None:
    task = Caption()
    batch = draw(task, 20, 16)
    assert not batch.inputs[:, 1:, : task.feedback].any()
    assert not batch.inputs[:, 0, task.feedback :].any()
    seen = batch.inputs[:, 1:, task.feedback :]
    assert (seen.sum(axis=-1) == 1).all()
    assert (seen.argmax(axis=-1) == batch.targets[:, :-1]).all()


def test_chance_is_that_of_the_best_table_from_a_word_to_the_next() -> None:
    task = Caption()
    batch = draw(task, 6000, 16)
    before = np.concatenate([np.full((6000, 1), len(caption.WORDS)), batch.targets[:, :-1]], axis=1)
    found = lookup(before, batch.targets)
    guessed = found.counts.argmax(axis=1)[before] == batch.targets
    assert guessed[batch.judged].mean() == pytest.approx(task.chance(16), abs=0.01)
    assert found.loss == pytest.approx(task.chance_loss(16), abs=0.01)


def test_lengths_are_those_of_whole_sentences() -> None:
    assert Caption().refuses(10) is None
    assert str(Caption(places=2).refuses(16)).startswith("4, 10 ")


def test_a_sample_shows_the_strip_and_both_sentences() -> None:
    task = Caption(noise=0)
    batch = draw(task, 1, 10)
    shown = task.show(batch, 0, np.full((10, len(caption.WORDS)), np.nan))
    assert shown.expected == described(batch.inputs[0, 0, : task.feedback].reshape(4, 5, 5, 3))
    assert [part for part in shown.text.split(" | ") if part != "·"] == shown.expected[2:].split(" left of a ")
    assert shown.answered == " ".join("?" * 10)


def test_a_sample_shows_shapes_where_they_are_through_strong_noise() -> None:
    shown = []
    for noise in (0.0, 0.3):
        task = Caption(noise=noise)
        batch = draw(task, 30, 10)
        shown.append([task.show(batch, index, np.full((10, len(caption.WORDS)), np.nan)).text for index in range(30)])
    assert shown[0] == shown[1]


RIGHT = "a small red circle left of a large blue square"
WRONG = "a small red circle left of a small blue cross"


def drawn(told: list[tuple[str, int, float, str]], text: str = "· | small red circle | large blue square"):
    """The only axes of the figure of runs: cell, seed, accuracy, and what it said of picture 0 (seed 1: another)."""
    runs = pd.DataFrame(told, columns=["cell", "seed", "accuracy", "answered"]).assign(
        run_id=[f"r{place}" for place in range(len(told))], experiment="caption", seq_len=10, status="ok",
        family=lambda runs: runs.cell.map({"rnn": "classic"}).fillna("gated"),
    )  # fmt: skip
    samples = runs[["run_id", "answered"]].assign(sample=0, text=text, translation="", expected=RIGHT)
    samples.loc[runs.seed == 1, "text"] = "small red circle | large blue square | ·"
    (axis,) = caption.Told().draw(Tables({"runs": runs, "samples": samples})).axes
    return axis


def lines(axis) -> list[str]:
    """What is written, line by line."""
    written: dict[float, list[str]] = {}
    for text in sorted(axis.texts, key=lambda text: text.get_position()[::-1]):
        written.setdefault(text.get_position()[1], []).append(text.get_text())
    return [" ".join(words) for words in written.values()]


def test_the_figure_shows_the_picture_and_what_was_said_with_its_mistakes() -> None:
    axis = drawn([("rnn", 0, 0.5, WRONG), ("lstm", 0, 0.9, RIGHT)])
    assert [described(np.asarray(image.get_array())[None]) for image in axis.images] == [
        "", "a small red circle", "a large blue square",
    ]  # fmt: skip
    assert lines(axis) == [f"right {RIGHT}", f"rnn {WRONG} 4 of 6", f"lstm {RIGHT} 6 of 6"]
    wrong = [text.get_text() for text in axis.texts if text.get_color() == caption.WRONG]
    assert wrong == ["small", "cross"]
    small, square = (next(text for text in axis.texts if text.get_text() == word) for word in ("small", "square"))
    lefts = [image.get_extent()[0] for image in axis.images]
    assert lefts[1] < small.get_position()[0] < lefts[2] < square.get_position()[0]


def test_the_figure_compares_the_best_runs_on_the_same_pictures() -> None:
    axis = drawn([("rnn", 0, 0.4, "? " * 10), ("rnn", 0, 0.5, WRONG), ("lstm", 0, 0.8, RIGHT), ("lstm", 1, 0.9, WRONG)])
    assert lines(axis) == [f"right {RIGHT}", f"rnn {WRONG} 4 of 6", f"lstm {RIGHT} 6 of 6"]


@pytest.mark.slow
def test_an_lstm_tells_more_than_a_plain_rnn() -> None:
    runs = trained(Caption, ["rnn", "lstm"], seq_len=16, hidden_size=64, train={"steps": 300})
    assert_borne_out(Caption, runs)
    found = runs.groupby("cell").accuracy.mean()
    assert found["lstm"] > found["rnn"] + 0.15
