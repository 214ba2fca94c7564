"""What every time step contributes to the gradient of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from harness.base.errors import UserError
from harness.measure.vectors import unit
from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from harness.measure.backwards import StepBack
    from harness.measure.moment import Moment

ALL = "all"
"""The name of all weights of all layers together; their layer is 0."""


class WeightGradient(Probe):
    """What each step contributes to dL/dW: do the weights learn from short paths alone, or from long ones, too?

    A weight is used at every step, and its gradient is a sum over these uses. L is the loss of each sample's last
    judged output, as a mean over the batch, and the lag of a use its distance from that output: the path from the use
    to the answer is so many steps long. A row per member, layer, weight and lag: ``norm`` of the contribution; its
    ``cosine`` with the whole gradient of the weight, NaN where either is zero; and its ``share``, (contribution ·
    whole) / |whole|²: shares add up to 1, and one below 0 works against the rest. The weight ``all`` with the layer 0
    is that of all of them in one vector.

    Weights are those in use: where a cell computes them from its parameters (an orthogonal matrix), what is computed.

    Cost: about 20 times a plain probe (two networks of 32 units, 60 steps, 32 sequences, on a CPU): every step is
    run by itself, twice. Memory: the weights' gradient once more.
    """

    name = "weight_gradient"

    weights: list[str] = Field([], description="names of the weights to tell of, beside all together; none: every one")

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd

        from harness.measure.backwards import back_from_answers

        whole: list[Tensor] = []
        for step in back_from_answers(moment):
            found = self._by_weight(moment, step)
            whole = [*found.values()] if not whole else [a + b for a, b in zip(whole, found.values(), strict=True)]
        # Contributions of all steps at once would be the weights many times over: the way back is gone twice.
        by_lag = [
            [compared(own.cpu().numpy(), total.cpu().numpy()) for own, total in zip(found.values(), whole, strict=True)]
            for found in (self._by_weight(moment, step) for step in back_from_answers(moment))
        ]
        frames = []
        for (layer, weight), *lags in zip(found, *by_lag, strict=True):
            norm, cosine, share = (np.stack(each, axis=1) for each in zip(*lags, strict=True))
            member, lag = (each.ravel() for each in np.indices(norm.shape))
            place = {"member": member, "layer": layer, "weight": weight, "lag": lag}
            frames.append(
                pd.DataFrame(place | {"norm": norm.ravel(), "cosine": cosine.ravel(), "share": share.ravel()})
            )
        return pd.concat(frames, ignore_index=True)

    def _by_weight(self, moment: Moment, step: StepBack) -> dict[tuple[int, str], Tensor]:
        """A step's contributions (K, P) by layer and weight, as means over the batch; all together at the end."""
        import torch

        batch = moment.data.inputs.shape[2]
        found: dict[tuple[int, str], Tensor] = {}
        for layer, weights in enumerate(step.grad, start=1):
            for name, value in weights.items():
                found[layer, name] = value.flatten(1) / batch
        everything = torch.cat([*found.values()], dim=1)
        known = {name for _, name in found}
        if unknown := set(self.weights) - known:
            there = ", ".join(sorted(known))
            raise UserError(f"probes.weight_gradient.weights: there is no {', '.join(sorted(unknown))}; valid: {there}")
        chosen = {key: value for key, value in found.items() if not self.weights or key[1] in self.weights}
        return chosen | {(0, ALL): everything}


def compared(part: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Norm of a part, its cosine with the whole and its share of it; vectors (K, P), without under- or overflow."""
    with np.errstate(all="ignore"):
        (own, size), (direction, all_of_it) = unit(part), unit(whole)
        cosine = (own * direction).sum(axis=-1)
        return size, np.clip(cosine, -1, 1), np.where(size == 0, 0.0, cosine * (size / all_of_it))
