"""Gradient profiles: how much of an answer's gradient arrives at each step, before and after training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.analysis import finished
from harness.analysis.families import have_memory, many
from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import label_outer
from harness.figures.drawing.colours import ink, palette
from harness.figures.drawing.crowd import (
    HIGHEST,
    LOWEST,
    at_longest,
    lines_by_scale,
    mark,
    name_axes,
    relative_to_first,
    small_panels,
)  # fmt: skip
from harness.figures.drawing.each_run import draw_runs, with_conditions
from harness.figures.drawing.notes import averaged_over, legend, note
from harness.figures.drawing.panels import at_most, panels
from harness.figures.drawing.rows import exponents_by_run, memory_exponents, over_runs
from harness.figures.drawing.scales import decades, powers_axis
from harness.figures.drawing.theory import HOW_TO_READ as OF_THEORY
from harness.figures.drawing.theory import theory_key, theory_lines

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D

    from harness.tables.tables import Tables

HOW_TO_READ = (
    "Read it from left to right, as the error of one answer travels back in time. The lag is the distance from the "
    "step of that answer, the last judged output of a sample. With several layers it is the top one. A straight line "
    "down loses the same share at every step. A flat line loses nothing. Thick lines are medians over the runs. Thin "
    "lines are single runs. Of more than 5 runs, a band reaches from the smallest to the largest. Both may go on "
    "beyond the panel. A cell without memory is a dot at the answer. A dotted line marks the cue, the step that holds "
    "what has to be remembered. Where that step differs between samples, the line stands at its mean. A triangle "
    "at the lower edge: the gradient is exactly zero, which no logarithm can show."
)
MOST_ZEROS = 12
"""Most triangles per line: enough to see where the zeros begin."""


class GradientProfileInit(Figure):
    """Gradient norm against lag before training."""

    name = "gradient_profile_init"
    title = "How much of the answer's gradient arrives at each step, before training"
    caption = f"The network as it was drawn, before it has learned anything. {HOW_TO_READ} {OF_THEORY}"
    order = 10

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are lengths, columns weight scales, colours cells."""
        return _draw(tables, trained=False)


class GradientProfileTrained(Figure):
    """Gradient norm against lag at the end of the training."""

    name = "gradient_profile_trained"
    title = "How much of the answer's gradient arrives at each step, after training"
    caption = (
        "The same at the end of the training. A network that has solved the task has little error left. So only the "
        "shape of its line counts, not its height."
        f" {HOW_TO_READ}"
    )
    order = 20

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are lengths, columns weight scales, colours cells."""
        return _draw(tables, trained=True)


def _draw(tables: Tables, trained: bool) -> Canvas | None:
    done = finished(tables.runs)
    return _draw_crowd(tables, done, trained) if many(done) else _draw_few(tables, done, trained)


def _draw_crowd(tables: Tables, runs: pd.DataFrame, trained: bool) -> Canvas | None:
    """A small panel per cell: its gradient relative to that at the answer, a line per weight scale."""
    runs, which = at_longest(runs)
    profiles = memory_exponents(tables, runs, trained)
    if not len(profiles):
        return None
    shown = profiles.assign(middle=relative_to_first(profiles, "lag", "middle"))
    figure, panels = small_panels(runs)
    for who, axis in panels.items():
        if (lag := _cue_lag(runs[runs.who == who])) is not None:
            mark(axis, lag)
    low, high = np.clip(decades(shown.middle.to_numpy()), LOWEST, HIGHEST)
    first = next(iter(panels.values()))
    powers_axis(first, low, high)
    shown = shown.assign(middle=shown.middle.clip(low, high).where(~shown.middle.isna()))
    left_out = lines_by_scale(figure, panels, shown, runs, "lag", "middle", _key(runs, shown))
    name_axes(figure, panels, _("lag (steps before the answer)"), _("gradient norm, relative to that at the answer"))
    how = _("{which}; a panel per cell, all on the same axes; what is beyond them lies on their edge")
    note(figure, how.format(which=which), averaged_over(runs), left_out)
    return figure


def _cue_lag(runs: pd.DataFrame) -> float | None:
    """How far the cue is from the answer; None where a task has none."""
    return (runs.answer_step - runs.cue_step).astype(float).median() if runs.cue_step.notna().any() else None


def _draw_few(tables: Tables, done: pd.DataFrame, trained: bool) -> Canvas | None:
    """Panels by length and weight scale, a line per cell."""
    runs, remark = at_most(done)
    by_run = exponents_by_run(tables, runs, trained)
    profiles = over_runs(by_run, runs, "lag", "exponent")
    if not len(profiles):
        return None
    lines, colours = with_conditions(by_run, runs), palette(runs)
    figure, grid = panels(runs)
    for axis, here in grid:
        if not len(here):
            continue
        length, scale = here.seq_len.iloc[0], here.weight_scale.iloc[0]
        row = profiles[profiles.seq_len == length]
        _scale(axis, row)
        column = row[row.weight_scale == scale]
        singles = lines[(lines.seq_len == length) & (lines.weight_scale == scale)]
        for place, cell in enumerate(colours):
            own = column[column.who == cell]
            if len(own):
                draw_runs(axis, singles[singles.who == cell], own, "lag", "exponent", colours[cell])
            _line(axis, own, colours[cell], place, bool(have_memory(here[here.who == cell]).all()))
            theory_lines(axis, here[here.who == cell], own, colours[cell], trained)
        if (lag := _cue_lag(here)) is not None:
            mark(axis, lag)
        if lost := [cell for cell in colours if not column[column.who == cell].bounded.all()]:
            axis.text(
                0.03,
                0.97,
                _("not finite: {cells}").format(cells=_(", ").join(lost)),
                transform=axis.transAxes,
                fontsize=8,
                va="top",
            )
    label_outer(figure, _("lag (steps before the answer)"), _("gradient norm"))
    legend(figure, runs, [*_key(runs, profiles), *theory_key(runs, trained)])
    note(figure, averaged_over(runs), remark)
    return figure


def _key(runs: pd.DataFrame, profiles: pd.DataFrame) -> list[Line2D]:
    """What the legend says beside the cells, of what is drawn."""
    from matplotlib.lines import Line2D

    found = []
    if runs.cue_step.notna().any():
        found.append(Line2D([], [], color=ink(), linestyle=":", linewidth=1, label=_("the cue")))
    able = set(runs[have_memory(runs)].who)
    if np.isneginf(profiles[profiles.who.isin(able)].middle).any():
        found.append(Line2D([], [], color=ink(), marker="v", linestyle="none", markersize=4, label=_("exactly 0")))
    return found


def _scale(axis: Axes, profiles: pd.DataFrame) -> None:
    """Powers of ten that hold all medians: a single run that explodes does not flatten all other lines."""
    low, high = decades(profiles.middle.to_numpy())
    margin = (high - low) / 12
    powers_axis(axis, low, high, 1.5 * margin, margin)


def _line(axis: Axes, profile: pd.DataFrame, colour: str, place: int, has_memory: bool) -> None:
    """The median over runs; markers at the lower edge, a row per cell, where it is exactly zero.

    Of a cell without memory it is zero everywhere but at the answer, which needs no markers.
    """
    lags = profile.lag.to_numpy()
    middle = profile.middle.where(np.isfinite(profile.middle))
    # A single point is no line: the last step of a network without memory.
    axis.plot(lags, middle, color=colour, linewidth=1.6, marker="o" if middle.notna().sum() == 1 else "", markersize=4)
    if not has_memory:
        return
    zero = lags[np.isneginf(profile.middle)]
    shown = zero[:: max(1, -(-len(zero) // MOST_ZEROS))]
    height = np.full(len(shown), 0.025 + 0.03 * place)
    axis.plot(shown, height, "v", color=colour, markersize=3.5, transform=axis.get_xaxis_transform())
