"""Tables of runs with known values by condition and seed, for comparisons of sweeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

Values = Callable[[str, int, int], Mapping[str, Any]]
"""Cell, length and seed to what is known of the run besides: settings and outcomes."""


def made_runs(
    values: Values,
    cells: tuple[str, ...] = ("rnn", "lstm"),
    lengths: tuple[int, ...] = (20, 60),
    seeds: range | tuple[int, ...] = range(5),
    **settings: Any,
) -> pd.DataFrame:
    """A table of runs with one row for each cell, length and seed."""
    usual = {
        "experiment": "recall_dish", "variant": "", "weight_scale": 1.0, "train.lr": 0.01, "status": "ok",
        "accuracy": 0.5, "loss": 1.0, "decay_rate": -0.1, "grad_ratio": 0.1, "decay_rate_init": -0.1,
        "grad_ratio_init": 0.1, "verdict": "vanishing", "verdict_init": "vanishing", "solved": False,
        "eval_samples": 512,
    }  # fmt: skip
    rows = [
        {**usual, "cell": cell, "seq_len": length, "seed": seed, **settings, **values(cell, length, seed)}
        for cell in cells
        for length in lengths
        for seed in seeds
    ]
    return pd.DataFrame(rows).assign(run_id=[f"run{place}" for place in range(len(rows))])
