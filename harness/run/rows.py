"""Writing down what a pack of runs does, member by member, and turning it into tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.measure.gradients import Profile
from harness.settings.settings import Settings
from harness.tables.columns import COLUMNS, FLOAT_OUTCOMES, INTEGER_OUTCOMES, RUN_OUTCOMES

QUANTILES = {"grad_q10": 0.1, "grad_q50": 0.5, "grad_q90": 0.9}


def runs_table(members: Sequence[Settings], outcomes: Sequence[dict[str, object]]) -> pd.DataFrame:
    """The table of runs: settings and outcomes; what an outcome does not name is empty."""
    rows = [
        {"run_id": settings.run_id, **settings.flat(), **dict.fromkeys(RUN_OUTCOMES), **outcome}
        for settings, outcome in zip(members, outcomes, strict=True)
    ]
    table = pd.DataFrame(rows)
    floats = [name for name in RUN_OUTCOMES if name.split("_init")[0] in FLOAT_OUTCOMES]
    table[floats] = table[floats].astype("float64")
    table["train.clip_norm"] = table["train.clip_norm"].astype("float64")
    table[INTEGER_OUTCOMES] = table[INTEGER_OUTCOMES].astype("Int64")
    table["solved"] = table["solved"].astype("boolean")
    settings = [name for name in table if name not in (*RUN_OUTCOMES, *COLUMNS["runs"])]
    ordered = [name for name in COLUMNS["runs"] if name not in RUN_OUTCOMES]
    return table[[*ordered, *settings, *RUN_OUTCOMES]]


def failed(members: Sequence[Settings], reason: str) -> dict[str, pd.DataFrame]:
    """The tables of runs that raised."""
    outcome: dict[str, object] = {"status": "failed", "reason": reason}
    empty = {name: pd.DataFrame(columns=COLUMNS[name]) for name in ("curves", "gradients", "samples")}
    return {"runs": runs_table(members, [outcome] * len(members)), **empty}


def _summary(norms: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Mean and quantiles over the batch, the last axis."""
    with np.errstate(invalid="ignore", over="ignore"):
        columns = {"grad_norm": norms.mean(axis=-1)}
        for name, share in QUANTILES.items():
            between = np.quantile(norms, share, axis=-1)
            # Between a finite and an infinite norm there is nothing to interpolate.
            columns[name] = np.where(np.isnan(between), np.quantile(norms, share, axis=-1, method="lower"), between)
    return columns


def _gradient_rows(run_ids: list[str], step: int, profile: Profile, rows: list[int]) -> pd.DataFrame:
    """The rows of one profile: member after member, each with t from 1 to T."""
    norms = profile.norms.cpu().numpy()[rows]
    length = norms.shape[1]
    t = np.tile(np.arange(1, length + 1), len(rows))
    return pd.DataFrame(
        {
            "run_id": np.repeat(run_ids, length), "step": step, "layer": profile.layer, "part": profile.part,
            "t": t, "lag": length - t, **{name: values.ravel() for name, values in _summary(norms).items()},
        }
    )  # fmt: skip
