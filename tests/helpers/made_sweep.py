"""A large sweep with known truths, written as its jobs would write it, without training anything.

``python -m tests.helpers.made_sweep DIR --runs 100000 --rows 1000`` writes ``DIR/jobs/…``; ``--members`` says how many
runs a job has. The gradient is ``(factor of the cell * weight_scale) ** lag`` up to noise that differs from run to run;
long sequences are learned by gated cells only.
"""

from __future__ import annotations

import argparse
import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.measure.flow import gradient_flow
from harness.settings.members import members
from harness.tables.columns import COLUMNS, RUN_OUTCOMES
from harness.tables.storage import FORMAT, FORMAT_KEY, encoding
from harness.training.rows import runs_table
from tests.conftest import BASE

CELLS = {"rnn": 1.0, "rnn_relu": 0.98, "gru": 0.96, "lstm": 0.94, "linear": 0.92}
"""What a cell multiplies the weight scale by."""

LENGTHS = [5, 10, 15, 20, 25, 30, 35, 40, 45, 50]
SCALES = [0.80, 0.85, 0.90, 0.95, 1.0, 1.05, 1.10, 1.15, 1.20, 1.25]
SAMPLES = 3


def write_sweep(directory: Path, runs: int, rows: int, members_per_job: int) -> int:
    """Write the jobs of a sweep over cells, lengths, scales and seeds.

    Args:
        runs: how many runs, at least one of each setting.
        rows: gradient rows of a run, on average over the settings (as many probes as that takes).
        members_per_job: runs in a pack; all of one cell and length.

    Returns:
        The number of gradient rows.
    """
    shapes = list(itertools.product(CELLS, LENGTHS))
    seeds = math.ceil(runs / (len(shapes) * len(SCALES)))
    own = list(itertools.product(SCALES, range(seeds)))
    # Two parts (the cell's memory and the inputs) at every probe.
    probes = max(2, round(rows / (2 * np.mean(LENGTHS))))
    jobs = math.ceil(len(own) / members_per_job)
    total = 0
    for place, (cell, length) in enumerate(shapes):
        numbers = place * jobs + np.arange(len(own)) // members_per_job
        tables = _tables(_template(cell, length), own, probes, numbers)
        for start in range(0, len(own), members_per_job):
            folder = directory / "jobs" / str(numbers[start]) / "tables"
            folder.mkdir(parents=True)
            for name, table in tables.items():  # runs come last
                each = len(table) // len(own)
                part = table.slice(start * each, members_per_job * each)
                pq.write_table(part, folder / f"{name}.parquet", **encoding(part.schema))
        total += len(tables["gradients"])
    return total


def _template(cell: str, length: int) -> pd.DataFrame:
    """The row of a run of this shape in the table of runs, as the harness makes it."""
    run = members({**BASE, "cell": {"name": cell}, "seq_len": length})[0]
    outcome = dict.fromkeys(RUN_OUTCOMES) | {
        "status": "ok", "loss": 0.1, "chance": 0.125, "steps": 300, "seconds": 1.0, "parameters": 100,
        "memory": run.cell.memory, "has_memory": True, "accuracy_se": 0.01, "cue_step": 3.0,
        "answer_step": float(length), "eval_samples": 512,
    }  # fmt: skip
    return runs_table([run], [outcome])


def _tables(
    template: pd.DataFrame, own: list[tuple[float, int]], probes: int, jobs: NDArray[np.int64]
) -> dict[str, pa.Table]:
    """The tables of all runs of one cell and length, the rows of each run one below the other.

    Args:
        own: weight scale and seed of each run.
        jobs: the number of each run's job.
    """
    cell, length, memory = template.cell[0], int(template.seq_len[0]), template.memory[0]
    rng = np.random.default_rng(int(jobs[0]))
    scale, seed = np.array([each for each, _ in own]), np.array([each for _, each in own])
    ids = np.array([f"{job:06x}{k:06x}" for k, job in enumerate(jobs)])
    learned = (length <= 20) | (cell in ("gru", "lstm"))
    accuracy = (1.0 if learned else 0.125) - 0.01 * rng.random(len(own))
    factor = CELLS[cell] * scale
    by_scale = {
        each: vars(gradient_flow(np.log(each) * np.arange(length), each ** (length - 3.0))) for each in set(factor)
    }
    flows = pd.DataFrame([by_scale[each] for each in factor])
    runs = template.loc[template.index.repeat(len(own))].reset_index(drop=True)
    runs = runs.assign(
        run_id=ids, weight_scale=scale, seed=seed, accuracy=accuracy,
        solved=pd.array(accuracy >= 0.95, dtype="boolean"), job=jobs.astype(str), **flows, **flows.add_suffix("_init"),
    )  # fmt: skip
    steps = np.arange(probes) * 30
    by_run = np.repeat(ids, probes)
    curves = pd.DataFrame(
        {
            "run_id": by_run, "step": np.tile(steps, len(own)), "loss": 0.1,
            "accuracy": (accuracy[:, None] * np.linspace(0.2, 1, probes)).ravel(), "grad_norm_weights": 1.0,
            "clipped": 0.0, "spectral_radius": np.repeat(scale, probes),
        }
    )  # fmt: skip
    # (run, probe, part, time step)
    shape = (len(own), probes, 2, length)
    lag = np.arange(length)[::-1]
    norms = (factor[:, None] ** lag)[:, None, None, :] * np.exp(0.3 * rng.standard_normal((len(own), 1, 1, 1)))
    norms = norms * (1 + 0.01 * rng.standard_normal(shape))
    run = pa.array(np.repeat(np.arange(len(own)), probes * 2 * length))
    part = pa.array(np.tile(np.repeat([0, 1], length), len(own) * probes))
    # Made in Arrow: pandas would make a Python string for every row.
    gradients = pa.table(
        {
            "run_id": pa.array(ids).take(run), "step": np.tile(np.repeat(steps, 2 * length), len(own)),
            "layer": pa.array([1, 0]).take(part), "part": pa.array([memory, "x"]).take(part),
            "t": np.tile(length - lag, len(own) * probes * 2), "lag": np.tile(lag, len(own) * probes * 2),
            "grad_norm": norms.ravel(), "grad_q10": 0.8 * norms.ravel(), "grad_q50": norms.ravel(),
            "grad_q90": 1.2 * norms.ravel(), "samples": pa.array(np.full(norms.size, 16)),
        }
    )  # fmt: skip
    assert gradients.column_names == COLUMNS["gradients"]
    # Every sample has one answer, at the last step.
    ratios = np.log(factor)[:, None, None, None] * lag + np.zeros(shape)
    transport = gradients.append_column("log_ratio", pa.array(ratios.ravel()))
    transport = transport.select(COLUMNS["transport"])
    answer = "红烧排骨 braised ribs" if learned else "辣子鸡 spicy chicken"
    samples = pd.DataFrame(
        {
            "run_id": np.repeat(ids, SAMPLES), "sample": np.tile(np.arange(SAMPLES), len(own)),
            "text": "今天我要做红烧排骨", "translation": "today I make ribs", "expected": "红烧排骨 braised ribs",
            "answered": answer, "accuracy": float(learned),
        }
    )  # fmt: skip
    frames = {"curves": curves, "samples": samples, "runs": runs}
    made = {name: pa.Table.from_pandas(frame, preserve_index=False) for name, frame in frames.items()}
    tables = {"gradients": gradients, "transport": transport, **made}
    return {
        name: table.replace_schema_metadata({**(table.schema.metadata or {}), FORMAT_KEY: FORMAT.encode()})
        for name, table in tables.items()
    }


def main() -> None:
    """Write a sweep as the command line says."""
    parser = argparse.ArgumentParser(description="Write the jobs of a large made-up sweep.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1000, help="gradient rows of a run, on average")
    parser.add_argument("--members", type=int, default=50, help="runs of a job")
    arguments = parser.parse_args()
    print(write_sweep(arguments.directory, arguments.runs, arguments.rows, arguments.members), "gradient rows")


if __name__ == "__main__":
    main()
