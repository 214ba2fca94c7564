"""What a pack is built of: its networks, and its data."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit
from harness.settings.settings import Settings
from harness.tasks.streams import Streams


def build(runs: Sequence[Settings], dtype: torch.dtype) -> Network:
    """The untrained network of a pack."""
    first = runs[0]
    inits = [MemberInit(each.cell, each.seed, each.init, each.weight_scale, each.input_scale) for each in runs]
    return Network.create(architecture(first), inits, dtype, first.device, first.compiled, first.recomputed)


def architecture(run: Settings) -> Architecture:
    """What the network of a run shares with those that it may train with."""
    task, width, layers = run.experiment, run.hidden_size, run.num_layers
    return Architecture(run.cell, task.input_size, width, layers, task.outputs.size, run.block, run.embedding_size)


def streams(runs: Sequence[Settings], purpose: str) -> Streams:
    """The data of a pack for one purpose: ``train``, ``eval`` or ``probe``."""
    first = runs[0]
    return Streams(first.experiment, first.seq_len, [each.seed for each in runs], purpose, first.device)
