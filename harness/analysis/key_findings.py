"""The few findings that stand unfolded on a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.analysis.about_gradient import correlation
from harness.analysis.families import with_families
from harness.analysis.headline import first_version
from harness.analysis.runs import finished

if TYPE_CHECKING:
    import pandas as pd

MOST = 3


def key_findings(runs: pd.DataFrame, expected: Sequence[str], found: Sequence[str]) -> list[str]:
    """The `MOST` findings that tell most: an answer to each of the three questions that a sweep is made for.

    Did come what was expected? The first claim that was tested. Who remembers, and who does not? The first of all
    findings. Does the gradient tell it beforehand? Whether it goes with accuracy. What has no answer in these runs
    leaves its place to the next one of all findings.

    Args:
        runs: the table of runs.
        expected: what came of the claims that were tested.
        found: all other findings, the most telling first (`harness.analysis.sentences.findings`).
    """
    done = finished(first_version(runs)[1])
    able = done[with_families(done).has_memory] if len(done) else done
    gradient = [each for said in (correlation(able) if len(able) else ()) for each in found if each.endswith(said)]
    return list(dict.fromkeys([*expected[:1], *found[:1], *gradient, *expected, *found]))[:MOST]
