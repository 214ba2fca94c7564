"""Checks of claims against tables, for `Experiment.bears_out`."""

from harness.analysis.claims import compare, solves_where_it_guesses

__all__ = ["compare", "solves_where_it_guesses"]
