"""What is handed out: the wheel holds all that the program needs, the source archive all that a developer needs."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.helpers.sweeps import ROOT

pytestmark = pytest.mark.slow

OF_TOOLS = ("__pycache__", ".ipynb_checkpoints", ".hypothesis")

IN_SOURCES = {
    "harness", "conf", "experiments", "tests", "docs", "mkdocs.yml", "constraints.txt", "Makefile", "LICENSE",
    "README.md", "README.zh.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "pyproject.toml", ".gitignore",
    "PKG-INFO",
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both; the wheel is made from the archive."""
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def below(folder: str) -> set[str]:
    """The files of a folder of the tree."""
    found = [path for path in (ROOT / folder).rglob("*") if path.is_file() and not {*OF_TOOLS} & {*path.parts}]
    return {path.relative_to(ROOT).as_posix() for path in found}


def test_the_wheel_holds_the_package_with_all_its_data_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    beside = {f"harness/{name}" for folder in ("conf", "experiments") for name in below(folder)}
    assert names == below("harness") | beside
    for needed in ("harness/conf/study/dish.yaml", "harness/experiments/recall_dish.py",
                   "harness/engine/scan/kernel.c.j2", "harness/report/templates/report.html.j2",
                   "harness/plugins/templates/cell.py.txt", "harness/serve/static/live.js",
                   "harness/locale/zh/LC_MESSAGES/harness.mo",
                   "harness/report/fonts/NotoSansSC-Regular.ttf"):  # fmt: skip
        assert needed in names


def test_the_source_archive_holds_what_a_developer_needs_and_no_stray_files(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        paths = [Path(*Path(name).parts[1:]) for name in file.getnames()]
    assert {path.parts[0] for path in paths} <= IN_SOURCES
    assert {"harness", "conf", "experiments", "tests", "docs", "constraints.txt"} <= {path.parts[0] for path in paths}
    assert not [path for path in paths if {*OF_TOOLS} & {*path.parts}]


def test_both_are_small_and_their_description_can_be_rendered(built: Path) -> None:
    assert all(path.stat().st_size < 6e6 for path in built.iterdir())
    words = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2
