"""Singular values of the whole way from one state to a later one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.analysis.words import spread
from harness.measure.vectors import unit
from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from harness.measure.moment import Moment

COLUMNS = [
    "member", "layer", "sample", "t", "lag", "rank", "log10_value", "log10_condition", "right", "left"
]  # fmt: skip


class Jacobian(Probe):
    """Singular values of d s_T / d s_t, the Jacobian of the state at a sample's answer by an earlier one.

    The largest says how far any direction of the state still matters, the number of those near it in how many
    directions. A row per member, layer, sample, lag (steps before the answer) and rank: ``log10_value``, the logarithm
    of the singular value with that rank (1: the largest; the last: as many as the state has numbers), -inf where it is
    exactly zero; ``log10_condition``, the largest over the smallest; ``right``, |cosine| of its right singular vector
    with the gradient that reaches s_t from the answer, and ``left``, that of its left one with the gradient at s_T;
    NaN where there is no such gradient. Of several layers, each by its own state.

    Values of any size keep their accuracy: see `harness.measure.products`.

    Cost: about 45 times a plain probe (two networks of 32 units, 60 steps, 32 sequences, on a CPU; state of 32 or
    64 numbers), growing with their cube, the lags and the samples; 60 MB.
    """

    name = "jacobian"

    samples: int = Field(2, ge=1, description="how many sequences of the probe batch to look at")
    lags: int = Field(24, ge=1, description="at how many lags, spread evenly from 1 to the first step")
    keep: int = Field(4, ge=1, description="how many of the largest singular values, and of the smallest")

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd

        from harness.measure.backwards import at_answers, back_from_answers

        moment, layers = moment.first(self.samples), range(1, moment.network.shape.num_layers + 1)
        lags = [int(lag) for lag in spread(range(1, int(moment.answer.max())), self.lags)]
        if not lags:
            return pd.DataFrame(columns=COLUMNS)
        at_end = at_answers(moment)
        on_the_way = {step.lag + 1: step.before for step in back_from_answers(moment, rescaled=True)}
        rows = []
        for layer in layers:
            joined = moment.layer_step(layer).joined
            arriving = {lag: joined(on_the_way[lag][layer - 1]) for lag in lags}
            rows.append(self._of_layer(moment, layer, arriving, joined(at_end[layer - 1])))
        return pd.concat(rows, ignore_index=True)

    def _of_layer(self, moment: Moment, layer: int, arriving: dict[int, Tensor], at_end: Tensor) -> pd.DataFrame:
        """The rows of a layer.

        Args:
            arriving: by lag the gradient that reaches the state, (K, n, S).
            at_end: that at the answer.
        """
        import pandas as pd

        from harness.measure.products import products_back

        rows: dict[str, list[NDArray[Any]]] = {name: [] for name in COLUMNS}
        answer, last = moment.answer.cpu().numpy(), at_end.flatten(0, 1).cpu().numpy()
        member, sample = (each.ravel() for each in np.indices(answer.shape))
        for lag, logs, right, left in products_back(moment, layer, [*arriving]):
            size = logs.shape[1]
            ranks = np.array([rank for rank in range(size) if rank < self.keep or rank >= size - self.keep])
            place, rank = (
                each.ravel() for each in np.meshgrid(np.flatnonzero(answer.ravel() > lag), ranks, indexing="ij")
            )
            gradient = arriving[lag].flatten(0, 1).cpu().numpy()
            with np.errstate(all="ignore"):
                condition = (logs[:, 0] - logs[:, -1]) / np.log(10)
            found = (
                member[place], np.full(len(place), layer), sample[place], answer.ravel()[place] - lag,
                np.full(len(place), lag), rank + 1, logs[place, rank] / np.log(10), condition[place],
                cosines(right, gradient)[place, rank], cosines(left, last)[place, rank],
            )  # fmt: skip
            for name, values in zip(COLUMNS, found, strict=True):
                rows[name].append(values)
        return pd.DataFrame({name: np.concatenate(values) for name, values in rows.items()})


def cosines(vectors: NDArray[np.float64], gradient: NDArray[np.float64]) -> NDArray[np.float64]:
    """|cosine| of unit vectors, the columns of (N, S, S), with gradients (N, S).

    NaN where a gradient is zero or no number.
    """
    direction, _ = unit(gradient)
    with np.errstate(all="ignore"):
        return np.minimum(np.abs(np.einsum("ns,nsr->nr", direction, vectors)), 1)
