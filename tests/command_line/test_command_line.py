"""The command line as a user sees it, in processes of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import harness
from tests.plugins.test_plugins import EXPERIMENT

ROOT = Path(harness.__file__).parent.parent
QUICK = [
    "train.steps=4",
    "hidden_size=4",
    "seq_len=8",
    "probe.every=2",
    "train.batch_size=4",
    "probe.batch_size=4",
]


def command(directory: Path, *arguments: str, module: str = "harness", **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m harness …`` in ``directory``."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def results(directory: Path) -> list[Path]:
    return sorted(directory.glob("results/*/*"))


def test_one_run_ends_in_tables_a_report_and_its_path(tmp_path: Path) -> None:
    done = command(tmp_path, *QUICK)
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


def test_a_multirun_packs_what_changes_no_shape_and_multiplies_out_the_rest(tmp_path: Path) -> None:
    sweep = ["cell=rnn,lstm", "weight_scale=0.9,1.1", "seed=range(3)", "hydra.sweep.dir=out"]
    done = command(tmp_path, "-m", *QUICK, *sweep)
    assert done.returncode == 0, done.stderr
    tables = harness.load(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out" / "jobs").iterdir()) == ["0", "1"]
    found = tables.runs.groupby("cell")[["weight_scale", "seed"]].agg(["nunique", "size"])
    assert (found == [2, 6, 3, 6]).all(axis=None)
    assert tables.runs.run_id.is_unique
    assert "12/12 runs" in done.stderr


def test_the_command_line_replaces_what_a_study_sweeps_over(tmp_path: Path) -> None:
    done = command(tmp_path, "-m", "+study=dish", *QUICK, "cell=gru,rnn", "seed=5", "weight_scale=1.0")
    assert done.returncode == 0, done.stderr
    (directory,) = results(tmp_path)
    assert directory.parent.name == "dish"
    runs = harness.load(directory).runs
    assert runs[["cell", "seed", "weight_scale", "seq_len"]].to_numpy().tolist() == [
        ["gru", 5, 1.0, 8],
        ["rnn", 5, 1.0, 8],
    ]


def test_the_report_is_rebuilt_from_results(tmp_path: Path) -> None:
    assert command(tmp_path, *QUICK, "hydra.run.dir=out").returncode == 0
    for name in ("report.html", "tables/runs.parquet"):
        (tmp_path / "out" / name).unlink()
    done = command(tmp_path, "out", module="harness.report")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "out/report.html"
    assert (tmp_path / "out" / "report.html").stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cell=lstmm"], ["cell=lstmm", "did you mean 'lstm'", "feedforward, gru"]),
        (["experiment=recal"], ["experiment=recal", "recall_dish"]),
        (["-m", "cell=rnn,lstmm"], ["cell=lstmm", "did you mean 'lstm'"]),
        (["-m", "seq_len=20,3"], ["seq_len=3", "5 or more"]),
        (["hidden_size=0"], ["hidden_size=0", "greater than or equal to 1"]),
        (["seq_len=abc"], ["seq_len=abc", "integer"]),
        (["device=tpu"], ["device=tpu", "valid: cpu"]),
        (["weight_scale=-1"], ["weight_scale=-1", "0 or more"]),
        (["hidden_sise=3"], ["hidden_sise", "did you mean 'hidden_size'"]),
        (["lr=3"], ["lr: unknown setting", "did you mean 'train.lr'"]),
        (["cell.forget_bias=2"], ["cell.forget_bias: no option of this cell", "cell=lstm"]),
        (["-m", "study=dish"], ["valid: +study=NAME"]),
        (["cell=rnn,lstm"], ["cell=rnn,lstm", "-m"]),
        (["-m", "+study=dich"], ["study=dich", "did you mean 'dish'"]),
        (["seq_len"], ["seq_len", "key=value"]),
        (["cell=[1,2]"], ["HYDRA_FULL_ERROR=1"]),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(tmp_path: Path, arguments: list, words: list) -> None:
    done = command(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_traceback_is_there_when_asked_for(tmp_path: Path) -> None:
    done = command(tmp_path, "hidden_size=0", HYDRA_FULL_ERROR="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_directory_with_results_is_gone_on_with(tmp_path: Path) -> None:
    assert command(tmp_path, *QUICK, "hydra.run.dir=out").returncode == 0
    done = command(tmp_path, *QUICK, "hydra.run.dir=out")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 runs are done already" in done.stderr


def test_a_run_that_raises_is_recorded_and_the_sweep_goes_on(tmp_path: Path) -> None:
    # A cell whose step fails once the sequence is long, brought in by a start-up file as a package would be.
    (tmp_path / "sitecustomize.py").write_text(
        "import harness.cells.rnn as rnn\n"
        "plain = rnn.RNN.forward_\n"
        "def fails(self, pre, state, new):\n"
        "    if pre.shape[-1] == 5:\n"
        "        raise RuntimeError('the <oven> is broken\\nsecond line')\n"
        "    plain(self, pre, state, new)\n"
        "rnn.RNN.forward_ = fails\n"
    )
    done = command(
        tmp_path, "-m", *QUICK, "hidden_size=4,5", "seed=0,1", "hydra.sweep.dir=out",
        PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]),
    )  # fmt: skip
    assert done.returncode == 1
    assert "2 of 4 runs failed" in done.stderr
    assert "Traceback" not in done.stderr
    runs = harness.load(tmp_path / "out").runs.set_index("hidden_size")
    assert runs.status.to_dict() == {4: "ok", 5: "failed"}
    assert set(runs.loc[5, "reason"]) == {"RuntimeError: the <oven> is broken"}
    assert "the &lt;oven&gt; is broken" in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "Traceback" in (tmp_path / "out" / "jobs" / "1" / "harness.log").read_text("utf-8")


def test_two_sweeps_of_the_same_settings_give_bit_identical_tables(tmp_path: Path) -> None:
    sweep = ["-m", *QUICK, "cell=gru,lstm", "seed=0,1"]
    for name in ("one", "two"):
        assert command(tmp_path, *sweep, f"hydra.sweep.dir={name}").returncode == 0
    one, two = harness.load(tmp_path / "one"), harness.load(tmp_path / "two")
    for name in one:
        pd.testing.assert_frame_equal(
            one[name].drop(columns="seconds", errors="ignore"), two[name].drop(columns="seconds", errors="ignore"),
            check_exact=True,
        )  # fmt: skip


def test_help_names_every_setting_with_its_meaning(tmp_path: Path) -> None:
    done = command(tmp_path, "--help")
    assert done.returncode == 0
    for words in (
        "weight_scale ",
        "train.clip_norm ",
        "cell.forget_bias ",
        "experiment.n_dishes ",
        "+study=dish",
    ):
        assert words in done.stdout
    assert command(tmp_path, "--cfg", "job", "cell=lstm").stdout.rstrip().endswith("n_dishes: 8")


def test_plugins_are_listed_one_line_each_and_a_broken_one_with_its_reason(tmp_path: Path) -> None:
    done = command(tmp_path, module="harness.plugins")
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    found = {(line[0], line[1]) for line in lines}
    assert {
        ("cell", "lstm"),
        ("experiment", "recall_dish"),
        ("figure", "accuracy_map"),
        ("study", "dish"),
    } <= found
    assert "broken" not in {line[0] for line in lines}


@pytest.mark.slow
def test_an_installed_package_runs_outside_of_its_source_tree(tmp_path: Path) -> None:
    site, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(site),
        str(ROOT),
    ]
    subprocess.run(install, check=True, timeout=300, cwd=work)
    listed = command(work, module="harness.plugins", PYTHONPATH=str(site)).stdout
    assert "recall_dish" in listed
    assert "dish" in listed
    done = command(work, *QUICK, PYTHONPATH=str(site))
    assert done.returncode == 0, done.stderr
    assert len(results(work)) == 1


def test_a_plugin_file_of_ones_own_brings_its_defaults_its_options_and_its_sweep(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(EXPERIMENT.format(name="mine"))
    (tmp_path / "bad.py").write_text("import no_such_package")
    shown = command(tmp_path, "plugins=[mine.py]", "experiment=mine", "--cfg", "job")
    assert shown.returncode == 0, shown.stderr
    assert "lr: 0.5" in shown.stdout
    assert "name: gru" in shown.stdout
    done = command(tmp_path, "-m", "plugins=[mine.py,bad.py]", "+study=mine", *QUICK[:2], "train.lr=0.1", "cell=rnn")
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
    done = command(tmp_path, "plugins=[mine.py]", *words, *QUICK)
    assert done.returncode == 1
    assert done.stderr.startswith("harness: experiment=copy: ")
    assert "exists already in experiments/copy.py" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_a_file_that_was_not_added_is_pointed_at(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(EXPERIMENT.format(name="mine"))
    done = command(tmp_path, "-m", "+study=mine")
    assert done.returncode == 1
    assert "study=mine: unknown study" in done.stderr
    assert "mine.py is added with 'plugins=[mine.py]'" in done.stderr


def test_help_and_errors_speak_of_the_options_of_the_experiment_in_question(tmp_path: Path) -> None:
    assert "experiment.symbols " in command(tmp_path, "--help").stdout
    shown = command(tmp_path, "experiment=latch", "--help").stdout
    assert "experiment.noise " in shown
    assert "experiment.symbols " not in shown
    wrong = command(tmp_path, "experiment=latch", "experiment.loudness=1")
    assert wrong.returncode == 1
    assert wrong.stderr.strip().endswith("valid: experiment.length, experiment.noise")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("plugins=[mine.py] experiment=m", "experiment=mine"),
        ("-m plugins=[mine.py] +study=m", "+study=mine"),
        ("-m 'plugins=[mine.py]' experiment=m", "experiment=mine"),
        ("cell=lstm cell.f", "cell.forget_bias="),
        ("probes=[gates] probes.gates.", "probes.gates.samples="),
    ],
)
def test_the_shell_completes_plugins_and_their_options(line: str, offered: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(EXPERIMENT.format(name="mine"))
    done = command(tmp_path, "--shell-completion", "query=bash", COMP_LINE=f"harness {line}")
    assert offered in done.stdout.split()


def test_a_sweep_goes_on_with_its_own_runs_only(tmp_path: Path) -> None:
    assert command(tmp_path, *QUICK, "hydra.run.dir=out").returncode == 0
    other = command(tmp_path, "resume=out", "cell=lstm")
    assert other.returncode == 1
    assert "cell=lstm: a sweep goes on with the runs that it began with" in other.stderr
    assert "hydra.sweep.dir=out" in other.stderr
    same = command(tmp_path, "resume=out", "sweep.pack=false")
    assert same.returncode == 0, same.stderr
    assert "1 of 1 runs are done already" in same.stderr
    assert len(harness.load(tmp_path / "out").runs) == 1


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
    done = command(tmp_path, "plugins=[faulty.py]", "probes=[faulty]", *QUICK)
    assert done.returncode == 1
    assert words in done.stderr


def test_what_a_task_draws_is_held_against_what_it_says_of_itself(tmp_path: Path) -> None:
    text = EXPERIMENT.format(name="mine").replace("row = rng.integers(3", "row = rng.integers(4")
    (tmp_path / "mine.py").write_text(text)
    done = command(tmp_path, "plugins=[mine.py]", "experiment=mine", *QUICK)
    assert done.returncode == 1
    assert re.search(
        r"experiment mine: sample \(mine\.py, line \d+\) draws tokens from 0 to 3; valid: 0 to 2", done.stderr
    )


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_the_installed_command(tmp_path: Path) -> None:
    script = """
        eval "$(harness -sc install=bash)"
        COMP_LINE="harness cell=lst" COMP_WORDS=(harness cell=lst) COMP_CWORD=1
        $(complete -p harness | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        echo "${COMPREPLY[@]}"
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "cell=lstm", done.stderr


def test_a_probe_adds_its_table_where_it_has_something_to_say(tmp_path: Path) -> None:
    done = command(tmp_path, "-m", *QUICK, "cell=rnn,lstm", "probes=[gates]", "probes.gates.samples=1")
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
