"""What the tables say, in sentences. Every sentence is made from the tables and true of them, or not made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.analysis.about_accuracy import baseline, contrast_in_words, reach
from harness.analysis.about_gradient import after_training, before_training, correlation, without_factor
from harness.analysis.about_trouble import pruned, trouble
from harness.analysis.conditions import by_condition
from harness.analysis.runs import finished, shown_versions

if TYPE_CHECKING:
    import pandas as pd

    from harness.tables.tables import Tables


def findings(tables: Tables) -> list[str]:
    """Sentences about the results, the most telling first."""
    shown, left_out = shown_versions(tables.runs)
    found = [(f"{version}: " if version else "") + sentence for version, runs in shown for sentence in _sentences(runs)]
    return [*found, *filter(None, [left_out]), *pruned(tables.runs)]


def _sentences(runs: pd.DataFrame) -> Iterator[str]:
    done = finished(runs)
    if len(done):
        groups = by_condition(done)
        yield from contrast_in_words(groups)
        yield from reach(groups, "every run" if len(done) == len(runs) else "every run that did not fail")
        able = done[done.has_memory.fillna(True).astype(bool)]
        yield from before_training(groups)
        yield from without_factor(able, "_init", "Before training")
        if (done.steps.astype(float) > 0).any():
            yield from after_training(groups)
            yield from without_factor(able, "", "After training")
        yield from correlation(able)
        yield from baseline(groups)
    yield from trouble(runs)
