"""Accuracy at lengths at which the networks were not trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis import finished
from harness.analysis.families import many
from harness.analysis.words import evenly
from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import label_outer
from harness.figures.drawing.colours import GREY, ink, palette
from harness.figures.drawing.crowd import at_longest, lines_by_scale, name_axes, small_panels
from harness.figures.drawing.each_run import draw_runs, with_conditions
from harness.figures.drawing.notes import averaged_over, chance_key, legend, note
from harness.figures.drawing.panels import at_most, panels
from harness.figures.drawing.rows import over_runs, pieces

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D

    from harness.tables.tables import Tables

MOST_MARKED = 12
"""Most lengths of which each has a dot on the lines."""

WIDE = 8.0
"""From this ratio of the longest to the shortest length on, lengths are drawn on a logarithmic axis."""


class Generalization(Figure):
    """Accuracy against length."""

    name = "generalization"
    title = "Other lengths"
    caption = (
        "Share of right answers on held-out sequences of other lengths, at the end of the training. The grey band is "
        "the range of lengths that was trained on, or the one length. Thick lines are medians over the runs. Thin "
        "lines are single runs. Of more than 5 runs, a band reaches from the worst to the best. The dashed line is the "
        "chance level. A line that stays up right of the grey band has learned a rule that holds at any length."
    )
    order = 55

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are trained lengths, columns weight scales, colours cells."""
        if "generalization" not in tables or not tables.rows("generalization"):
            return None
        done = finished(tables.runs)
        if many(done):
            return _draw_crowd(tables, done)
        runs, remark = at_most(done)
        by_run = _accuracies(tables, runs)
        if not len(by_run):
            return None
        medians = over_runs(by_run, runs, "length", "accuracy")
        singles = with_conditions(by_run, runs)
        colours = palette(runs)
        marker = "." if by_run.length.nunique() <= MOST_MARKED else ""
        figure, grid = panels(runs, share_y="all")
        for axis, here in grid:
            axis.set_ylim(-0.03, 1.03)
            if not len(here):
                continue
            own, lines = (_of_panel(rows, here) for rows in (medians, singles))
            for cell, colour in colours.items():
                if len(line := own[own.who == cell]):
                    draw_runs(axis, lines[lines.who == cell], line, "length", "accuracy", colour)
                    axis.plot(line.length, line.middle, color=colour, linewidth=1.5, marker=marker)
            _spread_lengths(axis, by_run, here, most_named=6)
            _mark(axis, by_run, here)
        label_outer(figure, _("length of the sequences, in steps"), _("accuracy"))
        legend(figure, runs, _keys(runs))
        note(figure, averaged_over(runs), remark)
        return figure


def _accuracies(tables: Tables, runs: pd.DataFrame) -> pd.DataFrame:
    """The accuracy and the chance level of each run (its place in ``runs``) at each length."""
    import pandas as pd

    read = pieces(tables, "generalization", runs, ["length", "accuracy", "chance"])
    rows = [batch.to_pandas().assign(run=run).dropna(subset="accuracy") for batch, run in read]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def _of_panel(rows: pd.DataFrame, here: pd.DataFrame) -> pd.DataFrame:
    """The rows of the trained length and the weight scale of a panel."""
    return rows[(rows.seq_len == here.seq_len.iloc[0]) & (rows.weight_scale == here.weight_scale.iloc[0])]


def trained_on(runs: pd.DataFrame) -> tuple[int, int]:
    """The shortest and the longest length that some runs of one trained length were trained on.

    Batches of a curriculum differ in length, and rows of a task with the option ``shortest``.
    """
    longest = int(runs.seq_len.max())
    found = [longest]
    if "experiment.shortest" in runs and (rows := runs["experiment.shortest"].dropna().astype(int)).any():
        found += [*rows]
    elif "train.curriculum" in runs and (varies := runs["train.curriculum"] != "none").any():
        found += [*runs["train.shortest"][varies].astype(float).fillna(1).astype(int)]
    return min(found), longest


def _mark(axis: Axes, by_run: pd.DataFrame, here: pd.DataFrame) -> None:
    """Mark chance levels and the trained range, as far as the axis reaches."""
    shortest, longest = trained_on(here)
    if shortest < longest:
        left, right = axis.get_xlim()
        axis.axvspan(max(shortest, left), longest, color=GREY, alpha=0.25, linewidth=0, zorder=0.5)
        axis.set_xlim(left, max(right, longest))
    else:
        axis.axvline(longest, color=GREY, alpha=0.5, linewidth=4, zorder=0.5)
    levels = by_run.drop_duplicates("length").sort_values("length").dropna(subset="chance")
    if len(levels):
        axis.plot(levels.length, levels.chance, color=ink(), linestyle="--", linewidth=1, zorder=1.9)


def _spread_lengths(axis: Axes, by_run: pd.DataFrame, here: pd.DataFrame, most_named: int) -> None:
    """Make an axis on which short and long lengths can be told apart, for all panels that share it.

    Args:
        most_named: lengths that are named on it.
    """
    from matplotlib.ticker import NullLocator, ScalarFormatter

    lengths = sorted({*here.seq_len, *by_run.length})
    if lengths[-1] >= WIDE * lengths[0]:
        axis.set_xscale("log")
        axis.set_xticks(evenly(lengths, most_named))
        axis.xaxis.set_major_formatter(ScalarFormatter())
        axis.xaxis.set_minor_locator(NullLocator())


def _keys(runs: pd.DataFrame) -> list[Line2D]:
    """What the legend names besides the cells."""
    from matplotlib.lines import Line2D

    trained = Line2D([], [], color=GREY, alpha=0.5, linewidth=4, label=_("trained on"))
    return [*chance_key(runs), trained]


def _draw_crowd(tables: Tables, runs: pd.DataFrame) -> Canvas | None:
    """A small panel per cell, a line per weight scale."""
    runs, which = at_longest(runs)
    by_run = _accuracies(tables, runs)
    if not len(by_run):
        return None
    figure, cells = small_panels(runs)
    medians = over_runs(by_run, runs, "length", "accuracy")
    left_out = lines_by_scale(figure, cells, medians, runs, "length", "middle", _keys(runs))
    first = next(iter(cells.values()))
    first.set_ylim(-0.03, 1.03)
    _spread_lengths(first, by_run, runs, most_named=2)
    for who, axis in cells.items():
        _mark(axis, by_run, runs[runs.who == who])
    name_axes(figure, cells, _("length of the sequences, in steps"), _("accuracy"))
    note(figure, _("{which}; a panel per cell").format(which=which), averaged_over(runs), left_out)
    return figure
