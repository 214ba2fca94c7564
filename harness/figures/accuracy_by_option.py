"""Accuracy by an option of the task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analysis import finished, varied_options
from harness.analysis.families import by_family, many
from harness.analysis.words import evenly
from harness.base.language import gettext as _
from harness.figures.base import Figure
from harness.figures.drawing.canvas import canvas, grid
from harness.figures.drawing.colours import ink, palette
from harness.figures.drawing.notes import averaged_over, chance_key, legend, note
from harness.tables.varied import differ, namer, settings_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables


MARKS = "os^Dv*"
"""One for each version of a task, as many as can be told apart."""


class AccuracyByOption(Figure):
    """Accuracy by an option of the experiment, where a sweep varies one."""

    name = "accuracy_by_option"
    title = "What the option of the task changes"
    caption = (
        "Share of right answers after the training, by the option of the task that the sweep varies. A mark is a run. "
        "A line joins the means of a cell. Where further settings vary, runs of one choice of them have one form of "
        "mark and a line of their own. A dashed line across a value is the chance level there."
    )
    order = 15
    across_versions = True

    def draw(self, tables: Tables) -> Canvas | None:
        """Rows are options that vary, columns lengths, colours cells, marks versions; None where no option varies."""
        runs = finished(tables.runs).dropna(subset="accuracy").reset_index(drop=True)
        runs = by_family(runs) if many(runs) else runs
        options = varied_options(runs)
        if not options:
            return None
        lengths, colours = sorted(runs.seq_len.unique()), palette(runs)
        figure = canvas(1.2 + 3.1 * len(lengths), 1.0 + 2.5 * len(options))
        axes = figure.subplots(len(options), len(lengths), squeeze=False, sharex="row", sharey=True)
        remarks: dict[str, None] = {}
        for row, option in enumerate(options):
            values, word = _in_order(runs[option]), namer(runs[option])
            versions, left_out = _versions(runs, option)
            for column, length in enumerate(lengths):
                axis = axes[row][column]
                grid(axis)
                here = runs[runs.seq_len == length]
                _lines(axis, here, option, word, values, colours, versions)
                _chance(axis, here, option, word, values)
                axis.set_xticks(np.arange(len(values)), values)
                axis.set(ylim=(-0.03, 1.03), xlim=(-0.5, len(values) - 0.5), xlabel=option)
                if row == 0 and len(lengths) > 1:
                    axis.set_title(_("{steps} steps").format(steps=length))
            axes[row][0].set_ylabel(_("accuracy"))
            _name(axes[row][-1], versions)
            remarks |= {averaged_over(runs, ["who", "seq_len", option, *_others(runs, option)]): None, left_out: None}
        legend(figure, runs, chance_key(runs))
        note(figure, *remarks)
        return figure


def _others(runs: pd.DataFrame, option: str) -> list[str]:
    """Settings but the option and the seed in which runs of one cell and length differ."""
    named = ("who", "cell", "seq_len", "seed", option)
    keys = [key for key in settings_of(runs) if key not in named and not key.startswith("cell.")]
    return differ(runs, keys, within=["who", "seq_len", option])


def _versions(runs: pd.DataFrame, option: str) -> tuple[dict[str, pd.Index], str]:
    """The runs (their places in the table) of every choice of the other settings, by its name; a remark on the rest."""
    others = _others(runs, option)
    if not others:
        return {"": runs.index}, ""
    names = [key.removeprefix("experiment.") for key in others]
    words = [namer(runs[key]) for key in others]
    found = {
        ", ".join(f"{name}={word(value)}" for name, word, value in zip(names, words, values, strict=True)): own.index
        for values, own in runs.groupby(others, dropna=False)
    }
    shown = evenly([*found], len(MARKS))
    remark = _("{count} of {all} choices of {settings} are shown beside {option}").format(
        count=len(shown), all=len(found), settings=_(", ").join(names), option=option
    )
    return {name: found[name] for name in shown}, remark if len(shown) < len(found) else ""


def _name(axis: Axes, versions: dict[str, pd.Index]) -> None:
    """Beside the last panel of a row, what its marks stand for."""
    from matplotlib.lines import Line2D

    if len(versions) > 1:
        marks = [
            Line2D([], [], color=ink(), linestyle="", marker=mark, markersize=4, label=name)
            for name, mark in zip(versions, MARKS, strict=False)
        ]
        axis.legend(handles=marks, loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, fontsize=8)


def _in_order(values: pd.Series) -> list[str]:
    """The values of an option as they are typed, null first."""
    known = values.dropna().unique().tolist()
    # Values of several kinds, such as numbers and words, have no order.
    known.sort(key=None if len({*map(type, known)}) == 1 else str)
    return [*(["null"] if values.isna().any() else []), *map(namer(values), known)]


def _lines(
    axis: Axes, runs: pd.DataFrame, option: str, word: Callable[[Any], str], values: Sequence[str],
    colours: dict[str, str], versions: dict[str, pd.Index],
) -> None:  # fmt: skip
    """Every run as a mark, the means of each cell in each version as a line."""
    marked = [(index, mark) for index, mark in zip(versions.values(), MARKS, strict=False)]
    lines = [(cell, colour, *version) for cell, colour in colours.items() for version in marked]
    apart = min(0.08, 0.8 / len(lines))
    for place, (cell, colour, index, mark) in enumerate(lines):
        own = runs[(runs.who == cell) & runs.index.isin(index)]
        if not len(own):
            continue
        # They stand side by side, so that equal accuracies do not hide each other.
        x = own[option].map(word).map(values.index) + apart * (place - (len(lines) - 1) / 2)
        axis.plot(x, own.accuracy, mark, color=colour, markersize=4, alpha=0.6)
        means = own.assign(x=x).groupby("x").accuracy.mean()
        axis.plot(means.index, means, color=colour)


def _chance(axis: Axes, runs: pd.DataFrame, option: str, word: Callable[[Any], str], values: Sequence[str]) -> None:
    """A dashed segment at every value; several where another option changes the chance, too."""
    levels = runs[[option, "chance"]].dropna(subset="chance").drop_duplicates()
    for value, level in levels.itertuples(index=False):
        place = values.index(word(value))
        axis.plot([place - 0.35, place + 0.35], [level, level], color=ink(), linestyle="--", linewidth=1)
