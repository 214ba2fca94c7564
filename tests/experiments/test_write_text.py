"""Text that is read and written: that it is real, that the held-out part stays apart, and what a table could know."""

from __future__ import annotations

import collections
import itertools
import math
import re

import numpy as np
import pytest

from harness.experiments import write_text
from harness.experiments.write_text import WriteText
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw


@pytest.mark.parametrize("text", ["docs", "programs"])
def test_samples_are_cuts_of_the_text_and_the_answer_is_the_next_character(text: str) -> None:
    task = WriteText(text=text)
    straight = write_text.read(text)
    for curled, plain in {"‘’": "'", "“”": '"', "–—": "-"}.items():
        straight = re.sub(f"[{curled}]", plain, straight)
    whole = "".join(character if character in write_text.CHARACTERS else "?" for character in straight)
    assert len(whole) > 400_000
    for batch in (draw(task, 20, 60), draw(task, 20, 60, held_out=True)):
        for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
            read = "".join(write_text.CHARACTERS[token] for token in [*inputs, targets[-1]])
            assert read in whole
            assert (inputs[1:] == targets[:-1]).all()


def test_training_and_held_out_text_share_no_stretch() -> None:
    apart = [write_text.stretches("docs", held_out) for held_out in (False, True)]
    whole = len(write_text.read("docs")) // write_text.STRETCH
    assert sum(map(len, apart)) == whole
    assert len(apart[1]) == whole // 10
    assert not {row.tobytes() for row in apart[0]} & {row.tobytes() for row in apart[1]}


def test_chance_is_that_of_the_best_table_counted_by_hand() -> None:
    task, counts = WriteText(), collections.defaultdict(collections.Counter)
    for row in write_text.stretches("docs", True).tolist():
        for one, other in itertools.pairwise(row):
            counts[one][other] += 1
    total = sum(each.total() for each in counts.values())
    assert task.chance(50) == pytest.approx(sum(max(each.values()) for each in counts.values()) / total)
    loss = -sum(n * math.log(n / each.total()) for each in counts.values() for n in each.values()) / total
    assert task.chance_loss(50) == pytest.approx(loss)


def test_what_was_written_is_shown_on_one_line() -> None:
    shown = WriteText().show_continued(np.array([34, 0]), np.array([1, 35]))
    assert (shown.text, shown.answered) == ("A⏎", " B")


@pytest.mark.slow
def test_memory_tells_more_than_the_last_character() -> None:
    runs = trained(WriteText, ["feedforward", "gru"], seq_len=40, hidden_size=96, train={"steps": 400})
    assert_borne_out(WriteText, runs)
    above = (runs.accuracy - runs.chance).groupby(runs.cell)
    assert above.min()["gru"] > 0
    assert above.max()["feedforward"] <= 0.005
