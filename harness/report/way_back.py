"""The picture on a report's first screen: one sample, step by step, and what arrives of the answer's gradient there.

Two networks side by side, the one that remembers best and the one that forgets most, after their training, and what
each of them answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.analysis.conditions import by_condition
from harness.analysis.headline import best_and_worst, first_version
from harness.analysis.runs import CONDITION, finished
from harness.analysis.words import counted_runs, percent, times
from harness.base.language import gettext as _
from harness.figures.drawing.colours import palette
from harness.figures.drawing.crowd import relative_to_first
from harness.figures.drawing.rows import memory_exponents
from harness.tables.tables import Tables
from harness.tables.varied import as_typed

ALL = 12
"""Up to so many steps, each has its box at once."""

HEAD, TAIL = 3, 2
"""Of more, how many boxes there are on either side of those that are drawn together."""

MOST_BOXES = 240
"""Most steps that are shown one by one where the picture is unfolded."""

MOST_POINTS = 200
"""Most points of the line over the steps between: more could not be told apart."""

FLOOR = -6.0
"""The power of ten at which a bar is empty; it is full where as much arrives as at the answer."""

MORE = 0.05
"""The power of ten from which on more arrives than at the answer: some 12 % more."""

LONGEST_WORD = 28
"""Characters of a word, from which on a box shows its beginning."""


@dataclass(frozen=True)
class Box:
    """A step.

    Attributes:
        word, gloss: what it reads, or its number, and the same in another language.
        fill: of its bar, from 0 to 1; None where no gradient is known.
        more: more gradient arrives than at the answer.
    """

    word: str
    gloss: str
    fill: float | None
    more: bool


@dataclass(frozen=True)
class Way:
    """The way back through one network.

    Attributes:
        right: whether its answer to the sample is right; None where that is not known.
        arrives: in a sentence, how much of the gradient reaches the step to be remembered.
        steps: how many there are up to the answer.
        head, tail: the boxes of the first and the last ones; of all in ``head`` where there are few.
        boxes: of all steps, where there are more than are shown at first, and not too many.
        between: over the steps that have no box at first, a line: ``x,y x,y …`` in a square of 100.
    """

    who: str
    colour: str
    accuracy: str
    answered: str
    right: bool | None
    arrives: str
    steps: int
    head: list[Box]
    tail: list[Box]
    boxes: list[Box]
    between: str

    @property
    def left_out(self) -> int:
        """How many steps have no box at first."""
        return self.steps - len(self.head) - len(self.tail)


@dataclass(frozen=True)
class WayBack:
    """The whole picture.

    Attributes:
        text, translation, expected: of the sample; empty where it has no words.
        when: at which moment of the training the gradient was measured.
        ways: one or two, the best first.
    """

    text: str
    translation: str
    expected: str
    when: str
    ways: list[Way]


def way_back(tables: Tables) -> WayBack | None:
    """The picture of these tables; None where no network with memory has a gradient."""
    runs = finished(first_version(tables.runs)[1])
    found = best_and_worst(by_condition(runs)) if len(runs) else None
    if found is None:
        return None
    pair = [each for each in found if each is not None]
    own = [runs[(runs[CONDITION] == each[CONDITION]).all(axis=1)] for each in pair]
    both = pd.concat(own)
    exponents = memory_exponents(tables, both, trained=True)
    if not len(exponents):
        return None
    exponents["share"] = relative_to_first(exponents, "lag", "middle")
    shown = _shown(tables, pair, own)
    colours, scales = palette(runs), runs.weight_scale.nunique() > 1
    ways = []
    for condition, members, answer in zip(pair, own, shown, strict=True):
        line = exponents[(exponents[CONDITION] == condition[CONDITION]).all(axis=1)].set_index("lag").share
        name = _("{who}, weight scale {scale}").format(who=condition.who, scale=as_typed(condition.weight_scale))
        who = name if scales else str(condition.who)
        ways.append(_way(who, colours[str(condition.who)], condition, members, answer, line))
    first = shown[0]
    text, translation, expected = ("", "", "") if first is None else (first.text, first.translation, first.expected)
    trained = (both.steps.astype(float) > 0).any()
    return WayBack(
        text, translation, expected, when=_("after training") if trained else _("before any training"), ways=ways
    )


def _way(
    who: str, colour: str, condition: pd.Series, members: pd.DataFrame, answer: pd.Series | None, line: pd.Series
) -> Way:
    """The way back through one network.

    Args:
        members: its runs.
        answer: its row of the table ``samples``.
        line: what arrives at each lag, as a power of ten relative to the answer.
    """
    words, glosses = _labels(answer, len(line))
    shares = line.reindex(range(len(words) - 1, -1, -1)).to_numpy(dtype=np.float64)
    few = len(words) <= ALL

    def boxes(part: slice) -> list[Box]:
        return [_box(*each) for each in zip(words[part], glosses[part], shares[part], strict=True)]

    return Way(
        who=who,
        colour=colour,
        accuracy=_accuracy(condition),
        answered="" if answer is None else answer.answered,
        right=None if answer is None or np.isnan(answer.accuracy) else bool(answer.accuracy == 1),
        arrives=_arrives(members, words, shares),
        steps=len(words),
        head=boxes(slice(None if few else HEAD)),
        tail=[] if few else boxes(slice(-TAIL, None)),
        boxes=boxes(slice(None)) if ALL < len(words) <= MOST_BOXES else [],
        between="" if few else _between(shares[HEAD:-TAIL]),
    )


def _shown(tables: Tables, conditions: Sequence[pd.Series], own: Sequence[pd.DataFrame]) -> list[pd.Series | None]:
    """One sample with the answer of a run of each condition: the first that each answers as it does most samples.

    Runs of one seed have the same samples.
    """
    nothing: list[pd.Series | None] = [None] * len(own)
    if "samples" not in tables:
        return nothing
    seeds = set.intersection(*(set(members.seed) for members in own))
    answers = []
    for members in own:
        runs = members[members.seed.isin(seeds)].drop_duplicates("seed")
        rows = tables.read("samples", filters=pc.field("run_id").isin(runs.run_id.tolist()))
        rows = rows.merge(runs[["run_id", "seed"]], on="run_id").drop_duplicates(["seed", "sample"])
        answers.append(rows.set_index(["seed", "sample"]).sort_index())
    places = [place for place in answers[0].index if all(place in each.index for each in answers)]
    if not places:
        return nothing
    usual = [bool(condition.accuracy >= 0.5) for condition in conditions]

    def alike(place: tuple[int, int]) -> int:
        """In how many of the conditions the sample is answered as most are."""
        return sum((each.accuracy[place] == 1) == right for each, right in zip(answers, usual, strict=True))

    chosen = max(places, key=alike)  # the first of several
    return [each.loc[chosen] for each in answers]


def _labels(answer: pd.Series | None, lags: int) -> tuple[list[str], list[str]]:
    """What stands in the boxes: the sample's words; where it has none, the number of each step up to the answer."""
    words = "" if answer is None else _text(answer.get("words"))
    if not words or answer is None:
        return [_("step {t}").format(t=t) for t in range(1, lags + 1)], [""] * lags
    said, glosses = words.split("\n"), _text(answer.get("glosses")).split("\n")
    return said, glosses if len(glosses) == len(said) else [""] * len(said)


def _text(value: object) -> str:
    """A text of a table; older tables lack some."""
    return value if isinstance(value, str) else ""


def _box(word: str, gloss: str, share: float) -> Box:
    return Box(_short(word), _short(gloss), fill=None if np.isnan(share) else _fill(share), more=bool(share > MORE))


def _short(word: str) -> str:
    return word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 1]}…"


def _fill(share: float) -> float:
    """How full a bar is, by the logarithm of the share that arrives."""
    return round(1 - min(max(float(share) / FLOOR, 0.0), 1.0), 3)


def _between(shares: NDArray[np.float64]) -> str:
    """The line over steps as points; of very many, some."""
    places = np.unique(np.linspace(0, len(shares) - 1, min(len(shares), MOST_POINTS)).round().astype(int))
    points = [(100 * (place + 0.5) / len(shares), 100 * (1 - _fill(shares[place]))) for place in places
              if not np.isnan(shares[place])]  # fmt: skip
    if not points:
        return ""
    points = [(0.0, points[0][1]), *points, (100.0, points[-1][1])]
    return " ".join(f"{x:.4g},{y:.4g}" for x, y in points)


def _accuracy(condition: pd.Series) -> str:
    if np.isnan(condition.accuracy):
        return ""
    return _("Of all its answers, {share} are right ({runs}).").format(
        share=percent(condition.accuracy), runs=counted_runs(int(condition.runs))
    )


def _arrives(members: pd.DataFrame, words: Sequence[str], shares: NDArray[np.float64]) -> str:
    """What reaches the cue, where that is one step for all samples; else what reaches the first step."""
    cues = members.cue_step.astype(float)
    cue = int(cues.iloc[0]) if cues.nunique() == 1 and cues.iloc[0] == round(cues.iloc[0]) else 1
    cue = cue if 1 <= cue <= len(words) else 1
    return _("{back} steps back, “{word}” receives {share} the gradient of the answer.").format(
        back=len(words) - cue, word=_short(words[cue - 1].strip(" ,.;:，。；：")), share=times(10.0 ** shares[cue - 1])
    )
