"""The explorer as a piece of HTML: what its script draws from, and the still picture that stands there without it."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
from jinja2.utils import htmlsafe_json_dumps
from numpy.typing import NDArray

from harness.analysis.runs import finished
from harness.base.language import gettext as _
from harness.base.language import ngettext
from harness.figures.drawing.colours import palette
from harness.report.bars import FLOOR, fill
from harness.report.explorer.choices import Condition, at_first, choices
from harness.report.explorer.sentences import Sentence, sentences
from harness.report.explorer.trajectories import Kept, Trajectory, trajectories
from harness.report.explorer.wording import wording
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    from harness.tables.tables import Tables

HERE = Path(__file__).parent

SCRIPTS = ("numbers", "charts", "explorer", "controls")

FOLDED = {"most": 24, "first": 14, "last": 8}
"""Of samples with more words than ``most``, so many of the first and of the last ones are shown at first."""


def explorer(tables: Tables) -> str | None:
    """Something to play with: the gradient of each condition by lag and training step, its accuracy, a sample in words.

    What there is to choose are the settings that the runs differ in. Of a sweep that is too large for a page fewer
    moments of the training and fewer lags are kept, then fewer runs (`harness.report.explorer.trajectories`), and a
    sentence says so.

    Returns:
        HTML with style, script and data in it, or None where no run has a gradient that could be shown.
    """
    runs = finished(tables.runs).drop_duplicates("run_id").reset_index(drop=True)
    kept = trajectories(tables, runs) if len(runs) else None
    if kept is None or not len(kept.runs):
        return None
    settings, conditions = choices(kept.runs)
    shown, beside = at_first(kept.runs, settings, conditions)
    found = sentences(tables, kept.runs, conditions, kept.trajectories)
    told = list(dict.fromkeys(_said(each) for each in found if each is not None))
    number = {said: place for place, said in enumerate(told)}
    colours = palette(kept.runs)
    shades = [colours[who] for who in settings[0].options]
    data = {
        "texts": wording(),
        "lowest": FLOOR,
        "folded": FOLDED,
        "settings": [vars(each) for each in settings],
        "colours": shades,
        "conditions": [
            _condition(kept, condition, number[_said(sentence)] if sentence else None) | _answers(sentence)
            for condition, sentence in zip(conditions, found, strict=True)
        ],
        "shown": conditions.index(shown),
        "beside": None if beside is None else conditions.index(beside),
        "sentences": [{"words": words, "glosses": glosses, "right": right} for words, glosses, right in told],
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), trim_blocks=True, lstrip_blocks=True, autoescape=True
    )
    pictured = [each for each in (shown, beside) if each is not None]
    view = {
        "data": htmlsafe_json_dumps(data, dumps=_dumps),
        "texts": data["texts"],
        "left_out": _left_out(kept, len(runs)),
        "pictured": [(settings[0].options[each.chosen[0]], shades[each.chosen[0]]) for each in pictured],
        "words": _still(kept, pictured, found[conditions.index(shown)]),
        "css": (HERE / "explorer.css").read_text("utf-8"),
        "js": "\n".join((HERE / f"{name}.js").read_text("utf-8") for name in SCRIPTS),
    }
    return environment.get_template("explorer.html.j2").render(view)


def _left_out(kept: Kept, runs: int) -> str:
    """What a page has no room for, in a sentence; empty where it has room for all."""
    if kept.complete:
        return ""
    shown = len(kept.runs)
    fewer = ngettext("Shown is {shown} of {runs} run.", "Shown are {shown} of {runs} runs.", runs)
    thinned = _("Of each run at most {steps} moments of the training and {lags} steps are shown.")
    return (fewer.format(shown=shown, runs=runs) + " " if shown < runs else "") + thinned.format(
        steps=kept.most_steps, lags=kept.most_lags
    )


def _said(sentence: Sentence) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """What is the same in all conditions with one sample: it stands in the page once."""
    return tuple(sentence.words), tuple(sentence.glosses), sentence.right


def _condition(kept: Kept, condition: Condition, sentence: int | None) -> dict[str, Any]:
    """What the script draws of a condition."""
    runs = kept.runs
    cue, answer, chance = (
        runs[key].to_numpy(dtype=np.float64)[condition.runs] if key in runs else np.full(1, np.nan)
        for key in ("cue_step", "answer_step", "chance")
    )
    step = float(np.median(answer))
    seeds, ids = runs.seed.tolist(), runs.run_id.tolist()
    return {
        "at": condition.chosen,
        "sentence": sentence,
        "cue": _known(np.median(answer - cue)),
        "length": int(step) if step.is_integer() and abs(step) < 1 << 40 else None,
        "chance": _known(chance.mean()),
        "runs": [_run(seeds[place], kept.trajectories[ids[place]]) for place in condition.runs],
    }


def _known(value: float) -> float | None:
    """A number as JSON has it."""
    return round(float(value), 5) if math.isfinite(value) else None


def _run(seed: object, found: Trajectory) -> dict[str, Any]:
    return {
        "seed": as_typed(seed),
        "steps": found.steps,
        "lags": found.lags,
        "gradient": _packed(found.exponents),
        "accuracy": _packed(found.accuracy),
    }


def _answers(sentence: Sentence | None) -> dict[str, Any]:
    """What a condition's network answers to its sentence, and how much its answers depend on each word."""
    found: dict[str, Any] = {}
    if sentence is not None and sentence.answered is not None:
        found["answered"] = sentence.answered
    if sentence is not None and (dependence := sentence.dependence) is not None:
        found["dependence"] = {
            "steps": dependence.steps, "answers": dependence.answers, "norms": _packed(dependence.exponents)
        }  # fmt: skip
    return found


def _dumps(data: dict[str, Any]) -> str:
    """As short as it goes; letters of all languages stay as they are, for a font that holds what the page says."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _packed(values: NDArray[np.float32]) -> str:
    """Numbers as text: single precision, the lowest byte first, in base 64; infinities and NaN stay what they are."""
    return base64.b64encode(values.astype("<f4").tobytes()).decode()


def _still(kept: Kept, pictured: list[Condition], sentence: Sentence | None) -> list[dict[str, Any]]:
    """The words of the first picture, after the training: each with the height of a bar for every condition, in %."""
    count = len(sentence.words) if sentence is not None else 1 << 62
    lags = kept.trajectories[kept.runs.run_id.iloc[pictured[0].runs[0]]].lags
    heights = [_heights(kept, condition) for condition in pictured]
    shown = [
        {"word": _word(sentence, lag), "gloss": _gloss(sentence, lag), "bars": [each.get(lag) for each in heights]}
        for lag in sorted(lags, reverse=True)
        if lag < count
    ]
    if len(shown) > FOLDED["most"]:
        shown[FOLDED["first"] : -FOLDED["last"]] = [{"word": "…", "gloss": "", "bars": []}]
    return shown


def _word(sentence: Sentence | None, lag: int) -> str:
    return sentence.words[-1 - lag] if sentence is not None else f"−{lag}" if lag else "0"


def _gloss(sentence: Sentence | None, lag: int) -> str:
    return sentence.glosses[-1 - lag] if sentence is not None and sentence.glosses else ""


def _heights(kept: Kept, condition: Condition) -> dict[int, float]:
    """The height of the bar at each lag, in %: the median over seeds of the share, see `harness.report.bars`."""
    shares: dict[int, list[float]] = {}
    for run_id in kept.runs.run_id.iloc[condition.runs]:
        found = kept.trajectories[run_id]
        last = found.exponents[-1].astype(np.float64)
        known = last[np.isfinite(last)]
        for lag, share in zip(found.lags, last - (known[0] if len(known) else 0.0), strict=True):
            shares.setdefault(lag, []).append(float(share))
    with np.errstate(invalid="ignore"):
        middles = {lag: float(np.nanmedian(each)) for lag, each in shares.items() if not np.isnan(each).all()}
    return {lag: round(100 * fill(each)) for lag, each in middles.items() if each < np.inf}
