from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure as Canvas

from harness.figures import Figure
from harness.figures._common import (
    GREY,
    MOST_COLUMNS,
    MOST_TILES,
    averaged_over,
    canvas,
    crowd,
    in_order,
    note,
    settled,
    that_fit,
    tile_font,
    tiles,
    write_in_tiles,
)
from harness.findings import by_setting, finished
from harness.tables import Tables

WIDEST = np.log(1.5)
"""Largest |log factor| of the colour scale: one extreme setting shall not bleach all others."""


class DecayMap(Figure):
    """Factor per step over length and weight scale, before and after training."""

    name: ClassVar[str] = "decay_map"
    title: ClassVar[str] = "Vanishing or exploding: the factor per step"
    caption: ClassVar[str] = (
        "What the gradient is multiplied by, on average, on its way back over one step. Blue vanishes, red explodes, "
        "white (1, marked in the colour bar) keeps it. Above before training, below after it. 0: no gradient reaches "
        "any earlier step; –: no factor can be told."
    )
    order: ClassVar[int] = 40

    def draw(self, tables: Tables) -> Canvas | None:
        """Two rows of heat maps, a column per cell."""
        runs = finished(tables.runs)
        if not len(runs):
            return None
        cells = in_order([*runs.cell])
        runs, remark = that_fit(runs, lengths=MOST_TILES, scales=max(3, MOST_COLUMNS // len(cells)))
        groups = by_setting(runs)
        lengths, scales = groups.seq_len.nunique(), groups.weight_scale.nunique()
        figure = canvas(1.5 + len(cells) * (0.8 + 0.62 * scales), 1.6 + 2 * (0.4 + 0.5 * lengths))
        size = tile_font(figure, len(cells) * (scales + 1))
        axes = figure.subplots(2, len(cells), squeeze=False, sharey=True, sharex="col")
        limit = _limit(groups)
        for row, (column, when) in enumerate((("rate_init", "before"), ("rate", "after"))):
            for axis, cell in zip(axes[row], cells, strict=True):
                rates = tiles(groups, cell, column).astype(float)
                sns.heatmap(
                    rates.clip(-limit, limit), ax=axis, vmin=-limit, vmax=limit, cmap="RdBu_r", cbar=False,
                    linewidths=0.5, linecolor=GREY,
                )  # fmt: skip
                write_in_tiles(axis, rates.map(_factor), size)
                axis.set(title=cell if row == 0 else "", xlabel="weight scale" if row else "", ylabel="")
                axis.tick_params(rotation=0, length=0)
                crowd(axis)
            axes[row][0].set_ylabel(f"{when} training\nsteps")
        bar = figure.colorbar(axes[0][0].collections[0], ax=axes, label="factor per step", fraction=0.03)
        ticks = np.linspace(-limit, limit, 5)
        bar.set_ticks(list(ticks), labels=[f"{np.exp(tick):.2f}" for tick in ticks])
        bar.ax.axhline(0, color="#000000", linewidth=2)
        note(figure, averaged_over(runs), remark)
        return settled(figure)


def _limit(groups: pd.DataFrame) -> float:
    """The largest |log factor| in the tables, between 0.05 and `WIDEST`."""
    rates = groups[["rate_init", "rate"]].to_numpy(dtype=np.float64)
    finite = np.abs(rates[np.isfinite(rates)])
    return float(np.clip(finite.max() if len(finite) else 0.0, 0.05, WIDEST))


def _factor(rate: float) -> str:
    if np.isnan(rate):
        return "–"
    return "0" if np.isneginf(rate) else f"{np.exp(np.clip(rate, -700, 700)):.3g}"
