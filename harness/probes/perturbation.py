"""What becomes of a disturbance of the state, small or large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, field_validator

from harness.analysis.words import spread
from harness.base.seeds import stream
from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd

    from harness.measure.moment import Moment

COLUMNS = ["member", "layer", "lag", "epsilon", "growth", "linear", "deviation", "floor", "samples"]


class Perturbation(Probe):
    """The state moved by ε in random directions and followed to the answer, against the linear prediction.

    A gradient tells of moves that are infinitely small. A network that saturates brings larger ones back to where it
    was, or to another of its fixed points. A row per member, layer, lag (steps before each sample's last judged output)
    and ``epsilon``, the length of the move: ``growth``, the length of the difference at the answer over ε; ``linear``,
    that of the Jacobian times the direction, which growth tends to as ε → 0; ``deviation``, the length of their
    difference over ``linear`` (0: the gradient tells the truth; inf or NaN: it says that nothing is left); ``floor``,
    below which growth is rounding; and ``samples``. Lengths are root mean squares over samples and directions. Of
    several layers each by its own state.

    Cost: about 23 times a plain probe (two networks of 32 units, 60 steps, 32 sequences, on a CPU); memory: as many
    sequences as samples, directions and lengths multiplied.
    """

    name = "perturbation"

    epsilon: list[float] = Field([1e-3, 0.1, 1.0, 10.0], min_length=1, description="lengths of the moves")
    lags: int = Field(12, ge=1, description="at how many lags, spread evenly from 1 to the first step")
    samples: int = Field(4, ge=1, description="how many sequences of the probe batch to look at")
    directions: int = Field(4, ge=1, description="how many random directions, the same for all states")

    @field_validator("epsilon")
    @classmethod
    def _positive(cls, value: list[float]) -> list[float]:
        if not all(0 < each < float("inf") for each in value):
            raise ValueError("valid: positive numbers")
        return value

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd

        moment = moment.first(self.samples)
        lags = [int(lag) for lag in spread(range(1, int(moment.answer.max())), self.lags)]
        if not lags:
            return pd.DataFrame(columns=COLUMNS)
        rows = [self._of_layer(moment, layer, lags) for layer in range(1, moment.network.shape.num_layers + 1)]
        return pd.concat(rows, ignore_index=True)[COLUMNS]

    def _of_layer(self, moment: Moment, layer: int, lags: list[int]) -> pd.DataFrame:
        """The rows of a layer."""
        import pandas as pd
        import torch

        from harness.measure.disturbing import followed, length, predicted

        size = moment.layer_step(layer).size
        drawn = stream(0, self.name, layer).standard_normal((self.directions, size))
        unit = torch.from_numpy(drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)).to(moment.network.flat)
        epsilon = torch.tensor(self.epsilon, dtype=unit.dtype, device=unit.device)
        rows = []
        for lag, linear in zip(lags, predicted(moment, layer, lags, unit), strict=True):
            known = moment.answer > lag
            found, state = followed(moment, layer, lag, (epsilon[:, None, None] * unit).flatten(0, 1))
            grown = found.unflatten(1, (len(epsilon), -1)) / epsilon[:, None, None, None]
            growth, expected = length(grown, known), length(linear[:, None], known)
            with np.errstate(all="ignore"):
                deviation = length(grown - linear[:, None], known) / expected
            floor = torch.finfo(unit.dtype).eps * length(state[:, None, None], known) / np.array(self.epsilon)
            member, place = (each.ravel() for each in np.indices(growth.shape))
            rows.append(
                pd.DataFrame(
                    {
                        "member": member, "layer": layer, "lag": lag, "epsilon": np.array(self.epsilon)[place],
                        "growth": growth.ravel(), "linear": expected.repeat(len(epsilon)),
                        "deviation": deviation.ravel(), "floor": floor.ravel(),
                        "samples": known.sum(dim=1).cpu().numpy()[member],
                    }
                )
            )  # fmt: skip
        return pd.concat(rows, ignore_index=True)
