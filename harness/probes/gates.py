"""What gates do over a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd

    from harness.measure.moment import Moment

COLUMNS = ["member", "layer", "sample", "t", "word", "gate", "role", "mean", "q10", "q90", "grad_norm"]


class Gates(Probe):
    """What the gates of a gated cell do over a sequence, beside the gradient through its memory.

    A row per member, layer, sample, time step (up to the sample's end) and gate, with the gate's role in words: mean,
    10 % and 90 % quantile of the gate's values over the units, and ``grad_norm``, the norm of that sample's gradient
    through the part of the state that is the cell's memory (an LSTM's c) at that step.

    Costs about one plain probe (LSTM of 32 units, T = 20, CPU time). Memory: the gates of the whole probe batch.

    The pictures of the Chinese tutorial "什么是 LSTM 循环神经网络" (Morvan Zhou, 2016): three controllers around a main
    plot line.
    """

    name = "gates"

    samples: int = Field(2, ge=1, description="how many sequences of the probe batch to look at")

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd

        network, cell = moment.network, moment.network.shape.cell
        gates, rows = tuple(cell.gate_roles), []
        if not gates:
            return pd.DataFrame(columns=COLUMNS)
        for layer in range(1, network.shape.num_layers + 1):
            found = moment.gates(layer)
            values = {gate: found[gate][:, :, : self.samples].cpu().numpy() for gate in gates}
            norms = moment.gradients[layer].norms[cell.memory][:, :, : self.samples].cpu().numpy()
            members, steps, samples = values[gates[0]].shape[:3]
            place = pd.MultiIndex.from_product(
                [range(members), range(1, steps + 1), range(samples), gates], names=["member", "t", "sample", "gate"]
            ).to_frame(index=False)
            mean, low, high = np.stack([over_units(own) for own in values.values()], axis=-1).reshape(3, -1)
            there = np.stack([moment.data.reach(t).cpu().numpy()[:, :samples] for t in range(1, steps + 1)], axis=1)
            rows.append(
                place.assign(
                    layer=layer, role=place.gate.map(cell.gate_roles), mean=mean, q10=low, q90=high,
                    grad_norm=norms.repeat(len(gates), axis=-1).ravel(), word=self._words(moment, place),
                )[there.repeat(len(gates), axis=-1).ravel()]
            )  # fmt: skip
        return pd.concat(rows, ignore_index=True)[COLUMNS]

    def _words(self, moment: Moment, place: pd.DataFrame) -> list[str]:
        """The token that each row's step reads; empty for real vectors."""
        said = {}
        for member, batch in enumerate(moment.data.batches):
            if batch.inputs.ndim == 2:
                for sample in range(self.samples):
                    tokens = batch.inputs[sample % len(batch.inputs)]
                    said.update(
                        {
                            (member, sample, t): moment.experiment.word(int(token))
                            for t, token in enumerate(tokens, start=1)
                        }
                    )
        return [said.get(key, "") for key in zip(place["member"], place["sample"], place.t, strict=True)]


def over_units(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean, 10 % and 90 % quantile over the units of a gate (K, T, B, width): (3, K, T, B)."""
    import pandas as pd

    flat = values.reshape(-1, values.shape[-1])
    quantiles = pd.DataFrame(flat.T).quantile([0.1, 0.9]).to_numpy()
    return np.stack([flat.mean(axis=1), *quantiles]).reshape(3, *values.shape[:-1])
