"""What stands at the head of a report, and how its results came about."""

from __future__ import annotations

import math

import pandas as pd

from harness.analysis.runs import with_names
from harness.analysis.words import counted_runs
from harness.base.language import gettext as _
from harness.tables.varied import WITH_NAMES_OF_THEIR_OWN, varied


def overview(runs: pd.DataFrame) -> str:
    """``108 runs: 4 cells × 3 lengths × 3 weight scales × 3 seeds``, with commas where it is no such product."""
    words = {
        "cell": _("{count} cells"),
        "seq_len": _("{count} lengths"),
        "weight_scale": _("{count} weight scales"),
        "seed": _("{count} seeds"),
    }
    named_otherwise = (*WITH_NAMES_OF_THEIR_OWN, "variant", "who")
    own = [key for key in varied(runs) if key not in named_otherwise and not key.startswith("cell.")]
    values_of = _("{{count}} values of {setting}")
    words |= {key: values_of.format(setting=key.removeprefix("experiment.")) for key in own}
    counts = {key: count for key in words if (count := runs[key].nunique(dropna=False)) > 1}
    named = with_names(runs)
    if (count := named.who.nunique()) > named.cell.nunique():
        words["who"] = _("{count} variants of cells")
        counts = {"who": count} | {key: count for key, count in counts.items() if key != "cell"}
    join = " × " if math.prod(counts.values()) == len(runs) else _(", ")
    varying = join.join(words[key].format(count=count) for key, count in counts.items())
    everything = counted_runs(len(runs))
    return _("{runs}: {varying}").format(runs=everything, varying=varying) if varying else everything
