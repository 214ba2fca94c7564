"""Makes ``results/showcase``: ``make showcase``. A small sweep, a minute or two, and of its results what is kept.

What is kept is what a reader wants (the report, its figures, the tables) without what only a sweep needs that goes on.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from pages import save, typed

import harness
from harness.api.words import words_of
from harness.report.build import build
from harness.sweeping.provenance import read_provenance

ROOT = Path(__file__).parent.parent
PLACE = Path("results/showcase")

SETTINGS: dict[str, Any] = {
    "cell": ["feedforward", "rnn", "lstm"],
    "seq_len": [20, 80],
    "weight_scale": [0.8, 1.2],
    "seed": [0, 1, 2],
    "probe": {"every": 150},
}
"""The study of ``make demo``, smaller."""

COMMAND = typed(["-m", "+study=dish", *words_of(SETTINGS, several=True)[0]])

COLOURS = 128
"""Of a picture: it has a third of its size then, and looks the same."""

MOST = 3_000_000
"""Bytes of all that is kept."""


def sweep(directory: Path) -> harness.Results:
    """Run the sweep."""
    return harness.sweep(study="dish", directory=directory, **SETTINGS)


def keep(results: Path, place: Path) -> None:
    """Make the showcase of results, in place of what was there.

    Args:
        place: relative, as it stands in the report's commands.

    Raises:
        ValueError: it is larger than `MOST`.
    """
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(results / "tables", place / "tables")
    # Of whom it was made by, no word: the same code makes the same page.
    known = {"study": "dish", "command": COMMAND, "versions": read_provenance(results)["versions"]}
    (place / "provenance.json").write_text(json.dumps(known, indent=2) + "\n")
    build(place, harness.load(place))
    for path in place.glob("figures/*.svg"):  # they stand in the page
        path.unlink()
    for path in place.glob("figures/*.png"):
        save(path, path.read_bytes(), COLOURS)
    if (size := sum(path.stat().st_size for path in place.rglob("*") if path.is_file())) > MOST:
        raise ValueError(f"{place}: {size} bytes; at most {MOST}")


def main() -> None:
    """Make it anew."""
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        sweep(Path(folder, "sweep"))
        keep(Path(folder, "sweep"), PLACE)
    print(PLACE / "report.html")


if __name__ == "__main__":
    main()
