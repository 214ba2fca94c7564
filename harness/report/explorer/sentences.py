"""A sample of each condition, word by word: what is right, what was answered, and which word each answer hangs on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.analysis.words import spread
from harness.report.samples import words_of

if TYPE_CHECKING:
    from harness.report.explorer.choices import Condition
    from harness.report.explorer.trajectories import Trajectory
    from harness.tables.tables import Tables

LONGEST_WORD = 60
"""Characters of a word, or of an answer, that are shown."""

MOST_WORDS = 2000
"""Most words of a sample."""

BY_ANSWER = {"layer", "sample", "answer", "t", "norm", "word", "gloss"}
"""The columns of a probe's table that says how much each answer depends on the input of each step (layer 0)."""

MOST_DEPENDENCES = 100_000
"""Most values of it in a page: half a megabyte of text."""

SHOWN_ANSWERS = (8, 4, 1)
"""Most answers of a sample, evenly spread, the last among them: the first number with which all conditions fit."""


@dataclass(frozen=True)
class Dependence:
    """How much the answers of one run depend on each word.

    Attributes:
        steps: training steps done at each moment, S of them.
        answers: the steps (1-based) of A answers.
        exponents: log10 of the norm of the derivative by each word, (S, A, T); NaN of words after the answer.
    """

    steps: list[int]
    answers: list[int]
    exponents: NDArray[np.float32]


@dataclass(frozen=True)
class Sentence:
    """A sample in words, up to its answer.

    Attributes:
        glosses: each word in another language, or none.
        right: the right answer; empty where it is not known.
        answered: what the network answered after its training, and whether that was right; None where not known.
    """

    words: list[str]
    glosses: list[str]
    right: str = ""
    answered: tuple[str, bool] | None = None
    dependence: Dependence | None = None


def sentences(
    tables: Tables, runs: pd.DataFrame, conditions: Sequence[Condition], kept: Mapping[str, Trajectory]
) -> list[Sentence | None]:
    """A sample of every condition, of its run of the smallest seed that has one.

    Where it was measured how much each answer depends on each word, it is the sample of that; else the first held-out
    one, with its answer.

    Args:
        kept: what is known of each run's training, by ``run_id``.
    """
    measured, told = _measured(tables, runs, conditions, kept), _told(tables, runs, conditions)
    return [measured[place] or told[place] for place in range(len(conditions))]


def _told(tables: Tables, runs: pd.DataFrame, conditions: Sequence[Condition]) -> list[Sentence | None]:
    """The first held-out sample of each condition, from the table ``samples``."""
    nothing: list[Sentence | None] = [None] * len(conditions)
    columns = ["run_id", "words", "glosses", "expected", "answered", "accuracy"]
    if "samples" not in tables or not {*columns} <= {*tables.scan("samples").schema.names}:
        return nothing
    rows = tables.read("samples", columns, pc.field("sample") == 0).drop_duplicates("run_id").set_index("run_id")
    rows = rows[rows.words.fillna("").astype(str) != ""]

    def sentence(condition: Condition) -> Sentence | None:
        own = [run_id for run_id in runs.run_id.iloc[condition.runs] if run_id in rows.index]
        if not own:
            return None
        row = rows.loc[own[0]]
        words, glosses = ([each[:LONGEST_WORD] for each in said] for said in words_of(row))
        if len(words) > MOST_WORDS:
            return None
        right = str(row.expected)[:LONGEST_WORD]
        answered = (str(row.answered)[:LONGEST_WORD], bool(row.accuracy == 1)) if right else None
        return Sentence(words, glosses, right, answered)

    return [sentence(condition) for condition in conditions]


def _measured(
    tables: Tables, runs: pd.DataFrame, conditions: Sequence[Condition], kept: Mapping[str, Trajectory]
) -> list[Sentence | None]:
    """The sample of each condition of which it was measured how much its answers depend on each word."""
    nothing: list[Sentence | None] = [None] * len(conditions)
    name = next((name for name in tables if {*tables.scan(name).schema.names} >= BY_ANSWER), None)
    if name is None or not tables.rows(name):
        return nothing
    own = (pc.field("layer") == 0) & (pc.field("sample") == 0)
    heads = tables.read(name, ["run_id", "step", "answer"], own & (pc.field("t") == 1))
    there = heads.groupby("run_id", sort=False).agg(steps=("step", set), answers=("answer", set))
    chosen: dict[int, str] = {}
    for place, condition in enumerate(conditions):
        found = [run_id for run_id in runs.run_id.iloc[condition.runs] if run_id in there.index]
        if found:
            chosen[place] = found[0]
    if not chosen:
        return nothing
    steps = {run_id: sorted(there.steps[run_id] & {*kept[run_id].steps}) for run_id in chosen.values()}
    for most in SHOWN_ANSWERS:
        answers = {run_id: _last(there.answers[run_id], most) for run_id in steps}
        if sum(len(steps[run_id]) * len(each) * max(each) for run_id, each in answers.items()) <= MOST_DEPENDENCES:
            break
    else:
        return nothing
    asked = pc.field("answer").isin(sorted({step for each in answers.values() for step in each}))
    rows = tables.read(
        name, ["run_id", "step", "answer", "t", "norm", "word", "gloss"],
        own & asked & pc.field("run_id").isin(list(steps)),
    )  # fmt: skip
    by_run = dict([*rows.groupby("run_id")])
    return [
        _one(by_run[chosen[place]], steps[chosen[place]], answers[chosen[place]]) if place in chosen else None
        for place in range(len(conditions))
    ]


def _last(answers: set[int], most: int) -> list[int]:
    """So many answers, evenly spread; the last one, where there is room for one."""
    return [int(step) for step in spread(answers, most)] if most > 1 else [int(max(answers))]


def _one(rows: pd.DataFrame, steps: list[int], answers: list[int]) -> Sentence | None:
    """A sample and its dependences, of the rows of one run; None of one that has no words."""
    said = rows.drop_duplicates("t").set_index("t").sort_index()
    said = said[said.word.fillna("") != ""]
    count = len(said)
    if not steps or not 0 < count <= MOST_WORDS or list(said.index) != list(range(1, count + 1)):
        return None
    rows = rows[rows.step.isin(steps) & rows.answer.isin(answers) & (rows.t <= count)]
    exponents = np.full((len(steps), len(answers), count), np.nan, dtype=np.float32)
    with np.errstate(all="ignore"):
        found = np.log10(rows.norm.to_numpy(dtype=np.float64))
    places = np.searchsorted(steps, rows.step), np.searchsorted(answers, rows.answer), rows.t.to_numpy() - 1
    exponents[places] = found
    words, glosses = ([str(each)[:LONGEST_WORD] for each in said[key].fillna("")] for key in ("word", "gloss"))
    return Sentence(
        words, glosses if any(glosses) else [], dependence=Dependence(list(map(int, steps)), answers, exponents)
    )
