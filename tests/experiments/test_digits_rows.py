"""Digits read row by row, against the images themselves; chance against classifiers that see the last row alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from harness.experiments.digits_rows import DigitsRows
from tests.helpers.claims import borne_out, trained
from tests.helpers.tasks import draw

DIGITS = load_digits()
TRAINED, HELD_OUT = 1198, 599


def place(image: np.ndarray) -> int:
    """Which of scikit-learn's images this is."""
    found = np.flatnonzero((DIGITS.images == image).all(axis=(1, 2)))
    assert len(found) == 1
    return int(found[0])


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("seq_len", [8, 64])
def test_rows_or_pixels_come_from_top_to_bottom_and_the_answer_is_the_digit(held_out: bool, seq_len: int) -> None:
    batch = draw(DigitsRows(), 40, seq_len, held_out)
    for sequence, target in zip(batch.inputs, batch.targets, strict=True):
        image = np.zeros((8, 8))
        for step in range(seq_len):
            if seq_len == 8:
                image[step] = sequence[step]
            else:
                image[step // 8, step % 8] = sequence[step, 0]
                assert not sequence[step, 1:].any()
        index = place(image * 16)
        assert DIGITS.target[index] == target.item()
        assert (index < TRAINED) != held_out


def test_every_held_out_image_is_evaluated_on_before_one_comes_twice() -> None:
    task = DigitsRows()
    batch = draw(task, HELD_OUT + 1, 8, held_out=True)
    assert len(np.unique(batch.inputs[:-1], axis=0)) == HELD_OUT
    assert (batch.inputs[-1] == batch.inputs[0]).all()


def test_the_last_row_and_the_last_pixel_tell_no_more_than_stated() -> None:
    task, digits = DigitsRows(), DIGITS.target
    last_row = DIGITS.data[:, 56:]
    seen = [
        model.fit(last_row[:TRAINED], digits[:TRAINED]).score(last_row[TRAINED:], digits[TRAINED:])
        for model in (
            RandomForestClassifier(100, min_samples_leaf=3, random_state=0),
            KNeighborsClassifier(15),
            SVC(C=10, gamma=0.005),
        )
    ]
    assert task.chance(8) - 0.06 < max(seen) <= task.chance(8)
    last_pixel = DIGITS.data[TRAINED:, 63]
    commonest = [np.bincount(digits[TRAINED:][last_pixel == value]).max() for value in np.unique(last_pixel)]
    assert sum(commonest) / HELD_OUT == pytest.approx(task.chance(64))


def test_other_lengths_are_refused() -> None:
    assert DigitsRows().refuses(28) == "8 (row by row) or 64 (pixel by pixel)"
    assert DigitsRows().refuses(8) is None


def test_an_image_is_shown_in_shades() -> None:
    task = DigitsRows()
    batch = task.read(np.array([0]), 8)
    shown = task.show(batch, 0, np.eye(10)[batch.targets[0]])
    assert (shown.expected, shown.answered) == ("0", "0")
    rows = shown.text.split()
    assert [len(row) for row in rows] == [8] * 8
    assert rows[0] == "".join("·░▒▓█"[round(value / 4)] for value in DIGITS.images[0, 0])


def test_the_claim_needs_rows_read_as_well_by_a_plain_rnn_and_pixels_worse_by_every_cell() -> None:
    runs = pd.DataFrame({"cell": ["rnn", "rnn", "lstm", "lstm"], "seq_len": [8, 64] * 2, "chance": 0.1, "status": "ok"})
    for accuracy, holds in (
        ([0.92, 0.4, 0.93, 0.7], True),
        ([0.88, 0.4, 0.93, 0.7], False),  # rows read less well
        ([0.92, 0.4, 0.93, 0.92], False),  # 0.01 comes up by luck
    ):
        assert borne_out(DigitsRows, runs.assign(accuracy=accuracy)) is holds
    assert borne_out(DigitsRows, runs[runs.seq_len == 8].assign(accuracy=0.9)) is None
    assert borne_out(DigitsRows, runs[runs.cell == "rnn"].assign(accuracy=0.9)) is None


@pytest.mark.slow
def test_a_plain_rnn_reads_rows_as_well_as_an_lstm() -> None:
    runs = trained(
        DigitsRows, ["rnn", "lstm"], seq_len=8, hidden_size=64, seed=[0, 1], train={"steps": 300, "batch_size": 64}
    )
    found = runs.groupby("cell").accuracy.mean()
    assert found["rnn"] > 0.85
    assert found["rnn"] >= found["lstm"] - 0.04
