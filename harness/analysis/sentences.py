"""What the tables say, in sentences. Every sentence is made from the tables and true of them, or not made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.analysis.about_accuracy import baseline, contrast_in_words, reach
from harness.analysis.about_families import extremes_before_training, how_many_solve, verdicts_before_training
from harness.analysis.about_gradient import after_training, before_training, correlation, without_factor
from harness.analysis.about_lengths import beyond_training
from harness.analysis.about_trouble import pruned, trouble
from harness.analysis.conditions import by_condition
from harness.analysis.families import families, many
from harness.analysis.runs import finished, shown_versions
from harness.base.language import gettext as _

if TYPE_CHECKING:
    import pandas as pd

    from harness.tables.tables import Tables


def findings(tables: Tables) -> list[str]:
    """Sentences about the results, the most telling first; of many cells, those about all of them together."""
    shown, left_out = shown_versions(tables.runs)
    of = _("{version}: {sentence}")
    found = [
        of.format(version=version, sentence=sentence) if version else sentence
        for version, runs in shown
        for sentence in _sentences(runs, tables)
    ]
    return [*found, *filter(None, [left_out]), *pruned(tables.runs)]


def findings_by_family(tables: Tables) -> dict[str, list[str]]:
    """Of many cells, the sentences about each one, by its family; nothing where `findings` tells of all.

    Args:
        tables: of one version of a task.
    """
    runs = tables.runs
    done = finished(runs)
    if not many(done):
        return {}
    groups, every = by_condition(done), _every(done, runs)
    found = {}
    for family, members in families(done).items():
        own, of_family = groups[groups.who.isin(members)], done[done.who.isin(members)]
        beyond = beyond_training(tables, of_family, every)
        found[family] = [*reach(own, every), *beyond, *_gradient(own, of_family)]
    return {family: sentences for family, sentences in found.items() if sentences}


def _sentences(runs: pd.DataFrame, tables: Tables) -> Iterator[str]:
    done = finished(runs)
    if len(done):
        groups, every = by_condition(done), _every(done, runs)
        yield from contrast_in_words(groups)
        if many(done):
            yield from how_many_solve(groups, every)
            yield from verdicts_before_training(_able(done))
            yield from extremes_before_training(groups)
        else:
            yield from reach(groups, every)
            yield from beyond_training(tables, done, every)
            yield from _gradient(groups, done)
        yield from correlation(_able(done))
        yield from baseline(groups)
    yield from trouble(runs)


def _gradient(groups: pd.DataFrame, done: pd.DataFrame) -> Iterator[str]:
    """What the gradient of each cell does, before training and, if there was one, after it."""
    able = _able(done)
    yield from before_training(groups)
    yield from without_factor(able, trained=False)
    if (done.steps.astype(float) > 0).any():
        yield from after_training(groups)
        yield from without_factor(able, trained=True)


def _able(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of cells with memory."""
    return runs[runs.has_memory.fillna(True).astype(bool)]


def _every(done: pd.DataFrame, runs: pd.DataFrame) -> str:
    """Where "all runs" do something."""
    return _("in every run") if len(done) == len(runs) else _("in every run that did not fail")
