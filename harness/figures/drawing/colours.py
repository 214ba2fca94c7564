"""Colours: one for every cell, the same in all figures, and those that belong to no data."""

from __future__ import annotations

import re
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
    """A colour for every cell, the same in all figures; variants of a cell have shades of its colour.

    Args:
        cells: names of cells, or of variants: ``lstm, forget_bias 3`` (the column ``who``).
    """
    variants: dict[str, list[str]] = {}
    for each in in_order(cells):
        variants.setdefault(_cell(each), []).append(each)
    others = [cell for cell in sorted(variants) if cell not in COLOURS]
    further = {cell: FURTHER_COLOURS[place % len(FURTHER_COLOURS)] for place, cell in enumerate(others)}
    return {
        each: shade
        for cell, own in variants.items()
        for each, shade in zip(own, _shades(COLOURS.get(cell) or further[cell], len(own)), strict=True)
    }


def in_order(cells: Sequence[str]) -> list[str]:
    """Cells and variants in the order of all figures: from the simplest to the richest, others after them."""
    known = list(COLOURS)
    return sorted(
        set(cells),
        key=lambda each: (known.index(_cell(each)) if _cell(each) in known else len(known), _by_numbers(each)),
    )


def _cell(who: str) -> str:
    """The cell of a variant."""
    return who.partition(", ")[0]


def _by_numbers(text: str) -> list[tuple[float, str]]:
    """A key by which texts with numbers are sorted: ``bias 3`` before ``bias 10``."""
    pieces = re.split(r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)", text)
    return [(float(each), "") if place % 2 else (float("inf"), each) for place, each in enumerate(pieces)]


def _shades(colour: str, count: int) -> list[str]:
    """As many shades of a colour, from light to dark; the colour itself where it is one."""
    if count == 1:
        return [colour]
    base = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    found = []
    for place in range(count):
        lightness = 0.6 - 1.1 * place / (count - 1)  # towards white by 0.6, towards black by half
        mixed = [part + lightness * (255 - part) if lightness > 0 else part * (1 + lightness) for part in base]
        found.append("#" + "".join(f"{round(part):02x}" for part in mixed))
    return found


def ink() -> str:
    """The colour of text and lines that belong to no data."""
    import matplotlib as mpl

    return str(mpl.rcParams["text.color"])
