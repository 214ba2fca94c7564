from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, MaxNLocator

from harness.figures import Figure
from harness.figures._common import canvas, ink, log10, palette
from harness.findings import finished
from harness.tables import Tables


class AccuracyVsGradRatio(Figure):
    """Accuracy of every run against how much gradient reaches the cue."""

    name: ClassVar[str] = "accuracy_vs_grad_ratio"
    title: ClassVar[str] = "Does the gradient tell who learns?"
    caption: ClassVar[str] = (
        "Every run is a point: how much gradient reaches the step that holds the information, relative to the last "
        "step (to the right: more), and how often the trained network is right. Left before training: can one tell "
        "in advance who will learn? Right after it. Points on the left edge receive exactly nothing, points on the "
        "right edge infinitely much; the dashed line is the chance level."
    )
    order: ClassVar[int] = 70

    def draw(self, tables: Tables) -> Canvas | None:
        """Two panels, before and after training."""
        runs = finished(tables.runs)
        figure = canvas(11, 4.4)
        axes = figure.subplots(1, 2, sharey=True)
        columns = (("grad_ratio_init", "before training"), ("grad_ratio", "after training"))
        shown = [_panel(axis, runs, column, title) for axis, (column, title) in zip(axes, columns, strict=True)]
        if not any(shown):
            return None
        handles, labels = axes[shown.index(True)].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", frameon=False)
        for axis in axes:
            if (own := axis.get_legend()) is not None:
                own.remove()
        return figure


def _panel(axis: Axes, runs: pd.DataFrame, column: str, title: str) -> bool:
    """One scatter plot; whether there was anything to draw."""
    ratios = runs[column].to_numpy(dtype=np.float64)
    exponents = log10(ratios)
    known = exponents[np.isfinite(exponents)]
    low, high = (known.min(), known.max()) if len(known) else (-1.0, 0.0)
    margin = max(0.06 * (high - low), 0.3)
    for wrong, edge, word in ((ratios == 0, low - 2 * margin, "0"), (np.isposinf(ratios), high + 2 * margin, "inf")):
        exponents[wrong] = edge
        if wrong.any():
            axis.annotate(word, (edge, 0), xycoords=("data", "axes fraction"), xytext=(0, 3), ha="center",
                          textcoords="offset points", fontsize=9)  # fmt: skip
    rows = runs.assign(exponent=exponents, length=runs.seq_len.astype(str)).dropna(subset=["exponent", "accuracy"])
    if not len(rows):
        return False
    colours = palette([*runs.cell])
    lengths = [str(length) for length in sorted(runs.seq_len.unique())]
    sns.scatterplot(
        rows, x="exponent", y="accuracy", hue="cell", hue_order=list(colours), palette=colours,
        style="length", style_order=lengths, ax=axis, s=42, alpha=0.75, linewidth=0,
    )  # fmt: skip
    axis.axhline(rows.chance.mean(), color=ink(), linestyle="--", linewidth=1)
    axis.axvline(0, color=ink(), linestyle=":", linewidth=1)
    axis.set(title=title, xlabel="gradient at the cue / at the last step", ylabel="accuracy", ylim=(-0.04, 1.04))
    axis.set_xlim(low - 2.6 * margin, high + 2.6 * margin)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))
    axis.grid(True, linewidth=0.4, alpha=0.4)
    return True
