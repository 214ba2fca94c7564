"""Tables of results with known truths, made without training anything."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.measure.flow import gradient_flow
from harness.settings.members import members
from harness.tables.columns import COLUMNS
from harness.tables.tables import Tables
from harness.training.rows import runs_table
from tests.conftest import BASE

Factor = Callable[[str, float], float]
Accuracy = Callable[[str, int, float], float]


def shrinking(cell: str, scale: float) -> float:
    """The factor per step of the default tables: the weight scale itself; none without memory."""
    return 0.0 if cell == "feedforward" else scale


def gates_win(cell: str, seq_len: int, scale: float) -> float:
    """The accuracy of the default tables: lstm always solves, others up to 20 steps, without memory never."""
    return 0.125 if cell == "feedforward" else 1.0 if cell == "lstm" or seq_len <= 20 else 0.13


def made_tables(
    cells: Sequence[str] = ("feedforward", "rnn", "lstm"),
    lengths: Sequence[int] = (10, 20, 40),
    scales: Sequence[float] = (0.9, 1.0, 1.1),
    seeds: Sequence[int] = (0, 1),
    steps: Sequence[int] = (0, 10, 20),
    factor: Factor = shrinking,
    accuracy: Accuracy = gates_win,
    status: str = "ok",
    experiment: str = "recall_dish",
) -> Tables:
    """Tables in which grad_norm is factor**lag at every probe and accuracy what ``accuracy`` says."""
    settings, outcomes, profiles, curves, samples = [], [], [], [], []
    for cell, length, scale, seed in itertools.product(cells, lengths, scales, seeds):
        changes = {"cell": {"name": cell}, "seq_len": length, "weight_scale": scale, "seed": seed}
        run = members({**BASE, **changes})[0]
        settings.append(run)
        right = accuracy(cell, length, scale)
        by_lag = np.float64(factor(cell, scale)) ** np.arange(length)
        with np.errstate(divide="ignore"):
            logs = np.log(by_lag)
        flow = gradient_flow(logs, by_lag[length - 3])
        outcomes.append(
            {
                "status": status, "accuracy": right, "loss": 1 - right, "chance": 0.125, "solved": right >= 0.95,
                **vars(flow), **{f"{key}_init": value for key, value in vars(flow).items()},
                "steps": steps[-1], "seconds": 1.0, "parameters": 100, "memory": run.cell.memory,
                "has_memory": run.cell.has_memory, "accuracy_se": np.sqrt(right * (1 - right) / 511), "cue_step": 3.0,
                "answer_step": float(length), "eval_samples": 512, "job": "0",
                "diverged_at": 7 if status == "diverged" else None,
            }
            if status != "failed"
            else {"status": "failed", "reason": "RuntimeError: <script>alert(1)</script> | no oven"}
        )  # fmt: skip
        if status == "failed":
            continue
        run_id = run.run_id
        for step in steps:
            curves.append([run_id, step, 1 - right, right, 1.0, 0.0, scale])
            profiles += [(run_id, step, 1, run.cell.memory, by_lag, logs), (run_id, step, 0, "x", by_lag, logs)]
        answer = "红烧排骨 braised ribs" if right > 0.5 else "辣子鸡 spicy chicken"
        samples.append(
            [
                run_id,
                0,
                "今天我要做红烧排骨",
                "today I make <b>ribs</b>",
                "\n".join(["今天", "我要做", "红烧排骨：", *["翻炒"] * (length - 4), "，我做的是什么菜？"]),
                "\n".join(["today", "I make", "<b>ribs</b>:", *["stir-fry"] * (length - 4), "which dish?"]),
                "红烧排骨 braised ribs",
                answer,
                float(right > 0.5),
            ]
        )
    runs = runs_table(settings, outcomes) if settings else pd.DataFrame(columns=COLUMNS["runs"])
    runs["experiment"] = experiment
    gradients, transport = _by_lag(profiles)
    return Tables(
        {
            "runs": runs,
            "curves": pd.DataFrame(curves, columns=COLUMNS["curves"]),
            "gradients": gradients,
            "transport": transport,
            "samples": pd.DataFrame(samples, columns=COLUMNS["samples"]),
        }
    )


def _by_lag(profiles: list[tuple[Any, ...]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of gradients and of transport, all rows at once: a frame for each profile takes seconds.

    Args:
        profiles: run, training step, layer and part of each, and its gradient and the log of it by lag.
    """
    if not profiles:
        return pd.DataFrame(columns=COLUMNS["gradients"]), pd.DataFrame(columns=COLUMNS["transport"])
    sizes = [len(profile[4]) for profile in profiles]
    keys = pd.DataFrame([profile[:4] for profile in profiles], columns=["run_id", "step", "layer", "part"])
    lag = np.concatenate([np.arange(size) for size in sizes])
    norms, logs = (np.concatenate([profile[place] for profile in profiles]) for place in (4, 5))
    gradients = (
        keys.loc[keys.index.repeat(sizes)]
        .reset_index(drop=True)
        .assign(
            t=np.repeat(sizes, sizes) - lag,
            lag=lag,
            **dict.fromkeys(("grad_norm", "grad_q10", "grad_q50", "grad_q90"), norms),
            samples=16,
        )
    )
    return gradients, gradients.drop(columns="t").assign(log_ratio=logs)
