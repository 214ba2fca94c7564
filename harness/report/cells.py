"""The report's table of cells, where there are many: a row for each, with its gradient as a small picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.analysis.cell_table import CellRow, cell_rows
from harness.analysis.families import many
from harness.analysis.runs import finished
from harness.analysis.sentences import findings_by_family
from harness.analysis.words import percent, short, spread, together
from harness.base.language import gettext as _
from harness.report.sparklines import profiles_before_training, sparklines
from harness.tables.tables import Tables
from harness.tables.varied import as_typed

MOST_COLUMNS = 5
"""Most weight scales, and most lengths, that have a column."""


@dataclass(frozen=True)
class CellTable:
    """What the report says of many cells, one by one.

    Attributes:
        version: what tells the version of the task from the others; empty where there is but one.
        steps: the longest length, at which factors, pictures and times are taken.
        heads: of the columns.
        rows: the cells' entries, each with its ``text``, the value it sorts by (``sort``), and a picture (``svg``).
        families: sentences about each cell, by family.
    """

    version: str
    steps: int
    heads: list[str]
    rows: list[list[dict[str, Any]]]
    families: dict[str, list[str]]


def how_to_read(steps: int) -> str:
    """What stands over a table.

    Args:
        steps: its longest length.
    """
    return together(
        [
            _("Gradient: what arrives of the answer's gradient before training."),
            _("It goes from the answer (left) {steps} steps back.").format(steps=steps - 1),
            _("The scale reaches from a millionth to a thousandfold. The dashed line is what the answer receives."),
            _("Shades are weight scales, from light (the smallest) to dark."),
            _("Factor: what each step back multiplies the gradient by, at {steps} steps; –: no single factor.").format(
                steps=steps
            ),
            _("Right: answers after training, at the best weight scale."),
            _("ms per step: a run's share of its pack's time per training step, with measuring and compiling."),
        ]
    )


def cell_tables(parts: Sequence[tuple[str, Tables]]) -> list[CellTable]:
    """A table for every version of a task in which there are many cells."""
    return [_table(version, tables) for version, tables in parts if many(finished(tables.runs))]


def _table(version: str, tables: Tables) -> CellTable:
    runs = finished(tables.runs)
    profiles = profiles_before_training(tables, runs)
    pictures, ends = sparklines(profiles, runs), _ends(profiles)
    scales, lengths = spread(runs.weight_scale, MOST_COLUMNS), spread(runs.seq_len, MOST_COLUMNS)
    several = len(scales) > 1
    heads = [
        _("cell"), _("family"), _("gradient before training"),
        *(_("factor at {scale}").format(scale=as_typed(scale)) if several else _("factor") for scale in scales),
        *(_("right, {steps} steps").format(steps=f"{length:g}") for length in lengths),
        _("parameters"), _("ms per step"),
    ]  # fmt: skip
    rows = [
        [
            {"text": row.who, "sort": row.who},
            {"text": row.family, "sort": row.family},
            {
                "svg": pictures.get(row.who, ""),
                "text": "" if row.who in pictures else "–",
                "sort": ends.get(row.who, ""),
            },
            *(_entry(row.factors[scale], f"{row.factors[scale]:.3f}") for scale in scales),
            *(_entry(row.right[int(length)], percent(row.right[int(length)])) for length in lengths),
            *_size_and_time(row),
        ]
        for row in cell_rows(runs)
    ]
    return CellTable(version, int(runs.seq_len.max()), heads, rows, findings_by_family(tables))


def _entry(value: float, text: str) -> dict[str, Any]:
    """A number; what is not known comes last, however it is sorted."""
    return {"text": "–", "sort": ""} if np.isnan(value) else {"text": text, "sort": repr(value)}


def _size_and_time(row: CellRow) -> list[dict[str, Any]]:
    size = {"text": "–", "sort": ""} if row.parameters is None else _entry(row.parameters, f"{row.parameters:,}")
    return [size, _entry(1000 * row.seconds_per_step, short(1000 * row.seconds_per_step))]


def _ends(profiles: pd.DataFrame) -> dict[str, str]:
    """What is left of the gradient at the largest lag at the middle weight scale, to sort pictures by."""
    found = {}
    for who, own in profiles.groupby("who"):
        scales = sorted(own.weight_scale.unique())
        last = own[own.weight_scale == scales[len(scales) // 2]].exponent.iloc[-1]
        found[str(who)] = "" if np.isnan(last) else repr(float(last))
    return found
