"""What tables say: which runs count, what groups of them have in common, and that in sentences.

In: the tables of a sweep. Out: the runs that have an outcome, the versions of a task, the conditions (all runs of one
variant of a cell, one length and one weight scale) with their means, findings as sentences, numbers as words. Figures,
the report and the experiments' claims (`harness.claims`) are made with it.
"""

from harness.analysis.conditions import by_condition
from harness.analysis.runs import CONDITION, finished, shown_versions, varied_options, versions
from harness.analysis.sentences import findings
from harness.analysis.words import factor, listed, percent, spread, together

__all__ = [
    "CONDITION", "by_condition", "factor", "findings", "finished", "listed", "percent", "shown_versions", "spread",
    "together", "varied_options", "versions",
]  # fmt: skip
