"""Text that is read and written: that it is real, that the held-out part stays apart, and what a table could know."""

from __future__ import annotations

import collections
import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest

from harness.base.errors import UserError
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
    apart = [write_text.stretches(WriteText(), held_out) for held_out in (False, True)]
    whole = len(write_text.read("docs")) // write_text.STRETCH
    assert sum(map(len, apart)) == whole
    assert len(apart[1]) == whole // 10
    assert not {row.tobytes() for row in apart[0]} & {row.tobytes() for row in apart[1]}


def test_chance_is_that_of_the_best_table_counted_by_hand() -> None:
    task, counts = WriteText(), collections.defaultdict(collections.Counter)
    for row in write_text.stretches(WriteText(), True).tolist():
        for one, other in itertools.pairwise(row):
            counts[one][other] += 1
    total = sum(each.total() for each in counts.values())
    assert task.chance(50) == pytest.approx(sum(max(each.values()) for each in counts.values()) / total)
    loss = -sum(n * math.log(n / each.total()) for each in counts.values() for n in each.values()) / total
    assert task.chance_loss(50) == pytest.approx(loss)


def test_what_was_written_is_shown_on_one_line() -> None:
    shown = WriteText().show_continued(np.array([34, 0]), np.array([1, 35]))
    assert (shown.text, shown.answered) == ("A⏎", " B")


def own_text(folder: Path, characters: str, count: int) -> tuple[Path, str]:
    """A text of these characters in random order."""
    text = "".join(np.random.default_rng(0).choice([*characters], count))
    (folder / "my.txt").write_text(text, "utf-8")
    return folder / "my.txt", text


def test_a_text_of_ones_own_has_the_characters_that_occur_in_it(tmp_path: Path) -> None:
    path, text = own_text(tmp_path, "春眠不覺曉 é“\n", 30_000)
    task = WriteText(path=path)
    assert task.characters == "".join(sorted("春眠不覺曉 é“\n"))
    assert (task.input_size, task.outputs.size) == (9, 9)
    for held_out in (False, True):
        for inputs, targets in zip(*(getattr(draw(task, 20, 60, held_out), name) for name in ("inputs", "targets")),
                                   strict=True):  # fmt: skip
            place = text.find("".join(task.characters[token] for token in [*inputs, targets[-1]]))
            assert place >= 0
            assert (place // 2000 % 10 == 9) == held_out  # one of ten stretches of 2000 characters is held out
    shown = task.show_continued(*(np.array([task.characters.index(each) for each in text]) for text in ("曉é", "\n春")))
    assert (shown.text, shown.answered) == ("曉é", "⏎春")
    counts = collections.Counter(
        pair for start in range(0, 30_000, 2000) if start // 2000 % 10 == 9
        for pair in itertools.pairwise(text[start : start + 2000])
    )  # fmt: skip
    best = sum(max(counts[one, other] for other in task.characters) for one in task.characters)
    assert task.chance(50) == pytest.approx(best / counts.total())


def test_other_texts_make_other_runs(tmp_path: Path) -> None:
    path, text = own_text(tmp_path, "ab", 20_000)
    before = WriteText(path=path)
    path.write_text(text[::-1], "utf-8")
    assert before.content != WriteText(path=path).content


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("my.txt", b"short", "5 characters; valid: 20000 or more"),
        ("my.txt", "Grüße".encode("latin-1") * 9000, "byte 2 is no UTF-8; valid: a text in UTF-8"),
        ("my.pdf", b"%PDF", "a file .pdf; valid: a text, .txt"),
        ("my.txt", None, "not there; valid: a file or folder that is"),
    ],
)
def test_a_text_that_cannot_be_read_is_told_in_one_line(
    name: str, content: bytes | None, why: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        WriteText(path=tmp_path / name)
    assert str(error.value) == f"experiment.path={tmp_path / name}: {why}"


@pytest.mark.slow
def test_memory_tells_more_than_the_last_character() -> None:
    runs = trained(WriteText, ["feedforward", "gru"], seq_len=40, hidden_size=96, train={"steps": 250})
    assert_borne_out(WriteText, runs)
    above = (runs.accuracy - runs.chance).groupby(runs.cell)
    assert above.min()["gru"] > 0
    assert above.max()["feedforward"] <= 0.005
