"""The pages of folders: the sweeps in and below one, how the sweep stands whose folder it is, and its files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2

from harness.serve.places import address, entries
from harness.serve.standing import Observer, Standing, is_sweep
from harness.sweeping.provenance import resuming
from harness.sweeping.watch import clock

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)

EVERY = {True: 2, False: 10}
"""Seconds between two looks of a page at its news, while something runs and while nothing does."""

MOST_ENTRIES = 2000
"""Most files of a folder that are listed."""


def folder_page(root: Path, folder: Path, observer: Observer) -> str:
    """The page of a folder below the root, or of the root itself."""
    here = observer.standing(folder) if is_sweep(folder) else None
    sweeps = [] if here else observer.sweeps(folder)
    found = entries(folder)
    running = any(each.state == "running" for each in (here, *sweeps) if each)
    view = {
        "title": "/".join([root.name, *folder.relative_to(root).parts]),
        "trail": _trail(root, folder),
        "here": _sweep(root, here) if here else None,
        "sweeps": [_sweep(root, each) for each in sweeps],
        "entries": [_entry(each) for each in found[:MOST_ENTRIES]],
        "more": max(len(found) - MOST_ENTRIES, 0),
        "every": EVERY[running],
    }
    return TEMPLATES.get_template("folder.html.j2").render(view)


def _trail(root: Path, folder: Path) -> list[tuple[str, str]]:
    """Names and addresses of the folders above, from the root on."""
    above = [folder, *folder.parents][: len(folder.relative_to(root).parts) + 1]
    return [(each.name or str(each), address(root, each)) for each in reversed(above)]


def _sweep(root: Path, standing: Standing) -> dict[str, Any]:
    """What is shown of a sweep."""
    counts = standing.statuses
    report = standing.directory / "report.html"
    return {
        "address": address(root, standing.directory),
        "name": "/".join(standing.directory.relative_to(root).parts) or standing.directory.name,
        "report": address(root, report) if report.is_file() else "",
        "comparisons": [(path.name, address(root, path)) for path in sorted(standing.directory.glob("compare-*.html"))],
        "percent": int(100 * standing.share),
        "left_words": clock(standing.seconds_left) if standing.seconds_left is not None else "",
        "failed": counts["failed"],
        "diverged": counts["diverged"],
        "resume": resuming(standing.directory),
        "standing": standing,
    }


def _entry(path: Path) -> dict[str, Any]:
    """A file or folder in a list; a folder has no size."""
    known = path.stat()
    slash = "/" if path.is_dir() else ""
    return {
        "name": path.name + slash,
        "address": "./" + address(path.parent, path).lstrip("/"),
        "size": None if slash else known.st_size,
        "changed": datetime.fromtimestamp(known.st_mtime).strftime("%Y-%m-%d %H:%M"),
    }
