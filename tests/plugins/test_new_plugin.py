"""``python -m harness.plugins new``, the examples of docs/plugins.md, and the example package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest

import harness
from harness.plugins.__main__ import main
from harness.plugins.finding import import_file
from harness.testing import check_cell, check_experiment, check_figure, check_probe
from tests.helpers.sweeps import command

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "tests" / "example_package"
CHECKS = {"echo": check_experiment, "damped": check_cell, "stuck": check_probe, "last_loss": check_figure}


@pytest.mark.parametrize("kind", ["experiment", "cell", "probe", "figure"])
def test_a_started_plugin_keeps_the_contract_as_it_stands(kind: str, tmp_path: Path, capsys) -> None:
    assert main(["new", kind, "my_first", "--into", str(tmp_path)]) == 0
    file = tmp_path / "my_first.py"
    said = capsys.readouterr().out
    assert f"python -m harness 'plugins=[{file}]'" in said
    assert (f"python -m harness -m 'plugins=[{file}]' +study=my_first" in said) == (kind == "experiment")
    done = command(tmp_path, "-q", "-p", "no:cacheprovider", "test_my_first.py", module="pytest")
    assert done.returncode == 0, done.stdout
    assert "MyFirst" in (tmp_path / "my_first.py").read_text()
    assert not re.search("@[A-Z]+@", (tmp_path / "my_first.py").read_text())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new", "cell", "lstm"], "taken by the cell in cells/gated/lstm.py"),
        (["new", "cell", "My Cell"], "valid: lower-case"),
        (["new", "probe", "mine"], "exists already; valid: another name"),
        (["no_such_file.py"], "no such file"),
    ],
)
def test_what_cannot_be_started_is_said_in_a_line(words: list[str], said: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "test_mine.py").write_text("kept")
    into = ["--into", str(tmp_path)] if words[0] == "new" else []
    assert main([*words, *into]) == 1
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["test_mine.py"]


def test_a_kind_of_plugin_that_there_is_not_is_named_with_those_that_there_are(tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["new", "task", "mine", "--into", str(tmp_path)])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "invalid choice: 'task'" in said
    assert all(kind in said for kind in ("cell", "experiment", "figure", "probe"))
    assert "[--into DIR]" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", CHECKS)
def test_the_code_of_the_docs_is_that_of_the_example_package_and_keeps_the_contract(module: str) -> None:
    path = PACKAGE / "rnn_extras" / f"{module}.py"
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "plugins.md").read_text("utf-8"), re.S)
    assert path.read_text("utf-8") in blocks
    found = import_file(f"example_{module}", path)
    (plugin,) = [each for each in vars(found).values() if getattr(each, "__module__", "") == found.__name__]
    CHECKS[module](plugin())


@pytest.mark.slow
def test_a_package_of_somebody_else_brings_its_plugins_in_an_environment_of_its_own(tmp_path: Path) -> None:
    # Its own environment sees the packages of this one, but neither the harness's sources nor the example's.
    venv.create(tmp_path / "venv", with_pip=find_spec("pip") is None, system_site_packages=False)
    python = tmp_path / "venv" / "bin" / "python"
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    (site / "outer.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))

    def call(*words: str) -> str:
        done = subprocess.run(
            [python, *words], cwd=tmp_path, text=True, capture_output=True, check=False, timeout=400,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    mine = shutil.copytree(PACKAGE, tmp_path / "package")
    call("-m", "pip", "install", "--quiet", "--no-deps", "--ignore-installed", str(ROOT), str(mine))
    assert str(site) in call("-c", "import harness; print(harness.__file__)")
    listed = call("-m", "harness.plugins")
    for kind, name in (("experiment", "echo"), ("cell", "damped"), ("probe", "stuck"), ("figure", "last_loss")):
        assert re.search(rf"{kind} +{name} +rnn_extras\.{name}", listed), listed
    for kind, name in (("experiment", "recall_dish"), ("study", "dish")):
        assert re.search(rf"{kind} +{name} ", listed), listed
    call("-m", "pytest", "-q", str(mine / "tests"))
    out = tmp_path / "out"
    quick = ["train.steps=20", "cell=damped,rnn", "seq_len=12", "experiment.delay=2", f"hydra.sweep.dir={out}"]
    call("-m", "harness", "-m", "+study=echo", "probes=[stuck]", "probes.stuck.limit=0.9", *quick)
    assert (out / "figures" / "last_loss.png").exists()
    tables = harness.load(out)
    assert tables.curves["stuck.share"].notna().all()
    assert {*tables.runs.cell} == {"damped", "rnn"}
