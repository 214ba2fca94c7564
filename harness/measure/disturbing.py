"""Finite disturbances of a state, followed forward, beside what the linearised network makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.engine.scan.interface import Buffers, norm
from harness.measure.moment import Moment


def followed(moment: Moment, layer: int, lag: int, moves: Tensor) -> tuple[Tensor, Tensor]:
    """What becomes of moved states of a layer, so many steps later, at each sample's answer.

    Args:
        lag: how many steps before the answer the state is moved.
        moves: what is added to it, the same for all members and samples, (D, S).

    Returns:
        The difference to the state that was not moved, (K, D, B, S), and that state, (K, B, S). Of samples that have no
        step so far back, any.
    """
    step, network, answer = moment.layer_step(layer), moment.network, moment.answer
    steps = answer[:, None] - torch.arange(lag - 1, -1, -1, device=answer.device)[:, None]
    x, before = moment.at(layer, steps)
    # The state that is not moved runs in the same batch: its rounding is the same.
    every = torch.cat([torch.zeros_like(moves[:1]), moves])
    moved = (before[:, 0, None] + every[:, None]).flatten(1, 2)
    tiled = x[:, :, None].expand(-1, -1, len(every), -1, -1).flatten(2, 3)
    trace = network.scanners[layer - 1].forward(
        network.layer(layer), tiled.contiguous(), step.parts(moved), Buffers(network.flat)
    )
    after = step.joined(trace.states)[:, -1].unflatten(1, (len(every), -1))
    return after[:, 1:] - after[:, :1], after[:, 0]


def predicted(moment: Moment, layer: int, lags: Sequence[int], moves: Tensor) -> list[Tensor]:
    """What the linearised network makes of moves: for each lag d s_a / d s_{a - lag} · move, (K, D, B, S).

    Args:
        lags: increasing.
        moves: see `followed`.
    """
    step, answer = moment.layer_step(layer), moment.answer
    members, batch = answer.shape
    start = moves[:, None].expand(members, -1, batch, -1)
    # Directions that set out at other steps go on together: (K, lags · D · B, S).
    on_the_way = start[:, :0].flatten(1, 2)
    for lag in range(lags[-1], 0, -1):
        if lag in lags:
            on_the_way = torch.cat([start.flatten(1, 2), on_the_way], dim=1)
        x, before = (each[:, 0] for each in moment.at(layer, (answer - lag + 1)[:, None]))
        count = on_the_way.shape[1] // batch
        on_the_way = step.pushed(x.repeat(1, count, 1), before.repeat(1, count, 1), on_the_way)
    return [*on_the_way.unflatten(1, (len(lags), len(moves), batch)).unbind(1)]


def length(vectors: Tensor, known: Tensor) -> NDArray[np.float64]:
    """Root mean square of the lengths of vectors (K, ·, D, B, S), over directions and those samples (K, B) that are
    known: (K, ·), float64."""
    there = vectors.where(known[:, None, None, :, None], 0).flatten(2)
    count = vectors.shape[2] * known.sum(dim=1, keepdim=True).double()
    return (norm(there) / count.sqrt()).cpu().numpy()
