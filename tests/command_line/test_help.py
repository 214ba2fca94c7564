"""What is shown and completed: help, lists of plugins, words in the shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.sweeps import command
from tests.plugins.test_plugins import EXPERIMENT


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


def test_help_and_errors_speak_of_the_options_of_the_experiment_in_question(tmp_path: Path) -> None:
    assert "experiment.symbols " in command(tmp_path, "--help").stdout
    shown = command(tmp_path, "experiment=latch", "--help").stdout
    assert "experiment.noise " in shown
    assert "experiment.symbols " not in shown
    wrong = command(tmp_path, "experiment=latch", "experiment.loudness=1")
    assert wrong.returncode == 1
    noise = ", ".join(f"experiment.{key}" for key in ("distractor_kind", "distractor_place", "distractors"))
    assert wrong.stderr.strip().endswith(f"valid: {noise}, experiment.length, experiment.noise")


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


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_the_installed_command(tmp_path: Path) -> None:
    script = """
        eval "$(harness -sc install=bash)"
        COMP_LINE="harness cell=feedf" COMP_WORDS=(harness cell=feedf) COMP_CWORD=1
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
    assert done.stdout.strip() == "cell=feedforward", done.stderr
