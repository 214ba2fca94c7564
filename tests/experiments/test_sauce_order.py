"""The order of two sauces, read from the words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.experiments.sauce_order import SauceOrder
from tests.helpers.claims import assert_borne_out, borne_out, trained
from tests.helpers.tasks import draw


@pytest.mark.parametrize("seq_len", [3, 4, 15])
def test_the_label_says_whether_a_comes_before_b(seq_len: int) -> None:
    task = SauceOrder()
    batch = draw(task, 200, seq_len)
    for row, (label,), cue in zip(batch.inputs.tolist(), batch.targets.tolist(), batch.cue.tolist(), strict=True):
        words = [task.word(token) for token in row]
        assert (words.count("A"), words.count("B"), words.index("tasty?")) == (1, 1, seq_len - 1)
        assert label == (words.index("A") < words.index("B"))
        assert cue == [words.index("A") + 1, words.index("B") + 1]


def test_the_same_items_have_either_label_equally_often() -> None:
    """Nothing that counts items, however well, gets above chance."""
    task = SauceOrder()
    batch = draw(task, 40_000, 5)
    bags = pd.DataFrame({"bag": [str(sorted(row)) for row in batch.inputs.tolist()], "label": batch.targets[:, 0]})
    per_bag = bags.groupby("bag").label.agg(["mean", "size"])
    assert (per_bag["size"] > 300).all()
    assert per_bag["mean"].between(0.35, 0.65).all()
    assert bags.label.mean() == pytest.approx(task.chance(5), abs=0.01)


def test_shuffled_rows_say_nothing_of_their_label() -> None:
    task = SauceOrder(shuffled=True)
    batch = draw(task, 20_000, 8)
    assert (batch.inputs[:, -1] == 8).all()
    assert (np.take_along_axis(batch.inputs, batch.cue - 1, axis=1) == [0, 1]).all()
    in_order = batch.cue[:, 0] < batch.cue[:, 1]
    assert batch.targets[in_order].mean() == pytest.approx(0.5, abs=0.02)
    assert batch.targets[~in_order].mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("control", "holds"), [(0.5, True), (0.9, False)])
def test_the_claim_needs_the_control_at_chance(control: float, holds: bool) -> None:
    runs = pd.DataFrame({"cell": ["gru", "feedforward", "gru"], "experiment.shuffled": [False, False, True]})
    runs = runs.assign(accuracy=[1.0, 0.5, control], chance=0.5, solved=[True, False, False], status="ok")
    assert borne_out(SauceOrder, runs) is holds
    assert borne_out(SauceOrder, runs[:2]) is None


@pytest.mark.slow
def test_order_is_learned_and_its_control_is_not() -> None:
    runs = trained(
        SauceOrder, ["feedforward", "gru"], {"shuffled": [False, True]}, seq_len=12, hidden_size=32,
        train={"steps": 300},
    )  # fmt: skip
    assert_borne_out(SauceOrder, runs)
