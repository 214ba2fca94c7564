"""Does the far past send signal or noise?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from harness.measure.moment import Moment

COLUMNS = ["member", "layer", "part", "lag", "mean", "spread", "ratio", "unit_q50", "unit_q90", "noise", "samples"]


class Signal(Probe):
    """The mean gradient over the batch against its spread, step by step back from the answer.

    What samples agree on shifts a state, as a bias does; what they disagree on cancels, unless weights tell the samples
    apart. A row per member, layer, part and lag (steps before each sample's last judged output, whose gradient it
    is): ``mean``, the length of the mean over samples of the
    derivative by the state; ``spread``, the root mean squared distance of a sample's from it; ``ratio``, mean / spread,
    the signal-to-noise ratio; ``unit_q50`` and ``unit_q90``, median and 90 % quantile over units of each unit's own
    ratio; ``noise``, 1 / √samples, the ratio that random directions would have; and ``samples``, how many have such a
    lag. Ratios are NaN where all derivatives are zero, inf where they are all the same.

    Cost: twice a plain probe (two networks of 32 units, 60 steps, 32 sequences, on a CPU); memory: the derivatives
    by all states, once.
    """

    name = "signal"

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd
        import torch

        data, answer = moment.data, moment.answer
        step = answer[:, None] - torch.arange(int(answer.max()), device=answer.device)[:, None]
        asked = torch.from_numpy(data.answer > 0).to(step.device)[:, None]
        rows = [
            self._rows(values, step, (step > 0) & asked).assign(layer=layer, part=part)
            for layer, steps in moment.gradients_of(data.answer_loss).items()
            for part, values in steps.totals.items()
        ]
        return pd.concat(rows, ignore_index=True)[COLUMNS]

    @staticmethod
    def _rows(values: Tensor, step: Tensor, known: Tensor) -> pd.DataFrame:
        """Of derivatives (K, T, B, width), taken at the steps (K, L, B) that are known."""
        import pandas as pd

        from harness.measure.moment import rows_at
        from harness.measure.signal import signal

        vectors = rows_at(values, (step - 1).clamp(min=0)).double().cpu().numpy()
        found = signal(vectors, known.cpu().numpy())
        member, lag = (each.ravel() for each in np.indices(found.ratio.shape))
        by_unit = pd.DataFrame(found.by_unit.reshape(-1, vectors.shape[-1]).T)
        # "nearest": between two infinite values there is no number.
        middle, high = by_unit.quantile([0.5, 0.9], interpolation="nearest").to_numpy()
        samples = found.samples.ravel()
        noise = 1 / np.sqrt(np.where(samples > 0, samples, np.nan))
        return pd.DataFrame(
            {
                "member": member, "lag": lag, "mean": found.mean.ravel(), "spread": found.spread.ravel(),
                "ratio": found.ratio.ravel(), "unit_q50": middle, "unit_q90": high, "noise": noise, "samples": samples,
            }
        )  # fmt: skip
