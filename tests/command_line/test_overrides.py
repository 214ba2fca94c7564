"""Whatever stands on the command line either runs, or is refused in one line and leaves nothing behind."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import harness.command_line.reporting
from harness.command_line.main import main
from harness.plugins.registry import registry
from harness.tables.storage import read_table

SMALL = [
    "train.steps=1", "hidden_size=3", "seq_len=7", "train.batch_size=2", "probe.batch_size=2", "engine.compile=false",
]  # fmt: skip

KEYS = [
    "cell", "experiment", "seq_len", "weight_scale", "seed", "hidden_size", "num_layers", "init", "dtype", "device",
    "train.lr", "train.clip_norm", "train.optimizer", "train.batch_size", "probe.every", "probe.dtype",
    "cell.forget_bias", "experiment.n_dishes", "sweep.pack", "sweep.max_members", "sweep.timeout", "checkpoint.every",
    "+study", "~train", "+cell.new", "train", "sweep", "cell.name", "nonsense", "@", "a=b", "",
]  # fmt: skip

WORDS = ["rnn", "lstm", "gru", "recall_dish", "0", "1", "2", "7", "0.9", "-1", "1e-3", "null", "true", "adam", "sgd",
         "identity", "float64", "cpu", "nan", "inf", "x y", "$", "${seed}", "${nowhere}", "[1,2]", "{a:1}", "[]",
         "'quoted'", "菜", "'", "]", ""]  # fmt: skip

SWEEPS = [
    "range(2)", "range(1,3)", "choice(rnn,gru)", "glob(*)", "glob(r*)", "interval(0,1)", "shuffle(0,1)", "sort(1,0)",
    "range(0)", "glob(z*)", "tag(a,choice(0,1))", "int(1)",
]  # fmt: skip

values = st.one_of(
    st.sampled_from(WORDS),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(",".join),
    st.sampled_from(SWEEPS),
    # No digits: a thousand units are as good as ten, only slower.
    st.text(st.characters(exclude_categories=["Nd", "Cs"]), max_size=4),
)
overrides = st.lists(st.tuples(st.sampled_from(KEYS), values).map("=".join), min_size=1, max_size=3)


def outcome(arguments: list[str], directory: Path) -> tuple[int, str]:
    """The exit code and the standard error of the command."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["harness", "-m", *SMALL, *arguments, f"hydra.sweep.dir={directory}"]
    with (
        patch.object(sys, "argv", argv),
        # Figures take seconds, and are tested elsewhere.
        patch.object(harness.command_line.reporting, "report", lambda directory, chosen=None: 0),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as exit:
            return int(exit.code or 0), err.getvalue()
    return 0, err.getvalue()


def check(arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "out"
        code, err = outcome(arguments, directory)
        if code == 0:
            tables = [read_table(path) for path in directory.glob("jobs/*/tables/runs.parquet")]
            assert tables
            assert {status for table in tables for status in table.status} <= {"ok", "diverged"}
        else:
            assert code == 1
            assert err.startswith("harness: ")
            assert len(err.strip().splitlines()) == 1
            assert not directory.exists()


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(overrides)
def test_every_command_line_runs_or_is_refused_in_one_line(arguments: list[str]) -> None:
    check(arguments)


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        (["seed=range(3)", "weight_scale=0.9,1.1"], 6),
        (["cell=glob(rnn*)"], 2),
        (["cell=lstm", "cell.forget_bias=0,1"], 2),
        (["train.clip_norm=null,1.0", "train.lr=choice(0.1,0.2)"], 4),
        (["seed=0,0,1"], 2),
        (["+study=dish", "cell=rnn", "seq_len=8", "seed=sort(2,1)"], 4),
    ],
)
def test_hydras_ways_to_sweep(tmp_path: Path, arguments: list[str], runs: int) -> None:
    code, err = outcome(arguments, tmp_path / "out")
    assert code == 0, err
    tables = [read_table(path) for path in (tmp_path / "out").glob("jobs/*/tables/runs.parquet")]
    assert sum(map(len, tables)) == runs
    assert len(tables) == (2 if "cell=glob(rnn*)" in arguments else 1)  # packed, but for what changes the program


@pytest.mark.parametrize(
    ("arguments", "biases"),
    [
        (["cell=rnn,lstm", "lstm.forget_bias=0,3"], {("rnn", None), ("lstm", 0.0), ("lstm", 3.0)}),
        (["cell=rnn,lstm", "lstm.forget_bias=3"], {("rnn", None), ("lstm", 3.0)}),
        (["cell=lstm", "lstm.forget_bias=3"], {("lstm", 3.0)}),
        (["+study=dish", "weight_scale=1", "seed=0", "cell=rnn,lstm"], {("rnn", None), ("lstm", 4.0)}),
    ],
)
def test_an_option_of_one_of_several_cells_is_named_by_that_cell(
    tmp_path: Path, arguments: list[str], biases: set[tuple[str, float | None]]
) -> None:
    code, err = outcome(arguments, tmp_path / "out")
    assert code == 0, err
    found = pd.concat([read_table(path) for path in (tmp_path / "out").glob("jobs/*/tables/runs.parquet")])
    known = found.reindex(columns=["cell.forget_bias"]).iloc[:, 0]
    assert {(cell, None if pd.isna(bias) else bias) for cell, bias in zip(found.cell, known, strict=True)} == biases


GENTLE = """
from harness.cells.gated.lstm import LSTM
class Gentle(LSTM):
    "An LSTM whose option of the same name says more than how weights start."
    name = "gentle"
    forget_bias: float = 1.0
"""


@pytest.mark.parametrize("cells", ["lstm,gentle", "gentle,lstm"])
def test_an_option_that_one_cell_packs_and_another_does_not_is_each_cells_own(tmp_path: Path, cells: str) -> None:
    (tmp_path / "gentle.py").write_text(GENTLE)
    words = [f"plugins=[{tmp_path / 'gentle.py'}]", "seed=0,1", f"cell={cells}", "cell.forget_bias=0,3"]
    try:
        code, err = outcome(words, tmp_path / "out")
    finally:
        registry.cache_clear()
    assert code == 0, err
    jobs = [read_table(path) for path in (tmp_path / "out").glob("jobs/*/tables/runs.parquet")]
    packs = sorted((job.cell.iloc[0], sorted(zip(job["cell.forget_bias"], job.seed, strict=True))) for job in jobs)
    assert packs == [
        ("gentle", [(0, 0), (0, 1)]), ("gentle", [(3, 0), (3, 1)]), ("lstm", [(0, 0), (0, 1), (3, 0), (3, 1)]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("cell.forget_bias=1", "it is one of cell=lstm; valid: lstm.forget_bias=…, for the runs of that cell alone"),
        ("gru.bias=1", "no run has cell=gru; valid: options of rnn, lstm"),
        ("lstm.forget_bis=1", "did you mean 'cell.forget_bias'"),
    ],
)
def test_an_option_of_a_cell_that_a_run_has_not_is_refused(tmp_path: Path, option: str, message: str) -> None:
    code, err = outcome(["cell=rnn,lstm", option], tmp_path / "out")
    assert code == 1
    assert message in err
    assert len(err.strip().splitlines()) == 1
