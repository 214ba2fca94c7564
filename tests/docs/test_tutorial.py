"""The script that makes the tutorial: its words, on tables written out, and the page as it stands."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from harness.plugins.finding import import_file
from tests.helpers.sweeps import ROOT

SCRIPT = import_file("make_tutorial", ROOT / "docs" / "make_tutorial.py")
PAGE = (ROOT / "docs" / "tutorial.md").read_text("utf-8")


def test_a_sweep_is_typed_as_the_command_line_wants_it() -> None:
    settings = {"cell": "lstm", "lstm.forget_bias": [-1, 0], "seq_len": 100, "train": {"steps": 0}}
    assert SCRIPT.typed(settings) == (
        "python -m harness -m cell=lstm lstm.forget_bias=-1,0 seq_len=100 seed=20,21,22,23,24 train.steps=0"
    )


def test_numbers_are_those_of_the_tables() -> None:
    runs = pd.DataFrame(
        {
            "weight_scale": [1.1, 1.1, 1.1, 0.9],
            "decay_rate_init": np.log([1.0, 1.2, 1.1, 0.9]),
            "seq_len": [20, 20, 60, 60],
            "solved": [True, False, False, False],
            "accuracy": [1.0, 0.5, 0.25, 0.15],
        }
    )
    assert SCRIPT.factors(runs, "weight_scale") == "0.900 at 0.9, 1.100 at 1.1"
    assert SCRIPT.right(runs) == (
        "On average 75.0% right at 20 steps (1 of 2 runs solve it) and 20.0% right at 60 steps (0 of 2 runs solve it)."
    )


def test_the_page_has_the_commands_and_pictures_of_the_script() -> None:
    commands = re.findall(r"^python -m harness .*$", PAGE, re.M)
    assert commands == [SCRIPT.typed(settings) for settings in SCRIPT.SWEEPS.values()]
    pictures = re.findall(r"\]\((tutorial/.*?)\)", PAGE)
    assert pictures == [f"tutorial/{name}.png" for name in SCRIPT.SWEEPS]
    assert all((ROOT / "docs" / picture).exists() for picture in pictures)
