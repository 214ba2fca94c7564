"""Accuracy during the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis import finished
from harness.analysis.families import many
from harness.analysis.runs import CONDITION
from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import chance_levels, label_outer
from harness.figures.drawing.colours import palette
from harness.figures.drawing.crowd import at_longest, lines_by_scale, name_axes, small_panels
from harness.figures.drawing.each_run import draw_runs, with_conditions
from harness.figures.drawing.notes import averaged_over, chance_key, legend, note
from harness.figures.drawing.panels import at_most, panels
from harness.figures.drawing.rows import over_runs, pieces

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables


class LearningCurves(Figure):
    """Accuracy during training."""

    name = "learning_curves"
    title = "Learning"
    caption = (
        "Share of right answers on held-out sequences during the training. Thick lines are medians over the runs. Thin "
        "lines are single runs. Of more than 5 runs, a band reaches from the worst to the best. A run that is over "
        "counts on with its last accuracy. The dashed line is the chance level. A line that rises late and at once is "
        "a network that has found the one step that matters."
    )
    order = 50

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are lengths, columns weight scales, colours cells."""
        done = finished(tables.runs)
        if many(done):
            return _draw_crowd(tables, done)
        runs, remark = at_most(done)
        by_run = _curves(tables, runs)
        if not len(by_run):
            return None
        curves = over_runs(_to_the_end(by_run, runs), runs, "step", "accuracy")
        lines = with_conditions(by_run, runs)
        by_panel = dict([*curves.groupby(["seq_len", "weight_scale"])])
        colours = palette(runs)
        figure, grid = panels(runs, share_y="all")
        for axis, here in grid:
            axis.set_ylim(-0.03, 1.03)
            if len(here):
                singles = lines[
                    (lines.seq_len == here.seq_len.iloc[0]) & (lines.weight_scale == here.weight_scale.iloc[0])
                ]
                own = by_panel.get((here.seq_len.iloc[0], here.weight_scale.iloc[0]), curves.head(0))
                for cell, colour in colours.items():
                    if len(curve := own[own.who == cell]):
                        draw_runs(axis, singles[singles.who == cell], curve, "step", "accuracy", colour)
                        # A single evaluation is a point.
                        marker = "o" if len(curve) == 1 else ""
                        axis.plot(curve.step, curve.middle, color=colour, linewidth=1.5, marker=marker)
                chance_levels(axis, here)
        label_outer(figure, _("training step"), _("accuracy"))
        legend(figure, runs, chance_key(runs))
        note(figure, averaged_over(runs), remark)
        return figure


def _curves(tables: Tables, runs: pd.DataFrame) -> pd.DataFrame:
    """The accuracy of each run (its place in ``runs``) at each evaluation."""
    import pandas as pd

    read = pieces(tables, "curves", runs, ["step", "accuracy"])
    rows = [batch.to_pandas().assign(run=run).dropna() for batch, run in read]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def _to_the_end(by_run: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The same, and of each run that is over before others of its condition its last accuracy from then on.

    Else medians would be over those alone that go on: where runs end as they have solved the task, over the failures.
    """
    import pandas as pd

    rows = by_run.assign(condition=runs.groupby(CONDITION).ngroup().to_numpy()[by_run.run])
    moments = rows[["condition", "step"]].drop_duplicates()
    last = rows.sort_values("step").drop_duplicates("run", keep="last")
    later = last.merge(moments, on="condition", suffixes=("_of_end", ""))
    later = later[later.step > later.step_of_end]
    return pd.concat([by_run, later[list(by_run)]], ignore_index=True)


def _draw_crowd(tables: Tables, runs: pd.DataFrame) -> Canvas | None:
    """A small panel per cell, a line per weight scale."""
    runs, which = at_longest(runs)
    by_run = _curves(tables, runs)
    if not len(by_run):
        return None
    curves = over_runs(_to_the_end(by_run, runs), runs, "step", "accuracy")
    figure, panels = small_panels(runs)
    for who, axis in panels.items():
        chance_levels(axis, runs[runs.who == who])
    next(iter(panels.values())).set_ylim(-0.03, 1.03)
    left_out = lines_by_scale(figure, panels, curves, runs, "step", "middle", chance_key(runs))
    name_axes(figure, panels, _("training step"), _("accuracy"))
    note(figure, _("{which}; a panel per cell").format(which=which), averaged_over(runs), left_out)
    return figure
