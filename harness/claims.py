"""Checks of claims against tables, for `Experiment.bears_out`."""

from harness.analysis.claims import (
    Kind,
    compare,
    kinds,
    solves_only_short,
    solves_where_it_does_not,
    solves_where_it_guesses,
)

__all__ = ["Kind", "compare", "kinds", "solves_only_short", "solves_where_it_does_not", "solves_where_it_guesses"]
