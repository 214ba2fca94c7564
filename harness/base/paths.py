"""Finding plugins, and ``python -m harness.plugins``: what there is, one line each.

A plugin is a class with a ``name`` in a module of its own: a `Cell` in ``harness/cells``, an `Experiment`
in ``experiments``, a `Figure` in ``harness/figures``, a `Probe` in ``harness/probes``, or any of them in a
module that an installed package announces under the entry-point group ``harness.plugins``, or in a file that is
named with ``plugins=[path/to/file.py]``. Nothing is registered by hand. What cannot be used is listed as broken,
with the reason, and never stops the others.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def shipped_folder(name: str) -> Path:
    """Where ``conf`` and ``experiments`` lie: inside the installed package, or beside it in a source tree."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name
