"""What stands at the head of a report, and how its results came about."""

from __future__ import annotations

import math

import pandas as pd

from harness.analysis.runs import with_names
from harness.tables.varied import WITH_NAMES_OF_THEIR_OWN, varied


def overview(runs: pd.DataFrame) -> str:
    """``108 runs: 4 cells × 3 lengths × 3 weight scales × 3 seeds``, with commas where it is no such product."""
    words = {"cell": "cells", "seq_len": "lengths", "weight_scale": "weight scales", "seed": "seeds"}
    named_otherwise = (*WITH_NAMES_OF_THEIR_OWN, "variant", "who")
    own = [key for key in varied(runs) if key not in named_otherwise and not key.startswith("cell.")]
    words |= {key: f"values of {key.removeprefix('experiment.')}" for key in own}
    counts = {word: count for key, word in words.items() if (count := runs[key].nunique(dropna=False)) > 1}
    named = with_names(runs)
    if (count := named.who.nunique()) > named.cell.nunique():
        counts = {"variants of cells": count} | {word: count for word, count in counts.items() if word != "cells"}
    join = " × " if math.prod(counts.values()) == len(runs) else ", "
    varying = join.join(f"{count} {word}" for word, count in counts.items())
    return ("1 run" if len(runs) == 1 else f"{len(runs)} runs") + (f": {varying}" if varying else "")
