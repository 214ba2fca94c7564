"""Executes the notebooks in ``docs/notebooks`` and keeps what they show: ``python docs/make_notebooks.py [NAME …]``.

Each runs in an empty folder, from its first cell on, so that what is committed is what a reader gets. A minute for all.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent / "notebooks"

AT_MOST = 600
"""Seconds that a cell may take."""


def executed(path: Path) -> nbformat.NotebookNode:
    """A notebook with what its cells show now.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell has failed.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=AT_MOST, resources=where, record_timing=False).execute()
    notebook.metadata["language_info"] = {"name": "python"}  # without the version of the one who made it
    return notebook


def main(names: list[str]) -> None:
    """Execute notebooks, all or those of these names, and write them back."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if not names or path.stem in names:
            nbformat.write(executed(path), path)
            print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
