"""Colours: one for every cell, the same in all figures, and those that belong to no data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.families import by_family, family_of, in_order, many
from harness.plugins.registry import registry

if TYPE_CHECKING:
    import pandas as pd

FURTHER_COLOURS = [
    "#4fbcec", "#8c3050", "#d16ba5", "#6a8f1f", "#a0683a", "#3f6f6a", "#f2938c", "#6a4fb0", "#c2a24e", "#b49be0",
]  # fmt: skip
"""Colours of families, and of cells that have none of their own. The first two are far from all of shipped cells,
and from each other, for colour-blind readers too; there is no room for many that are."""

GREY = "#808489"
"""Grid lines and borders of tiles."""


def palette(runs: pd.DataFrame) -> dict[str, str]:
    """A colour for every cell, the same in all figures; variants of a cell have shades of its colour.

    Of more cells than can be told apart (`harness.analysis.families.many`) each has the colour of its family.

    Args:
        runs: what is drawn; its cells and variants are the column ``who``, or ``cell`` where there is none.
    """
    if many(runs):
        colours = _apart(by_family(runs))
        return {who: colours[family] for who, family in family_of(runs).items()}
    return _apart(runs)


def _apart(runs: pd.DataFrame) -> dict[str, str]:
    """A colour for every cell, however many there are."""
    variants: dict[str, list[str]] = {}
    for each in in_order(runs):
        variants.setdefault(each.partition(", ")[0], []).append(each)
    own = {cell: _own_colour(cell) for cell in variants}
    others = sorted(cell for cell, colour in own.items() if not colour)
    own |= {cell: FURTHER_COLOURS[place % len(FURTHER_COLOURS)] for place, cell in enumerate(others)}
    return {
        each: shade
        for cell, members in variants.items()
        for each, shade in zip(members, shades(own[cell], len(members)), strict=True)
    }


def _own_colour(cell: str) -> str:
    """What a cell's class says itself: what it inherits is the colour of another cell. Empty where there is none."""
    plugin = registry().find("cell", cell)
    return str(vars(plugin.target).get("colour", "")) if plugin else ""


def shades(colour: str, count: int) -> list[str]:
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
