"""The rows of large tables that figures draw, read piece by piece: only what is kept is ever held as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.runs import CONDITION

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    from harness.tables.tables import Tables

AT_ONCE = 1 << 18
"""Rows of a piece."""


def pieces(
    tables: Tables, name: str, runs: pd.DataFrame, columns: Sequence[str], filters: pc.Expression | None = None
) -> Iterator[tuple[pa.RecordBatch, NDArray[np.int32]]]:
    """The rows of some runs in a table, piece by piece, in the order of the table.

    Yields:
        Batches with ``columns``, and for each of their rows the place of its run in ``runs``.
    """
    import pandas as pd
    import pyarrow as pa

    scanner = tables.scan(name).scanner(
        columns=["run_id", *columns], filter=filters, batch_size=AT_ONCE, batch_readahead=2, fragment_readahead=1
    )
    ids = pd.Index(runs.run_id)
    for batch in scanner.to_batches():
        # A run's id stands in each of its rows: it is looked up once.
        own = encoded(batch, "run_id")
        place = ids.get_indexer(own.dictionary.to_pandas())[own.indices.to_numpy()].astype(np.int32)
        known = place >= 0
        if not known.all():
            batch, place = batch.filter(pa.array(known)), place[known]
        yield batch, place


def encoded(batch: pa.RecordBatch, column: str) -> pa.DictionaryArray:
    """A column of texts as places in a list of the different ones."""
    import pyarrow as pa

    return batch.column(column).cast(pa.string()).dictionary_encode()


def of_memory(
    tables: Tables, runs: pd.DataFrame, wanted: pc.Expression | None = None
) -> Iterator[tuple[NDArray[np.int32], NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """The rows of the table ``transport`` that tell of each run's memory, in its top layer, piece by piece.

    Args:
        wanted: which of them; None: all.

    Yields:
        The place of the run in ``runs``, the training step, the lag and the gradient's norm of each row.
    """
    import pyarrow.compute as pc

    if "transport" not in tables or not tables.rows("transport") or not len(runs):
        return
    memory, top = runs.memory.to_numpy(), runs.num_layers.to_numpy()
    parts = sorted(runs.memory.dropna().unique())
    filters = pc.field("layer").isin(sorted(set(top.tolist()))) & pc.field("part").isin(parts)
    filters = filters if wanted is None else filters & wanted
    for batch, run in pieces(tables, "transport", runs, ["layer", "part", "step", "lag", "grad_norm"], filters):
        part = encoded(batch, "part")
        own = np.zeros(len(run), dtype=bool)
        for place, name in enumerate(part.dictionary.to_pylist()):
            own |= (part.indices.to_numpy() == place) & (memory == name)[run]
        own &= batch.column("layer").to_numpy() == top[run]
        # Copies: a view of a few rows would keep the whole batch.
        step, lag, norm = (
            batch.column(key).to_numpy(zero_copy_only=False)[own] for key in ("step", "lag", "grad_norm")
        )
        yield run[own], step, lag, norm


def memory_profiles(tables: Tables, runs: pd.DataFrame, trained: bool) -> pd.DataFrame:
    """The transported gradient by lag at the last or the first probe of each run: the top layer's memory.

    Returns:
        ``run`` (its place in ``runs``), ``lag``, ``grad_norm``.
    """
    import pandas as pd

    sign = 1 if trained else -1
    latest = np.full(len(runs), np.iinfo(np.int64).min)
    found: list[pd.DataFrame] = []
    for run, step, lag, norm in of_memory(tables, runs):
        step = sign * step.astype(np.int64)
        np.maximum.at(latest, run, step)
        own = step == latest[run]
        found.append(pd.DataFrame({"run": run[own], "step": step[own], "lag": lag[own], "grad_norm": norm[own]}))
    if not found:
        return pd.DataFrame({"run": [], "lag": [], "grad_norm": []})
    rows = pd.concat(found, ignore_index=True)
    return rows[rows.step == latest[rows.run]].drop(columns="step")


def memory_exponents(tables: Tables, runs: pd.DataFrame, trained: bool) -> pd.DataFrame:
    """log10 of the transported gradient at each lag, over the runs of each condition (see `over_runs`)."""
    return over_runs(exponents_by_run(tables, runs, trained), runs, "lag", "exponent")


def exponents_by_run(tables: Tables, runs: pd.DataFrame, trained: bool) -> pd.DataFrame:
    """`memory_profiles` with the column ``exponent``: log10 of the gradient, -inf where it is exactly zero."""
    rows = memory_profiles(tables, runs, trained)
    with np.errstate(all="ignore"):
        exponents = np.log10(rows.grad_norm.to_numpy(dtype=np.float64))
    return rows.assign(exponent=exponents)


def over_runs(rows: pd.DataFrame, runs: pd.DataFrame, key: str, value: str) -> pd.DataFrame:
    """What the runs of each condition have in common: median, smallest and largest ``value``, for every ``key``.

    Args:
        rows: with ``run`` (its place in ``runs``), ``key`` (the lag, the training step) and ``value``.

    Returns:
        The columns of `CONDITION`, ``key``, ``middle``, ``low``, ``high``, ``runs`` (how many have a row there), and
        ``bounded``: no value is NaN or +inf.
    """
    number = runs.groupby(CONDITION).ngroup().to_numpy()
    groups = rows.assign(condition=number[rows.run]).groupby(["condition", key])[value]
    found = groups.agg(middle="median", low="min", high="max", known="count", all="size").reset_index()
    found["bounded"] = (found.known == found["all"]) & (found.high < np.inf)
    conditions = runs[CONDITION].assign(condition=number).drop_duplicates("condition")
    return conditions.merge(found, on="condition").drop(columns=["condition", "known"]).rename(columns={"all": "runs"})
