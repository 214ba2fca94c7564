"""Faults that change nothing that a run, a table or a sentence says: no test can notice them, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def _read(text: str) -> Iterator[tuple[tuple[str, str, str], str]]:
    path = reason = before = ""
    for line in text.splitlines():
        sign, own = line[:4], line[4:]
        if sign == "  - ":
            before = own
        elif sign == "  + ":
            yield (path, before, own), reason
        elif line:
            path, _, reason = line.partition(": ")


EQUIVALENT = dict(_read(Path(__file__).with_suffix(".txt").read_text("utf-8")))
"""The reason by module and by the line before and with the fault, without indentation.

They stand in ``equivalent.txt`` as faults are printed, with the reason after the module's name; where several faults of
one line have the same reason, below each other."""
