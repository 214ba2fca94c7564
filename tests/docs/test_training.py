"""The page about training: every setting stands in it, and what its script makes of tables."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from harness.plugins.finding import import_file
from harness.settings.settings import Train
from tests.helpers.sweeps import ROOT

SCRIPT = import_file("make_training", ROOT / "docs" / "make_training.py")
PAGE = (ROOT / "docs" / "training.md").read_text("utf-8")


@pytest.mark.parametrize("key", Train.model_fields)
def test_every_setting_of_the_training_is_explained(key: str) -> None:
    explained = PAGE + (ROOT / "docs" / "sweeps.md").read_text("utf-8")
    assert re.search(rf"`(train\.)?{key}\b", explained)


def test_the_page_has_a_row_of_numbers_for_everything_that_the_script_measures() -> None:
    measured = PAGE.partition("<!-- measured -->")[2].partition("<!-- end of measured -->")[0]
    rows = re.findall(r"^\| (.*?) \|", measured, re.M)
    assert rows == ["penalty", *(name for name, _ in SCRIPT.NAMES.values())]
    assert (ROOT / "docs" / "images" / "penalties.png").exists()


def test_numbers_are_those_of_the_tables() -> None:
    runs = SCRIPT.named(
        pd.DataFrame(
            {
                "run_id": ["a", "b", "c"],
                "weight_scale": 0.8,
                "train.gradient_penalty": [None, 0.1, 0.1],
                "train.orthogonal_penalty": [None, None, None],
                "seq_len": 20,
                "cue_step": 2.0,
                "accuracy": [0.125, 0.5, 1.0],
                "solved_step": [None, None, 30],
            }
        )
    )
    assert runs.name.tolist() == ["none", "gradient_penalty 0.1", "gradient_penalty 0.1"]
    steps = [(run, step) for run in "abc" for step in (0, 30)]
    curves = pd.DataFrame([{"run_id": run, "step": step, "accuracy": 0.5} for run, step in steps])
    gradients = pd.DataFrame(
        [
            {"run_id": run, "step": step, "part": part, "t": t, "grad_norm": norm * (1 + step)}
            for run, step in steps
            for part in "hx"
            for t, norm in ((1, 9.0), (2, {"a": 1e-6, "b": 0.2, "c": 0.6}[run]), (20, 2.0))
        ]
    )
    rows = SCRIPT.over_training(runs, curves, gradients)
    assert rows[rows.step == 30].reached.tolist() == pytest.approx([5e-7, 0.1, 0.3])
    lines = SCRIPT.table(runs, rows).splitlines()
    assert "| none | 5e-07 | 12% (12% to 12%) | 0 of 1 |" in lines
    assert "| gradient_penalty 0.1 | 0.2 | 75% (50% to 100%) | 1 of 2 |" in lines
