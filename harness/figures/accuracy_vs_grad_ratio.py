"""Accuracy against the gradient that reaches the cue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis import finished
from harness.analysis.families import by_family, many
from harness.analysis.words import counted_runs
from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import canvas, chance_levels, grid
from harness.figures.drawing.colours import GREY, ink, palette
from harness.figures.drawing.notes import note
from harness.figures.drawing.scales import decades, log10, power, whole_powers

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

MANY = 3000
"""More points than this are small, and drawn as an image: as shapes they would make a file of many megabytes."""

MOST_MARKERS = 8
"""Up to so many lengths have a marker each: more could not be told apart."""

COLUMNS = ("grad_ratio_init", "grad_ratio")


class AccuracyVsGradRatio(Figure):
    """Accuracy of every run against how much gradient reaches the cue."""

    name = "accuracy_vs_grad_ratio"
    title = "Does the gradient tell who learns?"
    caption = (
        "Every run is a point. To the right, more of the answer's gradient reaches the cue, the step that holds the "
        "information. Higher up, the trained network is right more often. The left panel is before training: can one "
        "tell in advance who will learn? The right panel is after it. A run whose cue gets exactly nothing stands at "
        "0, beyond a grey line at the left. One whose cue gets infinitely much stands at inf, beyond a grey line at "
        "the right. A dotted line marks a ratio of 1: the cue gets as much as the answer. A dashed line is the chance "
        "level; there are several where it depends on the length."
    )
    order = 70

    def draw(self, tables: Tables) -> Canvas | None:
        """Two panels, before and after training."""
        runs = finished(tables.runs)
        runs = by_family(runs) if many(runs) else runs
        shown = {column: runs.dropna(subset=[column, "accuracy"]) for column in COLUMNS}
        most = max(COLUMNS, key=lambda column: len(shown[column]))
        if not len(shown[most]):
            return None
        titles = {"grad_ratio_init": _("before training"), "grad_ratio": _("after training")}
        figure = canvas(11, 4.4)
        axes = figure.subplots(1, 2, sharey=True)
        for axis, (column, title) in zip(axes, titles.items(), strict=True):
            _panel(axis, shown[column], runs, column, legend=column == most)
            axis.set(title=title, xlabel=_("gradient at the cue / at the answer"), ylabel=_("accuracy"))
            axis.set_ylim(-0.04, 1.04)
            if column == most:
                handles, labels = axis.get_legend_handles_labels()
                heads = {"who": _("cell"), "length": _("steps")}
                labels = [heads.get(label, label) for label in labels]
                named = figure.legend(handles, labels, loc="outside right upper", frameon=False)
                for line in named.get_lines():
                    line.set(alpha=0.9, markersize=6)
                axis.get_legend().remove()
        note(figure, _left_out({title: len(runs) - len(shown[column]) for column, title in titles.items()}))
        return figure


def _panel(axis: Axes, rows: pd.DataFrame, runs: pd.DataFrame, column: str, legend: bool) -> None:
    """One scatter plot, in colours and markers that fit all runs."""
    import seaborn as sns

    exponents = _with_edges(axis, rows[column].to_numpy(dtype=np.float64))
    colours = palette(runs)
    lengths = [str(length) for length in sorted(runs.seq_len.unique())]
    markers = {"style": "length", "style_order": lengths} if len(lengths) <= MOST_MARKERS else {}
    many = len(runs) > MANY
    sns.scatterplot(
        rows.assign(exponent=exponents, length=rows.seq_len.astype(str)), x="exponent", y="accuracy",
        hue="who", hue_order=list(colours), palette=colours, **markers, ax=axis, s=8 if many else 42,
        alpha=0.3 if many else 0.75, linewidth=0, legend="full" if legend else False, rasterized=many,
    )  # fmt: skip
    chance_levels(axis, runs)
    grid(axis)


def _with_edges(axis: Axes, ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Exponents of ratios; zeros and infinities have places of their own beyond the scale."""
    exponents = log10(ratios)
    low, high = decades(exponents)
    margin = 0.06 * (high - low)
    ticks = {tick: power(tick) for tick in whole_powers(low, high)}
    for wrong, border, edge, word in (
        (ratios == 0, low - margin, low - 2 * margin, "0"),
        (np.isposinf(ratios), high + margin, high + 2 * margin, "inf"),
    ):
        if wrong.any():
            exponents[wrong] = edge
            axis.axvline(border, color=GREY, linewidth=0.8)
            ticks[edge] = word
    axis.set_xlim(low - 2.8 * margin, high + 2.8 * margin)
    axis.set_xticks(list(ticks), labels=list(ticks.values()))
    if low <= 0 <= high:
        axis.axvline(0, color=ink(), linestyle=":", linewidth=1)
    return exponents


def _left_out(counts: dict[str, int]) -> str:
    """``without a ratio or an accuracy, not shown: 2 runs before training``; empty where there are none."""
    of = _("{runs} {when}")
    parts = [of.format(runs=counted_runs(count), when=when) for when, count in counts.items() if count]
    left_out = _("without a ratio or an accuracy, not shown: {runs}")
    return left_out.format(runs=_(", ").join(parts)) if parts else ""
