"""Two sweeps side by side, as a page of its own: ``python -m harness.report DIR --compare DIR2``.

In: the tables of both sweeps, and where they come from. Out: ``DIR/compare-<DIR2>.html``, one self-contained file, and
its table as CSV; what has changed, and what of it is certain, comes from `harness.analysis.comparison`.
"""
