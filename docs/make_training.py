"""Measures what penalties do, for ``docs/training.md``: ``python docs/make_training.py``. Some minutes on 2 cores.

Writes the picture and the table between the two comments in the page.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd

import harness
from harness.figures import canvas, grid
from harness.report.rendering import styled

PAGE = Path(__file__).parent / "training.md"
PICTURE = PAGE.parent / "images" / "penalties.png"

SHARED: dict[str, Any] = {"experiment": "recall_dish", "cell": "rnn", "seq_len": 60}
SWEEPS: dict[str, dict[str, Any]] = {
    "omega": {"weight_scale": 0.8, "train": {"gradient_penalty": [None, 0.1, 1.0]}},
    "orthogonal": {"weight_scale": 0.8, "train": {"orthogonal_penalty": [0.01, 0.1]}},
    "one": {"weight_scale": 1.0},
}
SEEDS = range(200, 205)

KEYS = ["weight_scale", "train.gradient_penalty", "train.orthogonal_penalty"]
NAMES = {
    (0.8, None, None): ("none", "#808489"),
    (0.8, 0.1, None): ("gradient_penalty 0.1", "#7fb2e5"),
    (0.8, 1.0, None): ("gradient_penalty 1", "#1f5fa8"),
    (0.8, None, 0.01): ("orthogonal_penalty 0.01", "#eeb06b"),
    (0.8, None, 0.1): ("orthogonal_penalty 0.1", "#b85c00"),
    (1.0, None, None): ("none, starting at weight_scale 1", "#222222"),
}
"""By the settings that differ what a run is called, and its colour."""


def main() -> None:
    """Run the sweeps, write the picture and the table."""
    mpl.use("agg")
    with tempfile.TemporaryDirectory() as folder:
        found = [
            harness.sweep({**SHARED, **settings}, seed=SEEDS, directory=Path(folder) / name)
            for name, settings in SWEEPS.items()
        ]
        runs = named(pd.concat([each.runs for each in found]))
        rows = over_training(
            runs, pd.concat([each.curves for each in found]), pd.concat([each.gradients for each in found])
        )
    draw(rows, runs.chance.iloc[0])
    begin, end = "<!-- measured -->\n", "<!-- end of measured -->\n"
    text = re.sub(f"{begin}.*{end}", lambda match: begin + table(runs, rows) + end, PAGE.read_text("utf-8"), flags=re.S)
    PAGE.write_text(text, "utf-8")


def named(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with what they are called."""
    settings = runs[KEYS].astype(object).where(runs[KEYS].notna(), None)
    return runs.assign(name=[NAMES[tuple(each)][0] for each in settings.itertuples(index=False)])


def over_training(runs: pd.DataFrame, curves: pd.DataFrame, gradients: pd.DataFrame) -> pd.DataFrame:
    """For every run and training step the accuracy, and how much of the gradient arrives at the cue."""
    rows = gradients[gradients.part == "h"].merge(runs[["run_id", "seq_len", "cue_step"]], on="run_id")
    norms = [
        rows[rows.t == place].set_index(["run_id", "step"]).grad_norm for place in (rows.cue_step.round(), rows.seq_len)
    ]
    reached = (norms[0] / norms[1]).rename("reached").reset_index()
    return curves.merge(reached, on=["run_id", "step"]).merge(runs[["run_id", "name"]], on="run_id")


def draw(rows: pd.DataFrame, chance: float) -> None:
    """Both over the training: a thin line per run, a thick one for the middle of those that are alike."""
    with styled():
        figure = canvas(10, 3.6)
        for axis, value, title in zip(
            figure.subplots(1, 2), ("reached", "accuracy"),
            ("gradient at the dish ÷ at the answer", "right answers"), strict=True,
        ):  # fmt: skip
            for name, colour in NAMES.values():
                mine = rows[rows.name == name]
                for _, run in mine.groupby("run_id"):
                    axis.plot(run.step, run[value], color=colour, linewidth=0.6, alpha=0.4)
                middle = mine.groupby("step")[value].median()
                axis.plot(middle.index, middle, color=colour, linewidth=2, label=name)
            axis.set(title=title, xlabel="training steps")
            grid(axis)
        figure.axes[0].set(yscale="log", ylim=(1e-10, 1e3))
        figure.axes[1].axhline(chance, linestyle="--", linewidth=1, color="#808489")
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        PICTURE.parent.mkdir(exist_ok=True)
        figure.savefig(PICTURE, dpi=100)


def table(runs: pd.DataFrame, rows: pd.DataFrame) -> str:
    """What came of them, as Markdown."""
    lines = [
        "| penalty | gradient left at the dish after 30 steps (median) | right at the end: mean (lowest to highest) "
        "| runs that solved it at some time |",
        "|---|---|---|---|",
    ]
    for name, _ in NAMES.values():
        mine = runs[runs.name == name]
        reached = rows[(rows.name == name) & (rows.step == 30)].reached.median()
        low, high = mine.accuracy.min(), mine.accuracy.max()
        ever = f"{mine.solved_step.notna().sum()} of {len(mine)}"
        lines.append(f"| {name} | {reached:.1g} | {mine.accuracy.mean():.0%} ({low:.0%} to {high:.0%}) | {ever} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
