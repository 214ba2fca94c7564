"""The result tables: their format, atomic writing and reading.

A results directory holds one small set of tables per job, ``DIR/jobs/<job>/tables/*.parquet``, and the
merged set ``DIR/tables/*.parquet``. Every parquet file carries the format version in its metadata, so that
a table of another version, or a damaged one, is refused by name instead of being misread.
"""

from __future__ import annotations

RUN_SETTINGS = ["experiment", "cell", "seq_len", "weight_scale", "seed", "hidden_size", "init"]
"""Settings that stand in front of every table of runs; all other settings follow by their dotted name."""


RUN_OUTCOMES = [
    "status", "reason", "accuracy", "loss", "chance", "chance_loss", "solved", "solved_step",
    "decay_rate", "grad_ratio", "horizon", "verdict",
    "decay_rate_init", "grad_ratio_init", "horizon_init", "verdict_init",
    "diverged_at", "steps", "seconds", "parameters", "memory", "cue_step", "eval_samples", "job",
]  # fmt: skip


COLUMNS: dict[str, list[str]] = {
    "runs": ["run_id", *RUN_SETTINGS, *RUN_OUTCOMES],
    "curves": ["run_id", "step", "loss", "accuracy", "grad_norm_weights", "clipped", "spectral_radius"],
    "gradients": [
        "run_id", "step", "layer", "part", "t", "lag", "grad_norm", "grad_q10", "grad_q50", "grad_q90",
    ],
    "samples": ["run_id", "sample", "text", "translation", "expected", "answered", "accuracy"],
}  # fmt: skip
"""Columns that every table of that name has, in this order (``runs`` has further settings besides)."""


INTEGER_OUTCOMES = ["solved_step", "diverged_at", "steps", "parameters", "eval_samples"]


FLOAT_OUTCOMES = {
    "accuracy", "loss", "chance", "chance_loss", "decay_rate", "grad_ratio", "horizon", "seconds", "cue_step",
}  # fmt: skip
