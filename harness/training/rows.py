"""From what a run was and what was measured of it to rows of the tables (see `harness.tables.columns`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.measure.gradients import Profile
from harness.measure.measurement import Measurement
from harness.measure.transport import Transport, log_ratio
from harness.settings.settings import Settings
from harness.tables.columns import COLUMNS, OUTCOMES, RUN_OUTCOMES

QUANTILES = {"grad_q10": 0.1, "grad_q50": 0.5, "grad_q90": 0.9}


def runs_table(runs: Sequence[Settings], outcomes: Sequence[dict[str, object]]) -> pd.DataFrame:
    """The table of runs: settings and outcomes; what an outcome does not name is empty."""
    own = [{"run_id": each.run_id, "variant": "", **each.flat()} for each in runs]
    known = [{"family": run.cell.family, **outcome} for run, outcome in zip(runs, outcomes, strict=True)]
    columns = {name: setting([row.get(name) for row in own]) for name in dict.fromkeys(chain(*own))}
    for each in OUTCOMES:
        values = [row.get(each.name) for row in known]
        columns[each.name] = pd.Series(values, dtype=None if each.dtype == "str" else each.dtype)
    settings = [name for name in columns if name not in (*RUN_OUTCOMES, *COLUMNS["runs"])]
    ordered = [name for name in COLUMNS["runs"] if name not in RUN_OUTCOMES]
    return pd.DataFrame({name: columns[name] for name in (*ordered, *settings, *RUN_OUTCOMES)})


def setting(values: Sequence[object]) -> pd.Series:
    """A column of values, as exact as they are: whole numbers beside null stay whole, what has parts becomes text."""
    known = [value for value in values if value is not None]
    kinds = {*map(type, known)}
    if kinds & {list, dict, tuple, set} or (len(kinds) > 1 and not kinds <= {int, float}):
        return pd.Series([value if value is None else _text(value) for value in values], dtype="object")
    whole = len(known) == len(values)
    dtypes = {} if whole else {int: "Int64", bool: "boolean"}
    return pd.Series(values, dtype=dtypes.get(next(iter(kinds), type(None))))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def failed(runs: Sequence[Settings], reason: str) -> dict[str, pd.DataFrame]:
    """The tables of runs that raised."""
    outcome: dict[str, object] = {"status": "failed", "reason": reason}
    empty = {name: pd.DataFrame(columns=COLUMNS[name]) for name in ("curves", "gradients", "transport", "samples")}
    return {"runs": runs_table(runs, [outcome] * len(runs)), **empty}


def curve_rows(found: Measurement) -> list[dict[str, object]]:
    """For each member its row of the table ``curves``, but for its ``run_id`` and what probes add."""
    columns = {
        "loss": found.loss.tolist(),
        "accuracy": found.accuracy.tolist(),
        "grad_norm_weights": found.gradients.weights.tolist(),
        "clipped": found.clipped.tolist(),
        "spectral_radius": found.spectral_radius,
    }
    return [{"step": found.step, **dict(zip(columns, row, strict=True))} for row in zip(*columns.values(), strict=True)]


def gradient_rows(
    profiles: Sequence[Profile],
    step: int,
    run_ids: dict[int, str],
    lengths: NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """The table ``gradients`` of some members: profile after profile, in each member after member, t from 1 to T.

    Args:
        step: training steps done.
        run_ids: of these members, by their place in the measurement.
        lengths: the step at which each sample ends, (K, B); None: all have T steps. A member has rows for the steps
            that one of its samples reaches, and they are about these samples.
    """
    norms = np.stack([profile.norms.cpu().numpy()[list(run_ids)] for profile in profiles])
    _, members, length, samples = norms.shape
    t = np.tile(np.arange(1, length + 1), len(profiles) * members)
    norms = norms.reshape(-1, samples)
    if lengths is None:
        counts, over = np.full(len(t), samples), _over_samples(norms)
    else:
        known = (lengths[list(run_ids), None] >= np.arange(1, length + 1)[:, None]).reshape(-1, samples)
        known = np.tile(known, (len(profiles), 1))
        counts = known.sum(axis=-1)
        over = _over_some_samples(norms, known, counts)
    frame = pd.DataFrame(
        {
            "run_id": np.tile(np.repeat(list(run_ids.values()), length), len(profiles)), "step": step,
            "layer": np.repeat([profile.layer for profile in profiles], members * length),
            "part": np.repeat([profile.part for profile in profiles], members * length),
            "t": t, "lag": length - t, **over, "samples": counts,
        }
    )  # fmt: skip
    return frame[counts > 0].reset_index(drop=True)


def transport_rows(transported: Sequence[Transport], step: int, run_ids: dict[int, str]) -> pd.DataFrame:
    """The table ``transport`` of some members: profile after profile, in each member after member, lag from 0.

    Args:
        step: training steps done.
        run_ids: of these members, by their place in the measurement.
    """
    norms = np.stack([each.norms[list(run_ids)] for each in transported])
    known = np.stack([each.known[list(run_ids)] for each in transported])
    place = np.nonzero(known.any(axis=-1))  # a member has the lags that one of its samples has
    profile, member, lag = place
    ratios = np.stack([log_ratio(*pair) for pair in zip(norms, known, strict=True)])
    counts = known[place].sum(axis=-1)
    return pd.DataFrame(
        {
            "run_id": np.array(list(run_ids.values()), dtype=object)[member], "step": step,
            "layer": np.array([each.layer for each in transported])[profile],
            "part": np.array([each.part for each in transported], dtype=object)[profile],
            "lag": lag, **_over_some_samples(norms[place], known[place], counts),
            "log_ratio": ratios[place], "samples": counts,
        }
    )  # fmt: skip


def _over_some_samples(
    norms: NDArray[np.float64], known: NDArray[np.bool_], counts: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """`_over_samples` of (rows, samples), of each row only what is known: ``counts`` of them."""
    first = np.take_along_axis(norms, np.argsort(~known, axis=-1, kind="stable"), axis=-1)
    found = {name: np.empty(len(norms)) for name in ("grad_norm", *QUANTILES)}
    for count in np.unique(counts[counts > 0]):
        rows = counts == count
        for name, values in _over_samples(first[rows, :count]).items():
            found[name][rows] = values
    return found


def _over_samples(norms: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Mean and quantiles over the last axis."""
    with np.errstate(invalid="ignore", over="ignore"):
        mean, quantiles = norms.mean(axis=-1), np.quantile(norms, list(QUANTILES.values()), axis=-1)
        if np.isnan(quantiles).any():
            # Between a finite and an infinite norm there is nothing to interpolate.
            lower = np.quantile(norms, list(QUANTILES.values()), axis=-1, method="lower")
            quantiles = np.where(np.isnan(quantiles), lower, quantiles)
    return {"grad_norm": mean, **dict(zip(QUANTILES, quantiles, strict=True))}


def sample_rows(found: Measurement, member: int, run_id: str) -> list[dict[str, object]]:
    """A member's rows of the table ``samples``."""
    return [
        {
            "run_id": run_id, "sample": index, **vars(sample), "accuracy": accuracy,
            "words": _lines(sample.words), "glosses": _lines(sample.glosses),
        }
        for index, (sample, accuracy) in enumerate(
            zip(found.samples[member], found.sample_accuracy[member].tolist(), strict=True)
        )
        if sample is not None
    ]  # fmt: skip


def _lines(words: Sequence[str]) -> str:
    return "\n".join(" ".join(word.split()) for word in words)
