"""What figures of probes have in common: the best run of each cell, before and after its training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.analysis import finished
from harness.analysis.families import in_order
from harness.analysis.words import evenly
from harness.base.language import gettext as _
from harness.figures.drawing.canvas import canvas, grid
from harness.figures.drawing.colours import GREY, palette
from harness.figures.drawing.notes import key
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D

    from harness.tables.tables import Tables

MOST_COLUMNS = 6
"""Most cells side by side."""


def best_runs(tables: Tables, probe: str) -> tuple[pd.DataFrame, str]:
    """The run of each cell with the highest accuracy at the longest length that a probe looked at; a remark on others.

    Empty where no finished run had the probe.
    """
    runs = finished(tables.runs)
    if probe not in tables or not len(tables[probe]) or not len(runs):
        return runs.head(0), ""
    runs = runs[runs.run_id.isin(tables[probe].run_id.unique())].sort_values("accuracy", ascending=False, kind="stable")
    best = runs[runs.seq_len == runs.seq_len.max()].drop_duplicates("who") if len(runs) else runs
    if not len(best):
        return best, ""
    cells = in_order(best)
    shown = evenly(cells, MOST_COLUMNS)
    best = best.set_index("who", drop=False).loc[shown].reset_index(drop=True)
    remarks = [_("the run of each cell with the highest accuracy, {steps} steps").format(steps=best.seq_len.max())]
    if len(shown) < len(cells):
        remarks.append(_("{count} of {all} cells are shown").format(count=len(shown), all=len(cells)))
    return best, _("; ").join(remarks)


def of_top_layer(tables: Tables, probe: str, best: pd.DataFrame, *beside: str) -> pd.DataFrame:
    """What a probe measured of the top layers of some runs.

    Args:
        beside: columns of these runs to have in each row.
    """
    rows = tables[probe].merge(best[["run_id", "num_layers", *beside]], on="run_id")
    return rows[rows.layer == rows.num_layers]


def columns(best: pd.DataFrame, rows: int, height: float = 2.4) -> tuple[Canvas, list[tuple[pd.Series, list[Axes]]]]:
    """A figure with a column of panels for each run: below each other, sharing the x axis, in a row the y axis.

    Args:
        height: of a panel, in inches.
    """
    figure = canvas(1.2 + 2.7 * len(best), 1.0 + height * rows)
    axes = figure.subplots(rows, len(best), squeeze=False, sharex="col", sharey="row")
    found = []
    for place, (__, run) in enumerate(best.iterrows()):
        column = [row[place] for row in axes]
        for axis in column:
            grid(axis)
        column[0].set_title(named(run, best))
        found.append((run, column))
    return figure, found


def named(run: pd.Series, among: pd.DataFrame) -> str:
    """A run as the title of a panel: its weight scale is named where there are several."""
    several = among.weight_scale.nunique() > 1
    scaled = _("{cell}, weight scale {scale}").format(cell=run.who, scale=as_typed(run.weight_scale))
    return scaled if several else str(run.who)


def first_and_last(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of one run before its training, and at its end."""
    return rows[rows.step == rows.step.min()], rows[rows.step == rows.step.max()]


def before_and_after(
    tables: Tables, probe: str, best: pd.DataFrame
) -> Iterator[tuple[pd.Series, str, str, pd.DataFrame]]:
    """What a probe measured of each run, at its first and at its last step.

    Yields:
        The run, ``before training`` or ``after training``, a colour, and the rows of that moment.
    """
    colours, measured = palette(best), tables[probe]
    for __, run in best.iterrows():
        own = measured[measured.run_id == run.run_id]
        first, last = own.step.min(), own.step.max()
        if first < last or first == 0:
            yield run, BEFORE, GREY, own[own.step == first]
        if first < last or first > 0:
            yield run, AFTER, colours[run.who], own[own.step == last]


BEFORE, AFTER = "before training", "after training"


def moment_in_words(when: str) -> str:
    """`BEFORE` or `AFTER` in the language in use."""
    return _("before training") if when == BEFORE else _("after training")


def key_of_moments(
    figure: Canvas, tables: Tables, probe: str, best: pd.DataFrame, extra: Sequence[Line2D] = ()
) -> None:
    """A legend of what is drawn of which moment."""
    from matplotlib.lines import Line2D

    drawn = {when: colour for _, when, colour, _ in before_and_after(tables, probe, best)}
    words = {BEFORE: _("before training"), AFTER: _("after training, in the cell's colour")}
    handles = [Line2D([], [], color=colour, linewidth=2, label=words[when]) for when, colour in drawn.items()]
    key(figure, [*handles, *extra])
