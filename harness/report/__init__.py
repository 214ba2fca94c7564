"""From tables to a page that can be read without the code: claims, sentences, figures, samples, the table of runs.

In: the tables of a results directory. Out: ``report.html``, ``report.md`` and ``figures/``; a summary on the terminal.
"""
