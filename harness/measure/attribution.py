"""What every single answer sends to every step before it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.cells.base import Named, State
from harness.measure.moment import Moment


def by_answer(moment: Moment, answers: Sequence[int]) -> tuple[list[State], Tensor]:
    """The derivative of each answer's part in the loss of its sample, by all states and inputs.

    A sample's loss is the mean over its scored outputs that count; the part of one is its own loss over their number,
    so that the derivatives of all answers add up to that of the loss. One that does not count has none. All of them go
    back in one pass, as further samples of the batch.

    Args:
        answers: places in ``moment.data.scored``.

    Returns:
        For each layer and part of the state dL_s / ds_t, (K, A, T, B, width), and dL_s / dx_t, (K, A, T, B, F), of
        tokens by their one-hot vectors.
    """
    network, data, count = moment.network, moment.data, len(answers)
    inputs = data.inputs.repeat(1, 1, count, *(1 for _ in data.inputs.shape[3:]))
    targets = data.targets.repeat(1, count, *(1 for _ in data.targets.shape[2:]))
    counts = data.mask.to(network.flat.dtype)
    weight = counts / counts.sum(dim=-1, keepdim=True).clamp(min=1)
    chosen = torch.eye(len(data.scored), dtype=weight.dtype, device=weight.device)[list(answers)]
    # (K, A, B, S): of every copy of the batch one scored output.
    own = (weight[:, None] * chosen[:, None]).flatten(1, 2)

    def loss(outputs: Tensor) -> Tensor:
        losses = data.meaning.loss(outputs, targets)
        return (losses * own).where(own > 0, 0).sum(dim=-1)

    start = moment.start and [
        Named({part: values.repeat(1, count, 1) for part, values in layer.items()}) for layer in moment.start
    ]
    lengths = None if data.lengths is None else data.lengths.repeat(1, count)
    keep, unused = network.step_gradients(inputs, totals=True), torch.zeros_like(network.flat)
    _, by_input = network.gradients(
        inputs, data.scored, loss, unused, keep, need_input_grad=True, start=start, lengths=lengths
    )
    assert by_input is not None

    def apart(values: Tensor) -> Tensor:
        return values.unflatten(2, (count, -1)).transpose(1, 2)

    states: list[State] = [
        Named({part: apart(values) for part, values in steps.totals.items()}) for steps in keep.values()
    ]
    return states, apart(by_input)
