"""Dropout between layers: in training, the next layer does not see some outputs of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from harness.base.seeds import stream
from harness.base.sending import sent


@dataclass(frozen=True)
class Masks:
    """What the outputs of each layer but the last are multiplied by, on a batch.

    Attributes:
        factors: from layer 1 on, (K, T, B, ·), or (K, 1, B, ·) where they are the same at all steps.
    """

    factors: list[Tensor]

    def between(self, begin: int, end: int) -> Masks:
        """Those of the steps begin + 1 … end."""
        return Masks([each if each.shape[1] == 1 else each[:, begin:end] for each in self.factors])


@dataclass(frozen=True)
class Dropout:
    """Dropout of K members, each with a rate of its own.

    An output is 0 with probability ``rate``, and otherwise divided by 1 - rate, as by `torch.nn.Dropout`: at each step
    anew, which is what ``torch.nn.LSTM(dropout=rate)`` does between its layers (Zaremba, Sutskever, Vinyals, "Recurrent
    neural network regularization", 2014), or the same units at all steps of a sequence (Gal, Ghahramani, "A
    theoretically grounded application of dropout in recurrent neural networks", NIPS 2016; between layers only).

    What is dropped depends on the seed, the training step and the layer alone: not on the company, on what was
    interrupted, on the precision or on the device. A higher rate drops what a lower one drops, and more.

    Attributes:
        rates, seeds: of every member.
        kind: ``each_step`` or ``variational``.
    """

    rates: Sequence[float]
    seeds: Sequence[int]
    kind: Literal["each_step", "variational"]

    def masks(self, step: int, windows: int, place: Sequence[int], widths: Sequence[int], like: Tensor) -> Masks | None:
        """The masks of a training step; None where nobody drops anything.

        Args:
            step: how many were done before it.
            windows: in how many steps a sequence is trained on: a mask that is the same at all steps is so in all.
            place: T and B.
            widths: how many outputs each layer has that another one reads.
            like: of the precision, and on the device, of the masks.
        """
        if not any(self.rates):
            return None
        length, batch = place
        if self.kind == "variational":
            step, length = step - step % windows, 1
        return Masks([self._mask(step, layer, (length, batch, width), like) for layer, width in enumerate(widths, 1)])

    def only(self, members: Sequence[int]) -> Dropout:
        """That of some members."""
        return replace(self, rates=[self.rates[k] for k in members], seeds=[self.seeds[k] for k in members])

    def _mask(self, step: int, layer: int, shape: tuple[int, int, int], like: Tensor) -> Tensor:
        drawn = {
            seed: stream(seed, "dropout", step, f"layer{layer}").random(shape, dtype=np.float32)
            for seed in dict.fromkeys(self.seeds)
        }
        kept = np.stack([drawn[seed] >= rate for seed, rate in zip(self.seeds, self.rates, strict=True)])
        factor = sent(torch.tensor([1 / (1 - rate) for rate in self.rates], dtype=like.dtype), like.device)
        return sent(torch.from_numpy(kept), like.device).to(like.dtype) * factor.view(-1, 1, 1, 1)
