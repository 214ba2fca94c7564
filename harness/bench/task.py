"""What every way trains on, and what a step of it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from harness.bench.ways import Problem
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit
from harness.plugins.registry import registry

LR = 1e-3
FEATURES, CLASSES = 32, 8
Step = Callable[[], tuple[Any, Any]]
"""One training step; gives the losses (K,) and the norms of dL/dh_t (K, T, B), or None where there are none."""


@dataclass(frozen=True)
class Task:
    """What every way trains on.

    Attributes:
        network: the members' initial weights; copied, never changed.
        inputs: (K, T, B, F).
        targets: classes, (K, B), asked for at the last step.
    """

    network: Network
    inputs: Tensor
    targets: Tensor


def make_task(problem: Problem, own: Sequence[int] | None = None, device: str = "cpu") -> Task:
    """Members of different seeds on a random batch.

    Args:
        own: which of the members are wanted; all if not given. A member has the same weights and data alone as
            with the others.
    """
    members, steps, batch, hidden_size = problem.shape
    own = list(range(members)) if own is None else list(own)
    cell = registry().get("cell", problem.cell)()
    sizes = Architecture(cell, FEATURES, hidden_size, num_layers=1, output_size=CLASSES)
    inits = [MemberInit(cell, seed, "orthogonal", 1.0) for seed in own]
    generator = torch.manual_seed(0)
    return Task(
        Network.create(sizes, inits, torch.float32, device),
        torch.randn(members, steps, batch, FEATURES, generator=generator)[own].to(device),
        torch.randint(CLASSES, (members, batch), generator=generator)[own].to(device),
    )


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Loss of every sample, (K, B), from outputs (K, B, 1, classes)."""
    return functional.cross_entropy(outputs.flatten(0, 2), targets.flatten(), reduction="none").view(targets.shape)
