"""Lyapunov exponents of the state along a long sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from harness.base.errors import UserError
from harness.base.seeds import stream
from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from torch import Tensor

    from harness.measure.moment import Moment
    from harness.tasks.streams import Streams


class Lyapunov(Probe):
    """The Lyapunov spectrum: by which factor, as a natural logarithm per step, neighbouring states part for good.

    The largest exponent, λ₁, is what a gradient's factor per step tends to on long sequences: below 0 all states become
    one and the gradient vanishes, above 0 there is chaos and it explodes. A row per member, layer and rank (1: the
    largest): ``exponent``; ``se``, its standard error over stretches of the sequence and samples; ``dimension``, the
    dimension of Kaplan and Yorke that all exponents of the layer make up. An exponent is -inf where steps lose a
    direction altogether. Of several layers each by its own state; those of the whole network are all of them together.

    The sequence goes on from the states in which the probe batch ends, and a part at its beginning is not counted. The
    same is drawn for all members and at every probe. Sources: see `harness.measure.lyapunov`.

    Cost: 14 times a plain probe of an rnn, 27 times that of an lstm (two networks of 32 units, 60 steps, 32
    sequences, on a CPU), growing with the cube of the state's size and with the steps; 30 MB.
    """

    name = "lyapunov"

    drive: Literal["task", "noise", "free"] = Field(
        "task", description="what enters: sequences of the task one after another; Gaussian noise; nothing (zeros)"
    )
    noise: float = Field(1.0, gt=0, description="standard deviation of every input where noise drives")
    steps: int = Field(200, ge=1, description="how many steps are counted")
    warm_up: int = Field(50, ge=0, description="how many steps go before, in which the directions settle")
    samples: int = Field(1, ge=1, description="how many sequences to follow")
    blocks: int = Field(10, ge=2, description="into how many stretches to cut a sequence for the standard error")

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd
        import torch

        from harness.measure.lyapunov import growth, kaplan_yorke, spectrum

        moment = moment.first(self.samples)
        start = [type(layer)({part: values[:, -1] for part, values in layer.items()}) for layer in moment.states]
        rows = []
        every = [*growth(moment.network, self._pieces(moment), start)][self.warm_up :]
        for layer, grown in enumerate(zip(*every, strict=True), start=1):
            exponents, errors = spectrum(torch.stack(grown), self.blocks)
            for member, (own, error) in enumerate(zip(exponents, errors, strict=True)):
                rows.append(
                    pd.DataFrame(
                        {
                            "member": member, "layer": layer, "rank": np.arange(1, len(own) + 1), "exponent": own,
                            "se": error, "dimension": kaplan_yorke(own),
                        }
                    )
                )  # fmt: skip
        return pd.concat(rows, ignore_index=True)

    def _pieces(self, moment: Moment) -> Iterator[Tensor]:
        """The inputs of all steps, some at once."""
        import torch

        from harness.tasks.streams import Streams

        length, task = moment.data.inputs.shape[1], moment.experiment
        members, samples = moment.data.inputs.shape[0], moment.data.inputs.shape[2]
        drawn = Streams(task, length, [0], self.name, str(moment.network.flat.device))
        rng = stream(0, self.name)
        left = self.warm_up + self.steps
        while left:
            shape = (1, min(length, left), samples, moment.network.shape.input_size)
            if self.drive == "task":
                try:
                    inputs = _driving(drawn, samples, left, moment.network.flat.dtype)
                except UserError as error:
                    raise UserError(f"probes.lyapunov.drive=task: {error}; or drive=noise or free") from None
            else:
                values = self.noise * rng.standard_normal(shape) if self.drive == "noise" else np.zeros(shape)
                inputs = torch.from_numpy(values).to(moment.network.flat)
            yield inputs.expand(members, *inputs.shape[1:])
            left -= inputs.shape[1]


def _driving(drawn: Streams, samples: int, steps: int, dtype: torch.dtype) -> Tensor:
    """The next inputs, no more than so many steps (1, T, B, ·): a batch's, or, where samples differ in length, those of
    one batch after another, each sample's up to its own end."""
    import torch

    data = drawn.next(samples, dtype)
    if data.lengths is None:
        return data.inputs[:, :steps]
    rows: list[list[Tensor]] = [[] for _ in range(samples)]
    while min(sum(piece.shape[1] for piece in row) for row in rows) < steps:
        for sample, end in enumerate(data.lengths[0].tolist()):
            rows[sample].append(data.inputs[:, :end, sample])
        data = drawn.next(samples, dtype)
    return torch.stack([torch.cat(row, dim=1)[:, :steps] for row in rows], dim=2)
