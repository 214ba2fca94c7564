"""A few held-out samples in words, and what each cell answered."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow.compute as pc

from harness.analysis.conditions import by_condition, contrast
from harness.analysis.families import many, with_families
from harness.analysis.runs import CONDITION, finished
from harness.analysis.words import percent
from harness.base.language import gettext as _
from harness.tables.tables import Tables
from harness.tables.varied import as_typed


def samples(tables: Tables, version: str, most: int) -> list[dict[str, Any]]:
    """A few held-out samples with the right answer and what each cell answered, at the contrast's length."""
    runs = finished(tables.runs)
    if "samples" not in tables:
        return []
    runs = runs[runs.run_id.isin(tables.read("samples", ["run_id"]).run_id.unique())]
    if not len(runs):
        return []
    pair = contrast(by_condition(runs))
    seq_len = pair[0].seq_len if pair else runs.seq_len.max()
    chosen = runs[(runs.seq_len == seq_len) & (runs.seed == runs.seed.min())].drop_duplicates(CONDITION)
    own = pc.field("run_id").isin(chosen.run_id.tolist()) & (pc.field("sample") < most)
    answers = tables.read("samples", filters=own).merge(
        with_families(chosen)[["run_id", *CONDITION, "family"]], on="run_id"
    )
    scales = chosen.weight_scale.nunique() > 1
    shown = []
    for __, rows in answers.groupby("sample"):
        first = rows.iloc[0]
        given = _by_family(rows) if many(chosen) and first.expected else _one_by_one(rows, first.expected, scales)
        said = {key: first[key] for key in ("text", "translation", "expected")}
        shown.append({**said, "version": version, "given": given})
    return shown


def words_of(sample: pd.Series) -> tuple[list[str], list[str]]:
    """A row of the table ``samples`` word by word, and each word in another language.

    Returns:
        Words, none where the table does not say; and as many glosses, or none.
    """
    words, glosses = (_lines(sample.get(key)) for key in ("words", "glosses"))
    return words, glosses if len(glosses) == len(words) else []


def _lines(text: object) -> list[str]:
    return text.split("\n") if isinstance(text, str) and text else []


def _one_by_one(rows: pd.DataFrame, expected: str, scales: bool) -> list[dict[str, Any]]:
    """What each network answered.

    Args:
        scales: whether weight scales are named.
    """
    return [
        {
            "who": _("{cell}, scale {scale}").format(cell=row.who, scale=as_typed(row.weight_scale))
            if scales
            else row.who,
            "answered": row.answered,
            "right": row.accuracy == 1,
            "said": row.answered != expected,
            "share": _(", {share} right").format(share=percent(row.accuracy)) if 0 < row.accuracy < 1 else "",
        }
        for __, row in rows.iterrows()
    ]


def _by_family(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """What many cells answered: how many networks of each family were right."""
    return [
        {
            "who": family,
            "answered": "",
            "right": bool((own.accuracy == 1).all()),
            "said": False,
            "share": _(": {count} of {all} right").format(count=int((own.accuracy == 1).sum()), all=len(own)),
        }
        for family, own in rows.groupby("family")
    ]
