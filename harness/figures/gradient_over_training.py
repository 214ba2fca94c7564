"""The gradient over time steps and training steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis import CONDITION, finished
from harness.analysis.families import in_order, many
from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import canvas
from harness.figures.drawing.crowd import name_axes, small_panels, with_room
from harness.figures.drawing.notes import note
from harness.figures.drawing.panels import at_most, with_memory
from harness.figures.drawing.scales import log10
from harness.tables.varied import as_typed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure as Canvas
    from matplotlib.patches import Patch

    from harness.tables.tables import Tables

ZERO_COLOUR = "#5b5f66"
LOST_COLOUR = "#ff4fd8"
COLOURS = "magma"


class GradientOverTraining(Figure):
    """Gradient over time steps and training steps."""

    name = "gradient_over_training"
    title = "How much gradient of the whole loss arrives, while training goes on"
    caption = (
        "The gradient at each time step, while the training goes on. Time steps go upwards, training steps to the "
        "right; bright is much, dark is little. It is one run of each setting, at the longest length. It is the "
        "gradient of the whole loss, as training sees it. Where a sequence has several scored outputs, each adds its "
        "own gradient on the way and covers the others. A network that learns to remember brightens towards the "
        "bottom. Where the error has become small, everything darkens. The colours cover the middle 96 % of all "
        "values; what is beyond has the colour of the nearer end."
    )
    order = 60

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are cells, columns weight scales."""
        import pyarrow.compute as pc

        runs = finished(tables.runs)
        if not len(runs):
            return None
        crowd = many(runs)
        runs = runs[runs.seq_len == runs.seq_len.max()]
        runs, others = (runs, "") if crowd else with_memory(runs)
        runs, remark = _of_one_scale(runs) if crowd else at_most(runs)
        runs = runs.sort_values("seed", kind="stable").drop_duplicates(CONDITION)
        own = (pc.field("layer") == 1) & pc.field("run_id").isin(runs.run_id.tolist())
        rows = tables.read("gradients", _columns(tables), own)
        rows = rows.merge(runs[["run_id", *CONDITION, "memory"]], on="run_id")
        rows = rows[rows.part == rows.memory]
        if not len(rows):
            return None
        if crowd:
            return _draw_crowd(runs, rows, remark)
        cells, scales = in_order(runs[runs.run_id.isin(rows.run_id)]), sorted(rows.weight_scale.unique())
        norm = _scale(norms := rows.grad_norm.to_numpy(dtype=np.float64))
        figure = canvas(1.8 + 2.9 * len(scales), 1.3 + 1.7 * len(cells))
        axes = figure.subplots(len(cells), len(scales), squeeze=False, sharex=True, sharey=True)
        for i, cell in enumerate(cells):
            for j, scale in enumerate(scales):
                own = rows[(rows.who == cell) & (rows.weight_scale == scale)]
                scaled = _("{cell}, weight scale {scale}").format(cell=cell, scale=as_typed(scale))
                axes[i][j].set_title(scaled if len(scales) > 1 else cell, fontsize=9)
                if len(own):
                    _panel(axes[i][j], own, norm)
                else:
                    axes[i][j].text(0.5, 0.5, _("no run"), transform=axes[i][j].transAxes, ha="center", va="center")
                axes[i][j].set_xlabel(_("training step") if i == len(cells) - 1 else "")
                axes[i][j].set_ylabel(_("time step") if j == 0 else "")
        _name_colours(figure, list(axes.flat), norm, norms)
        note(figure, _which(runs), _fewer(rows), others, remark)
        return figure


def _draw_crowd(runs: pd.DataFrame, rows: pd.DataFrame, remark: str) -> Canvas:
    """A small panel per cell."""
    norm = _scale(norms := rows.grad_norm.to_numpy(dtype=np.float64))
    figure, panels = small_panels(runs)
    own = dict([*rows.groupby("who")])
    for who, axis in panels.items():
        if who in own:
            _panel(axis, own[who], norm)
    name_axes(figure, panels, _("training step"), _("time step"))
    _name_colours(figure, list(panels.values()), norm, norms)
    note(figure, _which(runs), _fewer(rows), remark)
    return figure


def _of_one_scale(runs: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The runs of the middle weight scale, of no more cells than there is room for, and a remark that says so."""
    scales = sorted(runs.weight_scale.unique())
    middle = scales[len(scales) // 2]
    shown, left_out = with_room(runs[runs.weight_scale == middle])
    remarks = [_("weight scale {scale}").format(scale=as_typed(middle)) if len(scales) > 1 else "", left_out]
    return shown, _("; ").join(remark for remark in remarks if remark)


def _name_colours(figure: Canvas, axes: list[Axes], norm: Normalize, norms: NDArray[np.float64]) -> None:
    """The colour bar, and what the colours outside it mean."""
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(
        ScalarMappable(norm, COLOURS), ax=axes, fraction=0.03, aspect=40, extend="both", label=_("gradient norm, log10")
    )  # fmt: skip
    bar.ax.tick_params(labelsize=8)
    if key := _key(norms):
        figure.legend(handles=key, loc="outside upper right", ncols=2, frameon=False)


def _scale(norms: NDArray[np.float64]) -> Normalize:
    """One colour scale for all panels, from the 2 to the 98 % quantile of the exponents."""
    from matplotlib.colors import Normalize

    exponents = log10(norms)
    known = exponents[np.isfinite(exponents)]
    low, high = np.quantile(known, [0.02, 0.98]) if len(known) else (-1.0, 0.0)
    return Normalize(float(low), float(max(high, low + 1e-3)))


def _key(norms: NDArray[np.float64]) -> list[Patch]:
    """What the colours outside the scale mean, of those that are drawn."""
    from matplotlib.patches import Patch

    drawn = {
        _("exactly 0"): (ZERO_COLOUR, (norms == 0).any()),
        _("not finite"): (LOST_COLOUR, not np.isfinite(norms).all()),
    }
    return [Patch(color=colour, label=label) for label, (colour, any_such) in drawn.items() if any_such]


def _which(runs: pd.DataFrame) -> str:
    """``120 steps, one run each: seed 0``."""
    seeds = sorted(runs.seed.unique())
    pattern = _("{steps} steps, one run each: seed {seeds}")
    return pattern.format(steps=runs.seq_len.max(), seeds=_(" or ").join(str(seed) for seed in seeds))


def _columns(tables: Tables) -> list[str]:
    """What is read; results of before do not say how many samples have a step."""
    wanted = ["run_id", "step", "part", "t", "grad_norm"]
    return [*wanted, "samples"] if "samples" in tables.scan("gradients").schema.names else wanted


def _fewer(rows: pd.DataFrame) -> str:
    """Of samples of different length, from which step on a mean is over fewer of them; else nothing."""
    if "samples" not in rows:
        return ""
    fewer = rows[rows.samples < rows.groupby("run_id").samples.transform("max")]
    if not len(fewer):
        return ""
    pattern = _("samples differ in length: from step {step} on, means are over fewer of them, {fewest} at the least")
    return pattern.format(step=fewer.t.min(), fewest=fewer.samples.min())


def _panel(axis: Axes, rows: pd.DataFrame, norm: Normalize) -> None:
    """One run: time steps upwards, probes to the right."""
    from matplotlib.colors import ListedColormap

    table = rows.pivot(index="t", columns="step", values="grad_norm").sort_index()
    norms = table.to_numpy(dtype=np.float64)
    edges_x, edges_y = edges(table.columns.to_numpy()), edges(table.index.to_numpy())
    for wrong, colour in ((norms == 0, ZERO_COLOUR), (~np.isfinite(norms), LOST_COLOUR)):
        if wrong.any():
            flat = np.where(wrong, 0.0, np.nan)
            axis.pcolormesh(edges_x, edges_y, flat, cmap=ListedColormap([colour]), rasterized=True)
    axis.pcolormesh(edges_x, edges_y, log10(norms), norm=norm, cmap=COLOURS, rasterized=True)


def edges(centres: NDArray[np.int64]) -> NDArray[np.float64]:
    """Borders between neighbouring centres; of a single one, half a step to either side."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middles = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])
