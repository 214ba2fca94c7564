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
import json, runpy, sys
heavy, module, *words = sys.argv[1:]
sys.argv = [module, *words]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit:
    pass
print("LOADED", json.dumps([name for name in json.loads(heavy) if name in sys.modules]))
"""


def loaded(directory: Path, module: str, *words: str, **env: str) -> list[str]:
    """The heavy libraries that ``python -m module …`` has loaded when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(HEAVY), module, *words],
        cwd=directory, env={**os.environ, "PYTHONPATH": str(ROOT), **env}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    last = done.stdout.splitlines()[-1]
    assert last.startswith("LOADED "), done.stderr
    return json.loads(last.removeprefix("LOADED "))


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["cell=lstm", "--cfg", "job"],
        ["cell=lstmm"],
        ["hidden_sise=3"],
        ["-m", "seq_len=20,3"],
        ["seq_len=abc"],
        ["device=tpu"],
        ["tracker=nobody"],
        ["-m", "study=dish"],
        ["resume=nowhere"],
    ],
    ids=" ".join,
)
def test_showing_and_refusing(words: list[str], tmp_path: Path) -> None:
    assert loaded(tmp_path, "harness", *words) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", ["cell=lst", "+study=d", "probes.gates."])
def test_completing(line: str, tmp_path: Path) -> None:
    assert loaded(tmp_path, "harness", "--shell-completion", "query=bash", COMP_LINE=f"harness {line}") == []


def test_listing_plugins(tmp_path: Path) -> None:
    assert loaded(tmp_path, "harness.plugins") == []


def test_importing_the_package_and_what_plugins_import() -> None:
    faces = ["harness", "harness.experiment", "harness.claims", "harness.cells", "harness.probes", "harness.figures"]
    code = f"import sys, {', '.join(faces)}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_the_package_offers_is_there_when_it_is_used() -> None:
    assert {"load", "Tables"} <= set(dir(harness))
    assert harness.load.__module__ == "harness.tables.gather"
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        harness.lode  # noqa: B018 -- the access is the test
