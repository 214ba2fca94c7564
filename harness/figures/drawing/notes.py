"""What is written around a figure's panels: the legend above them, remarks below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.analysis.runs import CONDITION, with_names
from harness.base.language import gettext as _
from harness.figures.drawing.colours import ink, palette
from harness.tables.varied import differ, settings_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D


SIDE_BY_SIDE = 7
"""Most names of a legend in one row."""

LETTER, SAMPLE = 0.55, 4.0
"""Widths of a legend's letter, and of a line beside a name with the room around it, in sizes of the font."""


def legend(figure: Canvas, runs: pd.DataFrame, extra: Sequence[Line2D] = ()) -> None:
    """One legend for the whole figure, above its panels: the cells of the runs, and what else there is to name."""
    from matplotlib.lines import Line2D

    colours = palette(runs)
    key(figure, [*(Line2D([], [], color=colours[cell], label=cell, linewidth=2) for cell in colours), *extra])


def key(figure: Canvas, handles: Sequence[Artist], size: float = 10) -> None:
    """A legend above all panels, in as many columns as the figure is wide enough for.

    Args:
        size: of its font, in points.
    """
    longest = max((len(str(handle.get_label())) for handle in handles), default=0)
    room = int(72 * figure.get_figwidth() / (size * (LETTER * longest + SAMPLE)))
    columns = max(1, min(room, len(handles), SIDE_BY_SIDE))
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, frameon=False, fontsize=size)


def chance_key(runs: pd.DataFrame) -> list[Line2D]:
    """What the legend says of dashed lines at the chance level; nothing where no run has one."""
    from matplotlib.lines import Line2D

    drawn = runs.chance.notna().any()
    return [Line2D([], [], color=ink(), linestyle="--", linewidth=1, label=_("chance"))] if drawn else []


def note(figure: Canvas, *remarks: str) -> None:
    """Write remarks, in small, below all panels, a line each."""
    if text := "\n".join(remark for remark in remarks if remark):
        figure.supxlabel(text, fontsize=8, x=0.01, ha="left")


def averaged_over(runs: pd.DataFrame, by: Sequence[str] = CONDITION) -> str:
    """``each over 3 runs that differ in seed``; empty where every group has one run.

    Args:
        by: columns that make up a group, of which one value is drawn.
    """
    runs = with_names(runs)
    groups = runs.groupby(list(by), dropna=False)
    counts = groups.size()
    if not len(counts) or counts.max() == 1:
        return ""
    keys = differ(runs, [key for key in settings_of(runs) if key not in by and key != "who"], within=list(by))
    low, high = counts.min(), counts.max()
    pattern = (
        _("each over {low} runs that differ in {settings}")
        if low == high
        else _("each over {low} to {high} runs that differ in {settings}")
    )
    return pattern.format(low=low, high=high, settings=_(", ").join(keys))
