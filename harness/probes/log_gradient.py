"""The answer's gradient on a logarithmic scale, however small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from harness.analysis.words import spread
from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd

    from harness.measure.moment import Moment


class LogGradient(Probe):
    """log10 of the transported gradient's norm, also where the norm itself is smaller or larger than any number.

    What the table ``transport`` holds, the norm of the derivative of each sample's last judged output by the state so
    many steps (the lag) before it, as a logarithm: numbers have an exponent of their own on the way back, so that
    nothing vanishes or overflows. It is computed in double precision whatever the probe's, from the weights as they
    are. A row per member, layer, part and lag: ``log10_norm``, the mean over samples, ``q10``, ``q50`` and ``q90`` of
    them, and ``samples``, how many have such a lag. -inf is exactly zero: nothing arrives.

    Cost: 4 times a plain probe (two networks of 32 units, 60 steps, 32 sequences, on a CPU); memory grows with √T:
    100,000 steps of one unit take 2 s.
    """

    name = "log_gradient"

    lags: int = Field(200, ge=2, description="at how many lags, spread evenly from 0 to the first step")

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd
        import torch

        from harness.measure.long_gradient import spans_back

        moment = moment.in_double()
        data, answer = moment.data, moment.answer
        lags = torch.tensor(spread(range(int(answer.max())), self.lags), dtype=torch.int64, device=answer.device)
        step = answer[:, None] - lags[:, None]
        found: dict[tuple[int, str], torch.Tensor] = {}
        for span in spans_back(moment.network, data, data.answer_loss, moment.start):
            here, row = (
                (step > span.begin) & (step <= span.end),
                (step - span.begin - 1).clamp(0, span.end - span.begin - 1),
            )
            for layer, parts in enumerate(span.log10, start=1):
                for part, log10 in parts.items():
                    before = found.get((layer, part), torch.full(step.shape, torch.nan, dtype=torch.float64))
                    found[layer, part] = log10.gather(1, row).where(here, before)
        known = ((step > 0) & torch.from_numpy(data.answer > 0).to(step.device)[:, None]).cpu().numpy()
        rows = [
            self._rows(values.cpu().numpy(), known, lags.tolist()).assign(layer=layer, part=part)
            for (layer, part), values in found.items()
        ]
        order = ["member", "layer", "part", "lag", "log10_norm", "q10", "q50", "q90", "samples"]
        return pd.concat(rows, ignore_index=True)[order]

    @staticmethod
    def _rows(values: np.ndarray, known: np.ndarray, lags: list[int]) -> pd.DataFrame:
        """Of one part the mean and quantiles over the samples that have a lag; (K, L, B) each."""
        import pandas as pd

        members, count = values.shape[:2]
        samples = known.sum(axis=-1)
        with np.errstate(all="ignore"):
            mean = np.where(known, values, 0).sum(axis=-1) / samples
        frame = pd.DataFrame(np.where(known, values, np.nan).reshape(members * count, -1).T)
        # An infinite value between two others is no number to an interpolation: the nearest one is taken.
        low, middle, high = frame.quantile([0.1, 0.5, 0.9], interpolation="nearest").to_numpy()
        made = {
            "member": np.repeat(np.arange(members), count), "lag": lags * members, "log10_norm": mean.ravel(),
            "q10": low, "q50": middle, "q90": high, "samples": samples.ravel(),
        }  # fmt: skip
        return pd.DataFrame(made)
