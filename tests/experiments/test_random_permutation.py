"""The symbol to remember against a search for it, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from harness.experiments.random_permutation import RandomPermutation
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize(
    ("cue", "decoys", "seq_len"),
    [("first", [], 30), ("anywhere", [], 30), ("first", [2, 9], 12), ("anywhere", [20, 8], 20), ("anywhere", [], 2)],
)
def test_the_first_of_the_two_symbols_is_asked_for(cue: str, decoys: list[int], seq_len: int) -> None:
    task = RandomPermutation(cue=cue, decoys=decoys)
    batch = draw(task, 100, seq_len)
    for index, (row, answer, place) in enumerate(zip(batch.inputs, batch.targets, batch.cue, strict=True)):
        words = task.show(batch, index, np.eye(2)[answer]).words
        met = [(step, "AB".index(word)) for step, word in enumerate(words, start=1) if word in ("A", "B")]
        assert met[0] == (place.item(), answer.item())
        assert [step for step, _ in met[1:]] == sorted(decoys)
        others = row[row < 100]
        assert len({*others.tolist()}) == len(others), "the others are all different"


def test_rows_longer_than_a_permutation_go_on_with_another_one() -> None:
    batch = draw(RandomPermutation(symbols=5), 50, 12)
    for row in batch.inputs[:, 5:10]:
        assert sorted(row.tolist()) == [*range(5)]


def test_the_place_is_first_or_any_step_before_the_last_one_or_the_first_decoy() -> None:
    places = {
        (cue, decoys): {*draw(RandomPermutation(cue=cue, decoys=list(decoys)), 2000, 12).cue[:, 0].tolist()}
        for cue in ("first", "anywhere") for decoys in ((), (7, 9))
    }  # fmt: skip
    assert places["first", ()] == places["first", (7, 9)] == {1}
    assert places["anywhere", ()] == {*range(1, 12)}
    assert places["anywhere", (7, 9)] == {*range(1, 7)}


@pytest.mark.parametrize("decoys", [[], [5, 12]])
def test_neither_the_last_step_nor_a_decoy_tells_the_answer(decoys: list[int]) -> None:
    task = RandomPermutation(symbols=10, decoys=decoys)
    batch = draw(task, 40_000, 12)
    for step in [*decoys, 12]:
        found = lookup(batch.inputs[:, step - 1], batch.targets[:, 0])
        assert found.accuracy == pytest.approx(task.chance(12), abs=0.015)
        assert found.loss == pytest.approx(task.chance_loss(12), abs=0.002)


def test_a_decoy_needs_a_place_behind_the_cue_and_within_the_row() -> None:
    for wrong in ([1], [4, 4], [0]):
        with pytest.raises(ValidationError, match="different steps from 2"):
            RandomPermutation(decoys=wrong)
    assert RandomPermutation(decoys=[9, 4]).refuses(8) == "9 or more"


@pytest.mark.slow
def test_a_gru_learns_to_hold_what_stands_anywhere_though_not_what_stands_first() -> None:
    runs = trained(
        RandomPermutation, "gru", {"cue": ["first", "anywhere"]}, seq_len=60, hidden_size=32, train={"steps": 600}
    )
    assert_borne_out(RandomPermutation, runs)
    arrives = runs.groupby("experiment.cue").grad_ratio.median()
    assert arrives["anywhere"] > 100 * arrives["first"], "the gradient finds the symbol where it is held"
