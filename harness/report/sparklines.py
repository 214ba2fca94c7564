"""Sparklines: a cell's gradient profile before training as a small picture between words, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.analysis.words import evenly, spread
from harness.base.language import gettext as _
from harness.figures.drawing.colours import palette, shades
from harness.figures.drawing.crowd import HIGHEST, LOWEST, MOST_SCALES, relative_to_first
from harness.figures.drawing.rows import memory_exponents
from harness.tables.tables import Tables
from harness.tables.varied import as_typed

WIDTH, HEIGHT = 120, 36
"""Of a picture, in pixels of the page."""

MOST_POINTS = 60
"""Most points of a line: more could not be told apart."""


def profiles_before_training(tables: Tables, runs: pd.DataFrame) -> pd.DataFrame:
    """How much of the answer's gradient reaches each lag before training, at the longest length.

    Returns:
        ``who``, ``weight_scale``, ``lag`` and ``exponent``: log10 of the gradient, the median over the runs, relative
        to that of the first lag that receives any. A gradient of exactly zero has -inf.
    """
    longest = runs[runs.seq_len == runs.seq_len.max()]
    found = memory_exponents(tables, longest, trained=False)
    found["exponent"] = relative_to_first(found, "lag", "middle")
    return found[["who", "weight_scale", "lag", "exponent"]].sort_values(["who", "weight_scale", "lag"])


def sparklines(profiles: pd.DataFrame, runs: pd.DataFrame) -> dict[str, str]:
    """The picture of every cell or variant in ``profiles``: a line per weight scale, from light (the smallest) to dark.

    Args:
        profiles: of `profiles_before_training`.
        runs: those of the report, which say each cell's colour.
    """
    colours = palette(runs)
    scales = spread(profiles.weight_scale, MOST_SCALES)
    found = {}
    for who, own in profiles.groupby("who"):
        lines = [
            (line.lag.to_numpy(), line.exponent.to_numpy(dtype=np.float64), shade)
            for scale, shade in zip(scales, shades(colours[str(who)], len(scales)), strict=True)
            if len(line := own[own.weight_scale == scale])
        ]
        found[str(who)] = _svg(lines, _in_words(own))
    return found


def _svg(lines: Sequence[tuple[NDArray[np.int64], NDArray[np.float64], str]], words: str) -> str:
    """Lines over a thin one at 1, the gradient at the answer."""
    level = _height(np.zeros(1))[0]
    drawn = "".join(
        f'<polyline points="{_points(lags, exponents)}" fill="none" stroke="{shade}" stroke-width="1.4"/>'
        for lags, exponents, shade in lines
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{words}"><path d="M0 {level:g}H{WIDTH}" stroke="#808489" stroke-width=".6" '
        f'stroke-dasharray="2 2"/>{drawn}</svg>'
    )


def _points(lags: NDArray[np.int64], exponents: NDArray[np.float64]) -> str:
    """``x,y x,y …`` of what is no NaN, the first and the last among them."""
    known = ~np.isnan(exponents)
    lags, exponents = lags[known], exponents[known]
    places = evenly(range(len(lags)), MOST_POINTS)
    x = lags[places] * (WIDTH / max(int(lags.max(initial=0)), 1))
    y = _height(exponents[places])
    return " ".join(f"{each:.4g},{high:.4g}" for each, high in zip(x, y, strict=True))


def _height(exponents: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels from the upper edge; what is beyond an edge lies on it, and a line there is still seen whole."""
    share = (HIGHEST - exponents.clip(LOWEST, HIGHEST)) / (HIGHEST - LOWEST)
    return np.asarray(1 + share * (HEIGHT - 2))


def _in_words(own: pd.DataFrame) -> str:
    """What the picture shows, for those who do not see it: where the line of the middle weight scale ends."""
    scales = sorted(own.weight_scale.unique())
    line = own[own.weight_scale == scales[len(scales) // 2]]
    last = line.exponent.iloc[-1]
    amount = _("nothing") if np.isneginf(last) else _("an undefined share") if np.isnan(last) else f"{10.0**last:.2g}"
    left = _("at lag {lag} {amount} of the gradient is left, at weight scale {scale}")
    return left.format(lag=line.lag.iloc[-1], amount=amount, scale=as_typed(line.weight_scale.iloc[0]))
