"""The first example of a new experiment, and the commands of README and of the page of sweeps, as they stand."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import pytest

from harness import load
from harness.plugins.finding import import_file
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.training.pack import run
from tests.conftest import Config
from tests.helpers.sweeps import ROOT, command


def test_the_example_experiment_trains_and_stays_at_chance_without_memory(tmp_path: Path, config: Config) -> None:
    page = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    code = re.findall(r"```python\n(.*?)```", page, re.S)[0]
    (tmp_path / "first_digit.py").write_text(code)
    example = import_file("example_of_the_page", tmp_path / "first_digit.py").FirstDigit()
    plain = members(config(cell="feedforward", hidden_size=8, train={"steps": 100}))[0]
    runs = run([Settings(**{**dict(plain), "experiment": example})])["runs"]
    assert runs.status.tolist() == ["ok"]
    assert runs.accuracy.iloc[0] < 0.1 + 3 * (0.09 / 512) ** 0.5


LINES = [
    line
    for page in ("README.md", "README.zh.md", "docs/sweeps.md")
    for line in re.findall(r"^python -m harness (?:-m )?cell.*$", (ROOT / page).read_text("utf-8"), re.M)
]


@pytest.mark.parametrize("line", dict.fromkeys(line.split(" # ")[0].strip() for line in LINES))
def test_the_commands_of_the_documents_compose(line: str) -> None:
    words = [word for word in shlex.split(line)[3:] if word != "-m"]
    one_each = [word if "[" in word else word.split(",")[0] for word in words]  # a list is one value
    done = command(ROOT, "--cfg", "job", *one_each)
    assert done.returncode == 0, done.stderr


def test_a_study_of_ones_own_is_listed_runs_and_yields_to_the_command_line(tmp_path: Path) -> None:
    (study,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "sweeps.md").read_text("utf-8"), re.S)
    (tmp_path / "mine" / "study").mkdir(parents=True)
    (tmp_path / "mine" / "study" / "reach.yaml").write_text(study)
    words = ["--config-dir", "mine"]
    assert ", reach, " in " ".join(command(tmp_path, *words, "--help").stdout.split())
    done = command(tmp_path, *words, "-m", "+study=reach", "seq_len=8,10", "train.steps=1", "hydra.sweep.dir=out")
    assert done.returncode == 0, done.stderr
    runs = load(tmp_path / "out").runs
    assert set(zip(runs.cell, runs.seq_len, runs.weight_scale, strict=True)) == set(
        itertools.product(["rnn", "lstm"], [8, 10], [0.9, 1.0])
    )
    wrong = command(tmp_path, *words, "-m", "study=reach")
    assert wrong.returncode == 1
    assert "+study=NAME" in wrong.stderr
    assert ", reach, " in wrong.stderr
