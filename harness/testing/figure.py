"""The contract of figures."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from harness.figures.base import Figure
from harness.plugins.registry import registry
from harness.report.rendering import DPI, arrange, styled, svg_alone
from harness.tables.columns import TABLES
from harness.tables.tables import Tables
from harness.tasks.experiment import Experiment
from harness.testing._problems import COMPILED, Problems, check_registration, possible_length, small_runs
from harness.training.pack import run
from harness.training.rows import failed

LARGEST = 2**16
"""Pixels of a picture, in each direction, that any version of matplotlib can make."""


def check_figure(figure: Figure, tables: Tables | None = None) -> None:
    """Check a figure: name, title and caption, and that it draws, or has nothing to draw, whatever the tables hold.

    Drawn are the tables of small runs, those of a single run, of failed runs only, empty ones, and ones in which all
    results are infinite, or NaN, or zero.

    Args:
        tables: tables that hold what the figure shows (`small_tables` makes some); not given: those of two cells,
            two lengths and two weight scales on the experiment that it is for, with the probes that it draws.

    Raises:
        ContractError: one line per problem.
    """
    problems = Problems("figure", figure)
    check_registration(problems, type(figure))
    if tables is None:
        tables = _standard(figure.experiments[0] if figure.experiments else "recall_dish", tuple(figure.probes))
    drawn = _draw(problems, figure, "the tables of small runs", tables, _written)
    problems.unless(
        drawn or problems.found, "draws nothing from the tables of small runs; valid: others, given to check_figure"
    )
    for words, each in _hard(tables).items():
        _draw(problems, figure, words, each, _worked_out)
    problems.report()


def _draw(problems: Problems, figure: Figure, words: str, tables: Tables, finish: Callable[[Canvas], object]) -> bool:
    """Whether a picture comes of these tables, and can be finished."""
    before = {name: frame.copy() for name, frame in tables.items()}
    with problems.during(f"draw of {words}"), styled(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        canvas = figure.draw(tables)
        problems.unless(
            all(frame.equals(before[name]) for name, frame in tables.items()),
            "draw changes the tables that it is given",
        )
        if canvas is not None and problems.unless(
            isinstance(canvas, Canvas), f"draw returns {type(canvas).__name__}; valid: a matplotlib Figure, or None"
        ):
            finish(canvas)
            return True
    return False


def _written(canvas: Canvas) -> None:
    """Make a file of a picture as a report does; that of its pixels takes as long again, and depends on no more."""
    svg_alone(canvas)
    _measured(canvas)


def _worked_out(canvas: Canvas) -> None:
    """Work out all of a picture that depends on numbers, and make no file of it, which takes five times as long.

    Nor are its panels moved to where they have room: that needs no numbers but the sizes that are worked out here.
    """
    canvas.set_layout_engine(None)  # with the style around: none
    _measured(canvas)
    canvas.draw_without_rendering()


def _measured(canvas: Canvas) -> None:
    """Check that a picture, which has its layout, is not too large for pixels."""
    width, height = (float(inches) * DPI for inches in arrange(canvas).size)
    if not (width < LARGEST and height < LARGEST):  # NaN is refused, too
        raise ValueError(f"a picture of {width:.3g} x {height:.3g} pixels")


@cache
def _standard(experiment: str, probes: tuple[str, ...]) -> Tables:
    task = registry().get("experiment", experiment)()
    cells = [task.defaults.get("cell", "rnn"), "lstm"]
    length = possible_length(task)
    others = [each for each in (length, 2 * length) if task.windows == 1 and not task.refuses(each)]
    further = {"eval.seq_len": others, "probes": {name: {} for name in probes}}
    return small_tables(task, cells=cells, **further, **COMPILED)


def small_tables(*experiments: Experiment, cells: Sequence[str] = ("rnn", "lstm"), **changes: Any) -> Tables:
    """Tables of small runs of these experiments: some cells, two lengths and two weight scales each.

    Args:
        changes: settings by dotted name, as in ``{"train.steps": 0, "hidden_size": 1}``; ``seq_len``: the one length.
    """
    frames: dict[str, list[pd.DataFrame]] = {}
    for task in experiments:
        length = possible_length(task)
        lengths = (changes["seq_len"],) if "seq_len" in changes else (length, 2 * length)
        for cell in cells:
            for seq_len in lengths:
                if not task.refuses(seq_len):
                    settings = {"seq_len": seq_len, "weight_scale": [0.9, 1.1], **changes}
                    for name, frame in run(small_runs(task, registry().get("cell", cell)(), **settings)).items():
                        frames.setdefault(name, []).append(frame)
    return Tables({name: pd.concat(parts, ignore_index=True) for name, parts in frames.items()})


def _hard(full: Tables) -> dict[str, Tables]:
    """Tables that trip a figure up."""
    one = full.runs.run_id.iloc[0]
    found = {
        "the tables of a single run": Tables({name: frame[frame.run_id == one] for name, frame in full.items()}),
        "empty tables": Tables({name: frame.head(0) for name, frame in full.items()}),
        "the tables of failed runs": Tables(failed(small_runs(seed=[0, 1]), "RuntimeError: no oven")),
        "the standard tables alone": Tables({name: full[name] for name in TABLES if name in full}),
    }
    for words, value in (("infinite", np.inf), ("NaN", np.nan), ("zero", 0.0)):
        found[f"tables whose results are {words}"] = Tables(
            {name: _filled(frame, name, value) for name, frame in full.items()}
        )
    return found


def _filled(frame: pd.DataFrame, name: str, value: float) -> pd.DataFrame:
    """The table with every real result, no setting and no step, replaced."""
    results = {
        "runs": ["accuracy", "loss", *(f"{each}{end}" for each in ("decay_rate", "decay_r2", "grad_ratio", "horizon")
                                       for end in ("", "_init"))],
        "curves": ["loss", "accuracy", "grad_norm_weights", "spectral_radius"],
        "generalization": ["accuracy", "loss", "decay_rate", "decay_r2", "grad_ratio", "horizon"],
        "gradients": ["grad_norm", "grad_q10", "grad_q50", "grad_q90"],
        "transport": ["grad_norm", "grad_q10", "grad_q50", "grad_q90", "log_ratio"],
    }.get(name, [str(column) for column in frame if frame[column].dtype.kind == "f"])  # fmt: skip
    filled = frame.assign(**dict.fromkeys(results, value))
    # There is no infinite share of right answers.
    return filled.assign(accuracy=0.0) if "accuracy" in filled and np.isinf(value) else filled
