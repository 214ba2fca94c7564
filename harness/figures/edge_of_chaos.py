"""Order and chaos: the measured factor per step over weight scale and another setting, and theory's border."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.analysis import finished
from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.decay_map import TICKS, WIDEST
from harness.figures.drawing.canvas import canvas
from harness.figures.drawing.notes import averaged_over, note
from harness.tables.varied import as_typed, differ, settings_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables

FEWEST_SCALES = 3
"""A map needs as many weight scales."""


class EdgeOfChaos(Figure):
    """The factor per step before training over weight scale and another setting, with the border that theory says."""

    name = "edge_of_chaos"
    title = "Where order ends and chaos begins"
    caption = (
        "What one step back multiplies a gradient by, before any training. It is drawn over the weight scale and "
        "another setting of the cell or the task. Blue is order: gradients vanish, and what differs comes together. "
        "Red is chaos: gradients explode, and small differences grow. The solid line is the border that theory gives "
        "for many units. The dashed line is where the measured factor is 1, drawn between the values that were tried. "
        "The closer the two lines are, the better the theory. Networks next to them hand gradients on over the most "
        "steps."
    )
    order = 45
    across_versions = True

    def draw(self, tables: Tables) -> Canvas | None:
        """A panel per cell whose runs vary both."""
        runs = finished(tables.runs)
        if "decay_rate_theory" not in runs or not len(runs):
            return None
        runs = runs[(runs.seq_len == runs.seq_len.max()) & runs.decay_rate_theory.notna()]
        maps = {cell: found for cell, own in runs.groupby("cell", sort=False) if (found := _second(own))}
        if not maps:
            return None
        figure = canvas(1.6 + 3.6 * len(maps), 3.6)
        axes = figure.subplots(1, len(maps), squeeze=False)[0]
        for axis, (cell, (setting, own)) in zip(axes, maps.items(), strict=True):
            _map(axis, own, setting)
            axis.set(title=cell, xlabel=_("weight scale"), ylabel=setting.partition(".")[2])
        bar = figure.colorbar(axes[0].collections[0], ax=list(axes), label=_("factor per step"), extend="both")
        bar.set_ticks(list(np.log(TICKS)), labels=[f"{tick:g}" for tick in TICKS])
        shown = runs[runs.cell.isin(list(maps))]
        options = [key for key in settings_of(shown) if key.startswith(("cell.", "experiment."))]
        note(figure, averaged_over(shown, by=["cell", "seq_len", "weight_scale", *options]))
        return figure


def _second(runs: pd.DataFrame) -> tuple[str, pd.DataFrame] | None:
    """The second setting of a cell's map, and its runs: an option of the cell, else of the task, with numbers.

    Where the other varies, too, the runs are those of its smallest value.
    """
    if runs.weight_scale.nunique() < FEWEST_SCALES:
        return None
    keys = [key for key in settings_of(runs) if key.startswith(("cell.", "experiment."))]
    varied = [key for key in differ(runs, keys) if runs[key].dtype.kind in "if" and runs[key].notna().all()]
    if not varied:
        return None
    setting = min(varied, key=lambda key: not key.startswith("cell."))
    for other in varied:
        if other != setting:
            runs = runs[runs[other] == runs[other].min()]
    return setting, runs


def _map(axis: Axes, runs: pd.DataFrame, setting: str) -> None:
    """Tiles of what was measured, and the borders between order and chaos."""
    groups = runs.groupby([setting, "weight_scale"])
    measured, theory = (groups[name].median().unstack() for name in ("decay_rate_init", "decay_rate_theory"))
    tiles = np.ma.masked_invalid(measured.to_numpy(dtype=float))
    axis.pcolormesh(tiles, vmin=-WIDEST, vmax=WIDEST, cmap="RdBu_r", rasterized=True)
    for table, style in ((theory, "solid"), (measured, "dashed")):
        values = table.to_numpy(dtype=float)
        if min(values.shape) > 1 and np.nanmin(values) < 0 < np.nanmax(values):
            places = [np.arange(size) + 0.5 for size in values.shape]
            axis.contour(
                places[1], places[0], np.ma.masked_invalid(values), levels=[0.0], colors="#000000", linestyles=style,
                linewidths=1.2,
            )  # fmt: skip
    for which, labels in (("x", measured.columns), ("y", measured.index)):
        ticks = np.arange(len(labels)) + 0.5
        getattr(axis, f"set_{which}ticks")(ticks, [as_typed(value) for value in labels], fontsize=8)
    axis.tick_params(axis="x", rotation=45)
