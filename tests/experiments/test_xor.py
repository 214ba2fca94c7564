"""The exclusive or of two marked bits, against a reading of the row."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments.xor import Xor
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize(("apart", "seq_len"), [(None, 3), (None, 10), (None, 31), (1, 3), (5, 20), (5, 7)])
def test_the_answer_is_the_exclusive_or_of_what_is_marked(apart: int | None, seq_len: int) -> None:
    task = Xor(apart=apart)
    batch = draw(task, 200, seq_len)
    for index, (row, answer, cue) in enumerate(zip(batch.inputs, batch.targets, batch.cue, strict=True)):
        words = task.show(batch, index, np.eye(2)[answer]).words
        marked = [(step, int(word[1])) for step, word in enumerate(words, start=1) if word.startswith("[")]
        assert [step for step, _ in marked] == cue.tolist()
        assert answer.item() == (marked[0][1] != marked[1][1])
        assert row[-1] < 2, "the last step is never marked"
        assert all(int(word) in (0, 1) for word in words if not word.startswith("["))
        distance = int(cue[1] - cue[0])
        assert distance == apart if apart else cue[0] <= seq_len // 2 < cue[1]


def test_neither_bit_tells_the_answer_and_nor_does_the_last_step() -> None:
    task = Xor()
    batch = draw(task, 40_000, 9)
    for step in (batch.cue[:, 0], batch.cue[:, 1], np.full(40_000, 9)):
        seen = batch.inputs[np.arange(40_000), step - 1]
        found = lookup(seen, batch.targets[:, 0])
        assert found.accuracy == pytest.approx(task.chance(9), abs=0.01)
        assert found.loss == pytest.approx(task.chance_loss(9), abs=0.002)


def test_all_places_are_used_and_marks_need_room() -> None:
    assert {*draw(Xor(apart=4), 2000, 12).cue[:, 0].tolist()} == {*range(1, 8)}
    cue = draw(Xor(), 2000, 9).cue
    assert ({*cue[:, 0].tolist()}, {*cue[:, 1].tolist()}) == ({1, 2, 3, 4}, {5, 6, 7, 8})
    assert Xor(apart=4).refuses(5) == "6 or more"


@pytest.mark.slow
def test_a_gated_cell_learns_what_a_linear_network_cannot() -> None:
    assert_borne_out(Xor, trained(Xor, ["gru", "linear"], seq_len=10, hidden_size=32, train={"steps": 900}))
