from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from harness.figures import Figure
from harness.figures._common import canvas, in_order, log10
from harness.findings import SETTING, finished
from harness.tables import Tables

ZERO_COLOUR = "#5b5f66"
LOST_COLOUR = "#ff4fd8"


class GradientOverTraining(Figure):
    """Gradient over time steps and training steps."""

    name: ClassVar[str] = "gradient_over_training"
    title: ClassVar[str] = "How learning opens the way back"
    caption: ClassVar[str] = (
        "The gradient at each time step (upwards, the start of the sequence below) while the training goes on (to the "
        "right), at the longest length, for the first seed; bright is much, dark little. A network that learns to "
        "remember brightens towards the bottom. Where the error has become small, everything darkens."
    )
    order: ClassVar[int] = 60

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are cells, columns weight scales."""
        runs = finished(tables.runs)
        runs = runs[(runs.seq_len == runs.seq_len.max()) & (runs.seed == runs.seed.min())].drop_duplicates(SETTING)
        rows = tables.gradients[tables.gradients.layer == 1].merge(runs[["run_id", *SETTING, "memory"]], on="run_id")
        rows = rows[rows.part == rows.memory]
        if not len(rows):
            return None
        exponents = log10(rows.grad_norm.to_numpy(dtype=np.float64))
        known = exponents[np.isfinite(exponents)]
        low, high = np.quantile(known, [0.02, 0.98]) if len(known) else (-1.0, 0.0)
        cells, scales = in_order([*rows.cell]), sorted(rows.weight_scale.unique())
        figure = canvas(1.8 + 2.9 * len(scales), 1.1 + 1.7 * len(cells))
        axes = figure.subplots(len(cells), len(scales), squeeze=False, sharex=True, sharey=True)
        mesh = None
        for i, cell in enumerate(cells):
            for j, scale in enumerate(scales):
                own = rows[(rows.cell == cell) & (rows.weight_scale == scale)]
                mesh = _panel(axes[i][j], own, low, max(high, low + 1e-3)) if len(own) else mesh
                axes[i][j].set_title(f"{cell}, weight scale {scale:g}", fontsize=9)
        assert mesh is not None
        bar = figure.colorbar(mesh, ax=axes, fraction=0.03, label="gradient norm, log10")
        bar.ax.tick_params(labelsize=8)
        figure.supxlabel("training step", fontsize=10)
        figure.supylabel("time step", fontsize=10)
        figure.legend(
            handles=[Patch(color=ZERO_COLOUR, label="exactly 0"), Patch(color=LOST_COLOUR, label="not finite")],
            loc="outside upper right", ncols=2, frameon=False,
        )  # fmt: skip
        return figure


def _panel(axis: Axes, rows: pd.DataFrame, low: float, high: float) -> QuadMesh:
    """One run: time steps upwards, probes to the right."""
    table = rows.pivot(index="t", columns="step", values="grad_norm").sort_index()
    norms = table.to_numpy(dtype=np.float64)
    edges_x, edges_y = _edges(table.columns.to_numpy()), _edges(table.index.to_numpy())
    for wrong, colour in ((norms == 0, ZERO_COLOUR), (~np.isfinite(norms), LOST_COLOUR)):
        if wrong.any():
            flat = np.where(wrong, 0.0, np.nan)
            axis.pcolormesh(edges_x, edges_y, flat, cmap=ListedColormap([colour]), rasterized=True)
    return axis.pcolormesh(edges_x, edges_y, log10(norms), vmin=low, vmax=high, cmap="magma", rasterized=True)


def _edges(centres: np.ndarray) -> np.ndarray:
    """Borders between neighbouring centres; of a single one, half a step to either side."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middles = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])
