"""What only shows, completes or refuses something does it without the libraries that take long to load.

Looked at is what a process has imported in the end, not the clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import harness

ROOT = Path(harness.__file__).parent.parent

HEAVY = [
    "torch", "pandas", "pyarrow", "matplotlib", "seaborn", "scipy", "sklearn", "rich", "jinja2", "joblib",
    "multiprocessing", "asyncio",
]  # fmt: skip

RUN = """
import contextlib, io, json, os, sys
from harness.command_line import main
heavy, commands = map(json.loads, sys.argv[1:])
for words in commands:
    os.environ.pop("COMP_LINE", None)
    if "--shell-completion" in words:
        os.environ["COMP_LINE"] = words.pop()
    sys.argv = ["harness", *words]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            main()
        except SystemExit:
            pass
    print(json.dumps([name for name in heavy if name in sys.modules]), *words)
"""

COMMANDS = [
    ["--help"],
    ["--shell-completion", "query=bash", "harness cell=lst"],
    ["--shell-completion", "query=bash", "harness probes=[gates] probes.gates."],
    ["cell=lstm", "--cfg", "job"],
    ["cell=lstmm"],
    ["hidden_sise=3"],
    ["-m", "seq_len=20,3"],
    ["device=tpu"],
    ["tracker=nobody"],
    ["seed=0", "-m", "study=dish"],
    ["resume=nowhere"],
    ["plugins=[nowhere.py]"],
]


def python(directory: Path, *words: str) -> list[str]:
    """The lines that Python prints."""
    return subprocess.run(
        [sys.executable, *words], cwd=directory, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip


def test_showing_completing_and_refusing(tmp_path: Path) -> None:
    lines = python(tmp_path, "-c", RUN, json.dumps(HEAVY), json.dumps(COMMANDS))
    assert len(lines) == len(COMMANDS)
    assert [line for line in lines if not line.startswith("[] ")] == []
    assert list(tmp_path.iterdir()) == []


def test_listing_plugins(tmp_path: Path) -> None:
    listed = "from harness.plugins.__main__ import main; main([])"
    code = f"import sys; {listed}; print([name for name in {HEAVY} if name in sys.modules])"
    assert python(tmp_path, "-c", code)[-1] == "[]"


def test_importing_the_package_and_what_plugins_import(tmp_path: Path) -> None:
    faces = "harness, harness.experiment, harness.claims, harness.cells, harness.probes, harness.figures"
    code = f"import sys, {faces}; print([name for name in {HEAVY} if name in sys.modules])"
    assert python(tmp_path, "-c", code) == ["[]"]


def test_what_the_package_offers_is_there_when_it_is_used() -> None:
    assert {"load", "Tables"} <= set(dir(harness))
    assert harness.load.__module__ == "harness.api.results"
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        harness.lode  # noqa: B018 -- the access is the test
