"""Plugin files of one's own on the command line, and what of them is held against what it promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import harness
from tests.helpers.sweeps import SHORT, command, results
from tests.plugins.test_plugins import EXPERIMENT


def test_a_plugin_file_of_ones_own_brings_its_defaults_its_options_and_its_sweep(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(EXPERIMENT.format(name="mine"))
    (tmp_path / "bad.py").write_text("import no_such_package")
    shown = command(tmp_path, "plugins=[mine.py]", "experiment=mine", "--cfg", "job")
    assert shown.returncode == 0, shown.stderr
    assert "lr: 0.5" in shown.stdout
    assert "name: gru" in shown.stdout
    short = ["train.steps=4", "hidden_size=4", "train.lr=0.1", "cell=rnn"]
    done = command(tmp_path, "-m", "plugins=[mine.py,bad.py]", "+study=mine", *short)
    assert done.returncode == 0, done.stderr
    assert "bad.py cannot be used: ModuleNotFoundError" in done.stderr
    (directory,) = results(tmp_path)
    tables = harness.load(directory)
    assert tables.runs.seq_len.tolist() == [4, 5]
    assert set(tables.runs["train.lr"]) == {0.1}
    assert set(tables.runs.cell) == {"rnn"}
    assert "not tested by these runs" in (directory / "report.md").read_text()
    asked = command(tmp_path, "plugins=[bad.py]", "experiment=bad")
    assert asked.returncode == 1
    assert "bad.py cannot be used: ModuleNotFoundError" in asked.stderr.splitlines()[-1]
    assert "(bad.py, line 1)" in asked.stderr.splitlines()[-1]


@pytest.mark.parametrize("words", [["experiment=copy"], ["-m", "+study=copy"], ["-m", "experiment=latch,copy"]])
def test_no_other_experiment_runs_in_the_place_of_one_whose_name_is_taken(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "mine.py").write_text(EXPERIMENT.format(name="copy"))
    done = command(tmp_path, "plugins=[mine.py]", *words, *SHORT)
    assert done.returncode == 1
    assert done.stderr.startswith("harness: experiment=copy: ")
    assert "exists already in experiments/copy.py" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"mine.py"}


def test_a_file_that_was_not_added_is_pointed_at(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(EXPERIMENT.format(name="mine"))
    done = command(tmp_path, "-m", "+study=mine")
    assert done.returncode == 1
    assert "study=mine: unknown study" in done.stderr
    assert "mine.py is added with 'plugins=[mine.py]'" in done.stderr


FAULTY = """
import pandas as pd
from harness.probes import Probe
class Faulty(Probe):
    "A probe that says something else than it promised."
    name = "faulty"
    adds = "columns"
    def measure(self, moment):
        return {frame}
"""


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ("pd.DataFrame({'member': [0, 0], 'x': [1.0, 2.0]})", "gives a member several rows"),
        ("pd.DataFrame({'x': [1.0]})", "no table with a column member"),
        ("1 / 0", "ZeroDivisionError: division by zero (faulty.py, line 9)"),
    ],
)
def test_a_probe_that_does_not_keep_its_promise_is_named(frame: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY.format(frame=frame))
    done = command(tmp_path, "plugins=[faulty.py]", "probes=[faulty]", *SHORT)
    assert done.returncode == 1
    assert words in done.stderr


def test_what_a_task_draws_is_held_against_what_it_says_of_itself(tmp_path: Path) -> None:
    text = EXPERIMENT.format(name="mine").replace("row = rng.integers(3", "row = rng.integers(4")
    (tmp_path / "mine.py").write_text(text)
    done = command(tmp_path, "plugins=[mine.py]", "experiment=mine", *SHORT)
    assert done.returncode == 1
    assert re.search(
        r"experiment mine: sample \(mine\.py, line \d+\) draws tokens from 0 to 3; valid: 0 to 2", done.stderr
    )


ONLY_GATES = """
import harness.report.build as build
plain = build.draw_all
build.draw_all = lambda folder, wanted: plain(folder, [each for each in wanted if each.name == "gates"])
"""


def test_a_probe_adds_its_table_where_it_has_something_to_say(tmp_path: Path) -> None:
    words = ["cell=rnn,lstm", "probes=[gates]", "probes.gates.samples=1"]
    done = command(tmp_path, "-m", *SHORT, *words, code=ONLY_GATES, pictures=True)
    assert done.returncode == 0, done.stderr
    (directory,) = results(tmp_path)
    tables = harness.load(directory)
    lstm = tables.runs[tables.runs.cell == "lstm"]
    assert set(tables.gates.run_id) == set(lstm.run_id)
    assert tables.gates.groupby("step").size().tolist() == [8 * 3] * 3
    assert (directory / "figures" / "gates.png").exists()
    refused = command(tmp_path, "probes=[gate]")
    assert refused.returncode == 1
    assert "did you mean 'gates'" in refused.stderr
