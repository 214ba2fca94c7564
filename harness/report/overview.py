"""What stands at the head of a report, and how its results came about."""

from __future__ import annotations

import math

import pandas as pd

from harness.analysis.runs import varied_options


def overview(runs: pd.DataFrame) -> str:
    """``108 runs: 4 cells × 3 lengths × 3 weight scales × 3 seeds``, with commas where it is no such product."""
    words = {"cell": "cells", "seq_len": "lengths", "weight_scale": "weight scales", "seed": "seeds"}
    words |= {option: f"values of {option.removeprefix('experiment.')}" for option in varied_options(runs)}
    counts = {word: count for key, word in words.items() if (count := runs[key].nunique()) > 1}
    join = " × " if math.prod(counts.values()) == len(runs) else ", "
    varying = join.join(f"{count} {word}" for word, count in counts.items())
    return ("1 run" if len(runs) == 1 else f"{len(runs)} runs") + (f": {varying}" if varying else "")
