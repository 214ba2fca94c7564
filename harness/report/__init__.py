"""The report of a results directory: one self-contained HTML page, its Markdown twin, and the figures as files.

In: the tables of a sweep, the plugins' claims and figures, what of the plan is missing. Out: ``report.html``,
``report.md``, ``figures/`` and ``artefacts/`` (`harness.report.build`), and the findings on the terminal.
``python -m harness.report DIR [DIR ...]`` builds reports anew, from their tables.
"""
