"""The first example of a new experiment, and the commands of README and of the page of sweeps, as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.plugins.finding import import_file
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.training.pack import run
from tests.conftest import Config
from tests.helpers.sweeps import ROOT


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
    words = [word for word in line.split()[3:] if word != "-m"]
    one_each = [word.split(",")[0] for word in words]
    done = subprocess.run(
        [sys.executable, "-m", "harness", "--cfg", "job", *one_each],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
