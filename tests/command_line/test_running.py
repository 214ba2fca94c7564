"""What a command does: runs, sweeps, their tables and reports, in processes of their own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

import harness
from tests.helpers.sweeps import SHORT, command, results, when_imported

SWEEP = ["-m", *SHORT, "cell=gru,lstm", "weight_scale=0.9,1.1", "seed=range(3)", "hydra.sweep.dir=out"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one run has been made, in ``out``; not to be changed."""
    folder = tmp_path_factory.mktemp("ran")
    done = command(folder, *SHORT, "hydra.run.dir=out")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def with_a_run(ran: Path, tmp_path: Path) -> Path:
    """The test's own copy of it."""
    shutil.copytree(ran, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The results of a sweep, not to be changed, and what it said."""
    folder = tmp_path_factory.mktemp("swept")
    done = command(folder, *SWEEP)
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stderr


TWO_PICTURES = """
plain = module.draw_all
module.draw_all = lambda folder, wanted: plain(folder, wanted[:2])
"""


def test_one_run_ends_in_tables_a_report_and_its_path(tmp_path: Path) -> None:
    done = command(tmp_path, *SHORT, fresh=True, code=when_imported("harness.report.build", TWO_PICTURES))
    assert done.returncode == 0, done.stderr
    (directory,) = results(tmp_path)
    assert directory.parent.name == "recall_dish"
    report = Path(done.stdout.splitlines()[-1])
    assert (tmp_path / report).resolve() == (directory / "report.html").resolve()
    for name in (
        "report.html",
        "report.md",
        "tables/runs.csv",
        "tables/gradients.parquet",
        "jobs/0/.hydra/config.yaml",
    ):
        assert (directory / name).stat().st_size > 0, name
    assert len(list((directory / "figures").glob("*.png"))) == len(list((directory / "figures").glob("*.svg"))) > 0
    tables = harness.load(directory)
    assert tables.runs.status.tolist() == ["ok"]
    assert tables.runs.job.tolist() == ["0"]


def test_a_multirun_packs_what_changes_no_shape_and_multiplies_out_the_rest(swept: tuple[Path, str]) -> None:
    directory, said = swept
    tables = harness.load(directory)
    assert sorted(path.name for path in (directory / "jobs").iterdir()) == ["0", "1"]
    found = tables.runs.groupby("cell")[["weight_scale", "seed"]].agg(["nunique", "size"])
    assert (found == [2, 6, 3, 6]).all(axis=None)
    assert tables.runs.run_id.is_unique
    assert "12/12 runs" in said


def test_the_command_line_replaces_what_a_study_sweeps_over(tmp_path: Path) -> None:
    done = command(tmp_path, "-m", "+study=dish", *SHORT, "cell=gru,rnn", "seed=5", "weight_scale=1.0")
    assert done.returncode == 0, done.stderr
    (directory,) = results(tmp_path)
    assert directory.parent.name == "dish"
    runs = harness.load(directory).runs
    assert runs[["cell", "seed", "weight_scale", "seq_len"]].to_numpy().tolist() == [
        ["gru", 5, 1.0, 8],
        ["rnn", 5, 1.0, 8],
    ]


def test_the_report_is_rebuilt_from_results(with_a_run: Path) -> None:
    for name in ("report.html", "tables/runs.parquet"):
        (with_a_run / "out" / name).unlink()
    done = command(with_a_run, "out", module="harness.report")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "out/report.html"
    assert (with_a_run / "out" / "report.html").stat().st_size > 0


def test_a_directory_with_results_is_gone_on_with(with_a_run: Path) -> None:
    done = command(with_a_run, *SHORT, "hydra.run.dir=out")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 runs are done already" in done.stderr


def test_a_sweep_goes_on_with_its_own_runs_only(with_a_run: Path) -> None:
    other = command(with_a_run, "resume=out", "cell=lstm")
    assert other.returncode == 1
    assert "cell=lstm: a sweep goes on with the runs that it began with" in other.stderr
    assert "hydra.sweep.dir=out" in other.stderr
    same = command(with_a_run, "resume=out", "sweep.pack=false")
    assert same.returncode == 0, same.stderr
    assert "1 of 1 runs are done already" in same.stderr
    assert len(harness.load(with_a_run / "out").runs) == 1


def test_a_run_that_raises_is_recorded_and_the_sweep_goes_on(tmp_path: Path) -> None:
    # A cell whose step fails once the sequence is long, brought in by a start-up file as a package would be.
    fails = (
        "import harness.cells.classic.rnn as rnn\n"
        "plain = rnn.RNN.step\n"
        "def fails(self, w, x, s):\n"
        "    if s.h.shape[-1] == 5:\n"
        "        raise RuntimeError('the <oven> is broken\\nsecond line')\n"
        "    return plain(self, w, x, s)\n"
        "rnn.RNN.step = fails\n"
    )
    done = command(tmp_path, "-m", *SHORT, "hidden_size=4,5", "seed=0,1", "hydra.sweep.dir=out", code=fails)
    assert done.returncode == 1
    assert "2 of 4 runs failed" in done.stderr
    assert "Traceback" not in done.stderr
    runs = harness.load(tmp_path / "out").runs.set_index("hidden_size")
    assert runs.status.to_dict() == {4: "ok", 5: "failed"}
    assert set(runs.loc[5, "reason"]) == {"RuntimeError: the <oven> is broken"}
    assert "the &lt;oven&gt; is broken" in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "Traceback" in (tmp_path / "out" / "jobs" / "1" / "harness.log").read_text("utf-8")


def test_what_cannot_be_compiled_is_said_on_the_terminal_once_a_sweep(tmp_path: Path) -> None:
    (tmp_path / "sorting.py").write_text(
        "from harness.cells.classic.rnn import RNN\n"
        "class Sorting(RNN):\n"
        "    '''A step that is no formula.'''\n"
        "    name = 'sorting'\n"
        "    def step(self, w, x, s):\n"
        "        return {'h': (x @ w.input + s.h @ w.recurrent).sort()[0]}\n"
    )
    sweep = ["plugins=[sorting.py]", "cell=sorting", "seq_len=8,9", "engine.compile=true", "hydra.sweep.dir=out"]
    done = command(tmp_path, "-m", *SHORT, *sweep)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("harness: ")]
    assert lines == [
        "harness: cell sorting runs without a compiled kernel, several times slower: its step is no formula"
    ]


def test_two_sweeps_of_the_same_settings_give_bit_identical_tables(swept: tuple[Path, str], tmp_path: Path) -> None:
    assert command(tmp_path, *SWEEP).returncode == 0
    one, two = harness.load(swept[0]), harness.load(tmp_path / "out")
    for name in one:
        pd.testing.assert_frame_equal(
            one[name].drop(columns="seconds", errors="ignore"), two[name].drop(columns="seconds", errors="ignore"),
            check_exact=True,
        )  # fmt: skip
