"""Faults that change nothing that a run, a table or a sentence says: no test can notice them, and why."""

from __future__ import annotations

EQUIVALENT: dict[str, dict[str, str]] = {}
"""For each module the line with the fault in it, without its indentation, and the reason."""
