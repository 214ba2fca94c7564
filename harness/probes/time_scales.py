"""For how many steps does a unit keep what it holds?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.analysis.words import spread
from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from harness.measure.moment import Moment

COLUMNS = ["member", "layer", "unit", "kept", "steps"]


class TimeScales(Probe):
    """For how many steps each unit keeps by itself what it holds, by what its gates, leaks and factors say.

    A row per member, layer and unit of the memory. ``kept`` is the share that a step keeps: of gates the geometric mean
    over the samples and steps of the probe batch, since what is left after many steps is their product; ``steps`` is
    1 / (1 - kept), so that a leaky unit has its time constant: inf of a unit that loses nothing (or grows), 1 of one
    that is written anew at each step, NaN of what is not finite. Cells say themselves what their units keep
    (`Cell.keeps`); of one whose units keep nothing by themselves, such as a plain RNN, there are no rows.

    Costs about half a plain probe (32 units, T = 20, CPU time). Memory: the gates at the chosen steps.

    Source: Tallec, Ollivier, "Can recurrent neural networks warp time?", ICLR 2018 (the forgetting time of a gate).
    """

    name = "time_scales"

    steps: int = Field(50, ge=1, description="time steps to look at, spread evenly over the sequence")

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd

        frames = []
        for layer in range(1, moment.network.shape.num_layers + 1):
            if (kept := self._kept(moment, layer)) is None:
                continue
            members, units = kept.shape
            steps = (1 / (1 - kept).clamp(min=0)).where(kept.isfinite(), kept.new_tensor(float("nan")))
            place = pd.MultiIndex.from_product([range(members), range(1, units + 1)], names=["member", "unit"])
            found = place.to_frame(index=False)
            frames.append(found.assign(layer=layer, kept=kept.flatten().numpy(), steps=steps.flatten().numpy()))
        return pd.concat(frames, ignore_index=True)[COLUMNS] if frames else pd.DataFrame(columns=COLUMNS)

    def _kept(self, moment: Moment, layer: int) -> Tensor | None:
        """The geometric mean of what each unit keeps, (K, n); None where units keep nothing by themselves."""
        import torch

        from harness.cells.base import Named, as_in_a_step

        cell, size = moment.network.shape.cell, moment.network.shape.hidden_size
        weights, states = as_in_a_step(moment.network.layer(layer)), moment.states[layer - 1]
        data, logs, shares = moment.data, [], []
        for t in map(int, spread(range(1, data.inputs.shape[1] + 1), self.steps)):
            before = Named({part: values[:, t - 1] for part, values in states.items()})
            share = cell.keeps(weights, moment.entering(layer, t), before, size)
            if share is None:
                return None
            there = data.reach(t)
            logs.append(share.double().log().where(there[..., None], 0).mean(dim=1))
            shares.append(there.double().mean(dim=1, keepdim=True))
        found = torch.stack(logs).mean(dim=0)
        found = (found if data.lengths is None else found / torch.stack(shares).mean(dim=0)).exp().cpu()
        width = cell.widths(size)[cell.memory]
        return found.expand(-1, width) if found.shape[1] == 1 else found
