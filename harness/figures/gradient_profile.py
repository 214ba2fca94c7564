"""Gradient profiles: how much gradient arrives at each step, before and after training."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from harness.figures import Figure
from harness.figures._common import (
    by_cell,
    ink,
    legend,
    log10,
    memory_profiles,
    note,
    palette,
    panels,
    power_of_ten_axis,
)
from harness.findings import finished
from harness.tables import Tables

HOW_TO_READ = (
    "Read from left to right as the error travels back in time: the lag is the distance from the end of the sequence. "
    "A straight line down loses the same share at every step; a flat line loses nothing. Lines are medians over the "
    "runs, bands reach from the smallest to the largest; the dotted line marks the step that holds what has to be "
    "remembered. Triangles at the lower edge: the gradient is exactly zero there, which no logarithm can show."
)


class GradientProfileInit(Figure):
    """Gradient norm against lag before training."""

    name: ClassVar[str] = "gradient_profile_init"
    title: ClassVar[str] = "How much gradient arrives at each step, before training"
    caption: ClassVar[str] = "The network as it was drawn, before it has learned anything. " + HOW_TO_READ
    order: ClassVar[int] = 10

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are lengths, columns weight scales, colours cells."""
        return _draw(tables, trained=False)


class GradientProfileTrained(Figure):
    """Gradient norm against lag at the end of the training."""

    name: ClassVar[str] = "gradient_profile_trained"
    title: ClassVar[str] = "How much gradient arrives at each step, after training"
    caption: ClassVar[str] = (
        "The same at the end of the training. A network that has solved the task has little error left, so that only "
        "the shape of its line counts, not its height. " + HOW_TO_READ
    )
    order: ClassVar[int] = 20

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are lengths, columns weight scales, colours cells."""
        return _draw(tables, trained=True)


def _draw(tables: Tables, trained: bool) -> Canvas | None:
    runs = finished(tables.runs)
    profiles = memory_profiles(tables, trained)
    if not len(profiles):
        return None
    figure, grid = panels(runs)
    for axis, here in grid:
        rows = profiles[profiles.run_id.isin(here.run_id)]
        for cell, own in by_cell(rows):
            _line(axis, own, palette([*runs.cell])[cell])
        if len(here):
            cue_lag = (here.seq_len - here.cue_step.astype(float)).median()
            axis.axvline(cue_lag, color=ink(), linestyle=":", linewidth=1)
        if lost := [cell for cell, own in by_cell(rows) if not np.isfinite(own.grad_norm).all()]:
            axis.text(0.03, 0.06, f"not finite: {', '.join(lost)}", transform=axis.transAxes, fontsize=8)
        power_of_ten_axis(axis)
    _label(figure, [axis for axis, _ in grid])
    extra = [
        Line2D([], [], color=ink(), linestyle=":", linewidth=1, label="the cue"),
        Line2D([], [], color=ink(), marker="v", linestyle="none", markersize=4, label="exactly 0"),
    ]
    legend(figure, [*runs.cell], extra)
    note(figure, runs)
    return figure


def _line(axis: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Median and band over runs on a log scale; markers at the lower edge where every run is exactly zero."""
    values = rows.pivot(index="lag", columns="run_id", values="grad_norm").sort_index()
    lags, norms = values.index.to_numpy(), values.to_numpy(dtype=np.float64)
    exponents = pd.DataFrame(log10(norms))
    middle = exponents.median(axis=1)
    # A single point is no line: the last step of a network without memory.
    axis.plot(lags, middle, color=colour, linewidth=1.6, marker="o" if middle.notna().sum() == 1 else "", markersize=4)
    axis.fill_between(lags, exponents.min(axis=1), exponents.max(axis=1), color=colour, alpha=0.2, linewidth=0)
    zero = lags[(norms == 0).all(axis=1)]
    shown = zero[:: max(1, len(zero) // 12)]
    axis.plot(shown, np.full(len(shown), 0.025), "v", color=colour, markersize=4, transform=axis.get_xaxis_transform())


def _label(figure: Canvas, axes: list[Axes]) -> None:
    for axis in axes:
        place = axis.get_subplotspec()
        assert place is not None
        if place.is_first_col():
            axis.set_ylabel("gradient norm")
        if place.is_last_row():
            axis.set_xlabel("lag (steps before the end)")
