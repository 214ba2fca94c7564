"""How much gradient arrives at every time step: of the whole loss, and of each sample's last answer alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harness.engine.forward import LayerStates
from harness.engine.network import Network
from harness.engine.scan.interface import norm
from harness.measure.windows import start_of
from harness.tasks.data import Data


@dataclass(frozen=True)
class Profile:
    """Per-step gradient norms of one part of the state, or of the inputs.

    Attributes:
        layer: 1-based; 0 for the inputs.
        part: ``h``, ``c``, …; ``x`` for the inputs.
        norms: Euclidean norm of d l_b / d s_t for every member, step and sample, shape (K, T, B), float64; 0 after a
            sample's end.
    """

    layer: int
    part: str
    norms: Tensor


@dataclass(frozen=True)
class Gradients:
    """Every per-step gradient on a batch: layer by layer, parts in the cell's order, the inputs last.

    Attributes:
        whole: of every sample's own loss, over all its scored outputs.
        transport: of the loss of every sample's last judged output alone: what a step back does to the gradient can
            only be seen where no other loss adds to it on the way.
        weights: norm of the mean loss's gradient with respect to all weights, (K,).
    """

    whole: list[Profile]
    transport: list[Profile]
    weights: Tensor

    @classmethod
    def of_all(cls, blocks: Sequence[Gradients]) -> Gradients:
        """Those of one block of members after the other."""

        def joined(profiles: Sequence[Sequence[Profile]]) -> list[Profile]:
            return [
                replace(own[0], norms=torch.cat([each.norms for each in own])) for own in zip(*profiles, strict=True)
            ]

        return cls(
            joined([each.whole for each in blocks]),
            joined([each.transport for each in blocks]),
            torch.cat([each.weights for each in blocks]),
        )


def gradients(network: Network, data: Data) -> Gradients:
    """Measure every per-step gradient; where samples have one answer and no other loss, one pass says it all.

    Args:
        data: the probe batch, in the precision to probe in, like the network.
    """
    start, grad_flat = start_of(network, data), torch.zeros_like(network.flat)
    whole = _profiles(network, data, data.loss, start, grad_flat)
    weights = norm(grad_flat / data.inputs.shape[2]).cpu()
    one = data.one_answer
    transport = whole if one else _profiles(network, data, data.answer_loss, start, grad_flat)
    return Gradients(whole, transport, weights)


def _profiles(
    network: Network, data: Data, loss: Callable[[Tensor], Tensor], start: LayerStates | None, grad_flat: Tensor
) -> list[Profile]:
    keep = network.step_gradients(data.inputs)
    # The sum over the batch leaves every sample the gradient of its own loss: samples do not interact.
    _, grad_x = network.gradients(
        data.inputs, data.scored, loss, grad_flat, keep, need_input_grad=True, start=start, lengths=data.lengths
    )  # fmt: skip
    assert grad_x is not None
    # Everything that is made of the norms is made on the host: it gets each of them once.
    profiles = [
        Profile(layer, part, norms.cpu()) for layer, steps in keep.items() for part, norms in steps.norms.items()
    ]
    return [*profiles, Profile(0, "x", norm(grad_x).cpu())]
