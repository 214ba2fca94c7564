"""What theory says, as thin lines beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.base.language import gettext as _
from harness.figures.drawing.colours import ink

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

LINES: dict[str, Any] = {"decay_rate_theory": "--", "decay_rate_bound": "-."}
"""Columns of runs, and how they are drawn."""

HOW_TO_READ = (
    "A thin dashed line is what theory says of many units with random weights. Of gated cells its slope in the long "
    "run counts, not its height. A dash-dotted line is a bound that nothing of its colour can cross. At every step it "
    "takes the largest singular value of the recurrent matrix, times the largest slope of the units."
)


def columns(trained: bool) -> dict[str, str]:
    """The columns to draw, and what each is drawn as: theory is about untrained networks."""
    return (
        {"decay_rate_bound": "decay_rate_bound"}
        if trained
        else {"decay_rate_theory": "decay_rate_theory", "decay_rate_bound_init": "decay_rate_bound"}
    )


def theory_lines(axis: Axes, runs: pd.DataFrame, profile: pd.DataFrame, colour: str, trained: bool) -> None:
    """Draw what theory says of some runs of one cell, from where their gradients start at the answer.

    Args:
        runs: of one condition.
        profile: theirs, with ``lag``, ``middle`` and ``high``, the exponents of gradients.
    """
    start = profile[(profile.lag == 0) & np.isfinite(profile.high)]
    for column, kind in columns(trained).items():
        rates = known(runs, column)
        if not len(start) or not len(rates):
            continue
        bound = kind == "decay_rate_bound"
        first = float((start.high if bound else start.middle).iloc[0])
        rate = float(np.max(rates) if bound else np.median(rates)) / np.log(10)
        lags = np.array([0, profile.lag.max()])
        axis.plot(lags, first + rate * lags, LINES[kind], color=colour, linewidth=0.8)


def theory_key(runs: pd.DataFrame, trained: bool) -> Sequence[Line2D]:
    """What the legend says of these lines, of those that are drawn."""
    from matplotlib.lines import Line2D

    words = {"decay_rate_theory": _("theory"), "decay_rate_bound": _("bound ‖W‖γ")}
    drawn = [(LINES[kind], words[kind]) for column, kind in columns(trained).items() if len(known(runs, column))]
    return [Line2D([], [], color=ink(), linestyle=style, linewidth=0.8, label=label) for style, label in drawn]


def known(runs: pd.DataFrame, column: str) -> np.ndarray:
    """The finite values of a column; none where the results are older than the column."""
    if column not in runs:
        return np.array([])
    values = runs[column].to_numpy(dtype=np.float64)
    return values[np.isfinite(values)]
