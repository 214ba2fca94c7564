"""In how many directions do the states differ?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.analysis.words import spread
from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd

    from harness.measure.moment import Moment

COLUMNS = ["member", "layer", "part", "t", "participation_ratio", "effective_rank", "units"]


class Dimension(Probe):
    """In how many directions the states of many samples differ, step by step.

    A row per member, layer, part of the state and time step. Of the covariance of the states over held-out samples that
    have this step, with eigenvalues λ: ``participation_ratio`` is (Σλ)² / Σλ², ``effective_rank`` is e to the power of
    the entropy of √λ / Σ√λ. Both are k where k directions vary alike and no other one does, and grow up to the number
    of ``units``; small directions count more in the second. 0 where all states are the same, as before anything is
    read; NaN where they are not finite.

    Costs about 2 plain probes (32 units, T = 20, CPU time). Memory: the states at the chosen steps.

    Source: Gao, Trautmann, Yu, Santhanam, Ryu, Shenoy, Ganguli, "A theory of multineuronal dimensionality, dynamics and
    measurement", bioRxiv 214262, 2017 (participation ratio); Roy, Vetterli, "The effective rank: a measure of effective
    dimensionality", EUSIPCO 2007.
    """

    name = "dimension"

    samples: int = Field(256, ge=2, description="held-out samples; no more directions than these can be seen")
    steps: int = Field(12, ge=1, description="time steps to look at, spread evenly over the sequence")

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd

        from harness.measure.states import states_at

        network, data = moment.network, moment.fresh(self.samples, "dimension")
        steps = [int(step) for step in spread(range(1, data.inputs.shape[1] + 1), self.steps)]
        there = [data.reach(t).cpu().numpy() for t in steps]
        rows = [
            (member, layer, part, t, *dimensions(states[member][place][there[place][member]]), states.shape[-1])
            for layer, parts in enumerate(states_at(network, data, steps), start=1)
            for part, states in parts.items()
            for member in range(len(states))
            for place, t in enumerate(steps)
        ]
        return pd.DataFrame(rows, columns=COLUMNS)


def dimensions(states: NDArray[np.float64]) -> tuple[float, float]:
    """Participation ratio and effective rank of states (N, units); NaN of less than two."""
    if len(states) < 2:
        return np.nan, np.nan
    size = np.abs(states).max(initial=0)
    if not np.isfinite(size):
        return np.nan, np.nan
    centred = states / size if size > 0 else states
    centred = centred - centred.mean(axis=0)
    singular = np.linalg.svd(centred, compute_uv=False)
    # What rounding leaves of equal states is no direction.
    singular = np.where(singular > 1e-13 * np.sqrt(len(states)), singular, 0.0)
    if not singular.any():
        return 0.0, 0.0
    singular = singular / singular.max()
    squares, shares = np.square(singular), singular[singular > 0] / singular.sum()
    ratio = float(squares.sum() ** 2 / np.square(squares).sum())
    return ratio, float(np.exp(-(shares * np.log(shares)).sum()))
