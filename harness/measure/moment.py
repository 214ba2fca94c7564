"""What a probe measures with: the networks as they stand, and what can be computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from harness.cells.base import Named, State, as_in_a_step
from harness.engine.network import LayerStates, LayerSteps, Network
from harness.engine.scan.interface import is_tokens, one_hot
from harness.measure.windows import start_of
from harness.tasks.data import Data
from harness.tasks.experiment import Experiment
from harness.tasks.streams import Streams


class Moment:
    """The networks of a pack as they stand at one probe, and what can be computed from them.

    Everything is in the precision of the probe (``probe.dtype``), on the fixed probe batch.

    Attributes:
        network: K members; its weights are not to be changed.
        data: the probe batch.
        experiment: the task, the same for all members.
        step: training steps done.
        seeds: of the members; what is drawn anew (`fresh`) depends on them. Not given: 0 for all.
        start: the states that the batch starts from, as windows of a long sequence do; None: zeros.
    """

    def __init__(
        self, network: Network, data: Data, experiment: Experiment, step: int, seeds: Sequence[int] | None = None
    ):
        self.network = network
        self.data = data
        self.experiment = experiment
        self.step = step
        self.seeds = [0] * len(network.flat) if seeds is None else list(seeds)

    @cached_property
    def start(self) -> LayerStates | None:
        return start_of(self.network, self.data)

    @cached_property
    def _run(self) -> list[tuple[State, Tensor]]:
        traces = self.network.forward(self.data.inputs, self.start)
        return [
            (Named({part: values.clone() for part, values in trace.states.items()}), trace.outputs.clone())
            for trace in traces
        ]

    @cached_property
    def states(self) -> list[State]:
        """For each layer and each part of the state (K, T + 1, B, width): s_0, s_1, …, s_T."""
        return [states for states, _ in self._run]

    @cached_property
    def gradients(self) -> LayerSteps:
        """For each layer (from 1) the total derivatives d l_b / d s_t of every sample's own loss.

        ``gradients[1].totals["h"]`` has the shape (K, T, B, width), ``gradients[1].norms["h"]`` (K, T, B).
        """
        keep = self.network.step_gradients(self.data.inputs, totals=True)
        unused = torch.zeros_like(self.network.flat)
        self.network.gradients(self.data.inputs, self.data.scored, self.data.loss, unused, keep, start=self.start)
        return keep

    def fresh(self, samples: int, purpose: str) -> Data:
        """Held-out samples drawn by the task, of the length of the probe batch: the same at every probe.

        Args:
            purpose: what they are for; another word gives other samples. ``train``, ``eval`` and ``probe`` are taken.

        Raises:
            UserError: the task draws no samples, as of a batch that was given.
        """
        length, device = self.data.inputs.shape[1], str(self.network.flat.device)
        drawn = Streams(self.experiment, length, self.seeds, purpose, device)
        return drawn.answering(samples, self.network.flat.dtype, held_out=True)

    def inputs(self, layer: int) -> Tensor:
        """What enters a layer (1-based) at every step: (K, T, B, F); tokens as one-hot vectors."""
        if layer > 1:
            return self._run[layer - 2][1]
        found = self.data.inputs
        return one_hot(found, self.network.shape.input_size, self.network.flat.dtype) if is_tokens(found) else found

    def gates(self, layer: int) -> dict[str, Tensor]:
        """The values of a layer's gates (1-based) at every step, by name: (K, T, B, width); none of a cell without."""
        cell, x = self.network.cells[layer - 1], self.inputs(layer)
        weights = as_in_a_step(self.network.layer(layer))
        steps = [
            cell.gates(weights, x[:, t], Named({part: values[:, t] for part, values in self.states[layer - 1].items()}))
            for t in range(x.shape[1])
        ]
        return {name: torch.stack([step[name] for step in steps], dim=1) for name in steps[0]}

    def jacobian(self, layer: int, step: int, samples: int | Sequence[int] | None = None) -> Tensor:
        """d s_t / d s_{t-1} of a layer at a step (both 1-based): (K, B, S, S), the S numbers of the state in the
        order of the cell's parts.

        Zeros of a cell without recurrence; NaN or inf where weights or states are not finite.

        Args:
            samples: the first so many samples of the batch, or those with these numbers (from 0), in this order; None:
                all.
        """
        chosen = list(range(self.data.inputs.shape[2])) if samples is None else samples
        rows = list(range(chosen)) if isinstance(chosen, int) else list(chosen)
        cell = self.network.cells[layer - 1]
        widths = cell.widths(self.network.shape.hidden_size)
        before = torch.cat([self.states[layer - 1][part][:, step - 1, rows] for part in widths], dim=-1)
        weights, x = as_in_a_step(self.network.layer(layer)), self.inputs(layer)[:, step - 1, rows]

        def after(state: Tensor) -> Tensor:
            parts = Named(zip(widths, state.split(list(widths.values()), dim=-1), strict=True))
            made = cell.step(weights, x, parts)
            return torch.cat([made[part] for part in widths], dim=-1)

        with torch.enable_grad():
            state = before.detach().requires_grad_()
            result = after(state)
            # Samples and members do not interact: the sum over them leaves each its own row.
            if not result.requires_grad:
                return state.new_zeros(*state.shape, state.shape[-1])
            found = [
                torch.autograd.grad(result[..., unit].sum(), state, retain_graph=True, materialize_grads=True)[0]
                for unit in range(result.shape[-1])
            ]
        return torch.stack(found, dim=-2)
