"""Cells in the order of all figures and tables, and the families that stand in for them where there are many."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.analysis.runs import with_names

if TYPE_CHECKING:
    import pandas as pd

MOST_CELLS = 10
"""Up to so many cells, variants of one included, a report tells of one by one, each in a colour of its own."""


def many(runs: pd.DataFrame) -> bool:
    """Whether there are more than `MOST_CELLS`, so that figures and sentences go by family."""
    return with_names(runs).who.nunique() > MOST_CELLS


def in_order(runs: pd.DataFrame) -> list[str]:
    """Cells and variants (the column ``who``) in the order of all figures: those without memory, then by family."""
    return list(family_of(runs))


def family_of(runs: pd.DataFrame) -> dict[str, str]:
    """The family of every cell and variant, in the order of `in_order`."""
    runs = with_families(runs)
    first = with_names(runs).drop_duplicates("who")
    keys = sorted(zip(first.has_memory, first.family.astype(str), map(_by_numbers, first.who), first.who, strict=True))
    return {str(who): family for _, family, _, who in keys}


def families(runs: pd.DataFrame) -> dict[str, list[str]]:
    """The families, sorted, each with its cells and variants in order."""
    of = family_of(runs)
    found: dict[str, list[str]] = {family: [] for family in sorted(set(of.values()))}
    for who, family in of.items():
        found[family].append(who)
    return {family: sorted(members, key=_by_numbers) for family, members in found.items()}


def by_family(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with the family in place of the cell (the column ``who``)."""
    return with_families(runs).assign(who=lambda each: each.family)


def with_families(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with a family and ``has_memory`` each: where a table does not say, ``others`` with a memory."""
    family = runs.family.fillna("others") if "family" in runs else "others"
    return runs.assign(family=family, has_memory=have_memory(runs))


def have_memory(runs: pd.DataFrame) -> pd.Series:
    """Whether the cell of each run has a memory; where a table does not say, it has one."""
    import pandas as pd

    return runs.has_memory.fillna(True).astype(bool) if "has_memory" in runs else pd.Series(True, runs.index)


def _by_numbers(text: str) -> list[tuple[float, str]]:
    """A key by which texts with numbers are sorted: ``bias 3`` before ``bias 10``."""
    pieces = re.split(r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)", str(text))
    return [(float(each), "") if place % 2 else (float("inf"), each) for place, each in enumerate(pieces)]
