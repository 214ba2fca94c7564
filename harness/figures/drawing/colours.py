"""Colours: one for every cell, the same in all figures, and those that belong to no data."""

from __future__ import annotations

from collections.abc import Sequence

COLOURS = {
    "feedforward": "#8a8d91",
    "linear": "#9467bd",
    "rnn": "#d9480f",
    "rnn_relu": "#e0a100",
    "gru": "#12967a",
    "lstm": "#2f7fd1",
}
"""One colour per built-in cell, told apart by colour-blind readers, on light and on dark pages."""

FURTHER_COLOURS = ["#4fbcec", "#8c3050", "#d16ba5", "#6a8f1f", "#a0683a"]
"""Colours of other cells. The first two are far from all built-in ones, and from each other, for colour-blind readers
too; there is no room for many that are."""

GREY = "#808489"
"""Grid lines and borders of tiles."""


def palette(cells: Sequence[str]) -> dict[str, str]:
    """A colour for every cell, the same in all figures."""
    others = [cell for cell in sorted(cells) if cell not in COLOURS]
    further = {cell: FURTHER_COLOURS[place % len(FURTHER_COLOURS)] for place, cell in enumerate(others)}
    return {cell: COLOURS.get(cell) or further[cell] for cell in in_order(cells)}


def in_order(cells: Sequence[str]) -> list[str]:
    """Cells in the order of all figures: from the simplest to the richest, others after them."""
    known = list(COLOURS)
    return sorted(set(cells), key=lambda cell: (known.index(cell) if cell in known else len(known), cell))


def ink() -> str:
    """The colour of text and lines that belong to no data."""
    import matplotlib as mpl

    return str(mpl.rcParams["text.color"])
