"""What a probe measures with: the networks as they stand, and what can be computed from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from harness.cells.base import Named, State, as_in_a_step
from harness.engine.blocks import entering_cell
from harness.engine.forward import LayerStates
from harness.engine.network import LayerSteps, Network
from harness.engine.scan.interface import is_tokens, one_hot
from harness.measure.layer_step import LayerStep
from harness.measure.windows import start_of
from harness.tasks.data import Data
from harness.tasks.experiment import Experiment
from harness.tasks.streams import Streams


class Moment:
    """The networks of a pack as they stand at one probe, and what can be computed from them.

    Everything is in the precision of the probe (``probe.dtype``), on the fixed probe batch.

    Attributes:
        network: K members, of a large pack a block of them; its weights are not to be changed.
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

    def first(self, samples: int) -> Moment:
        """The same with the first samples of the batch alone."""
        return Moment(self.network, self.data.samples(0, samples), self.experiment, self.step, self.seeds)

    def in_double(self) -> Moment:
        """The same in double precision, with the numbers that there are."""
        if self.network.flat.dtype == torch.float64:
            return self
        network, data = self.network.to(torch.float64), self.data.to(torch.float64)
        return Moment(network, data, self.experiment, self.step, self.seeds)

    @cached_property
    def start(self) -> LayerStates | None:
        return start_of(self.network, self.data)

    @cached_property
    def _run(self) -> list[tuple[State, Tensor]]:
        traces = self.network.forward(self.data.inputs, self.start, lengths=self.data.lengths)
        return [
            (Named({part: values.clone() for part, values in trace.states.items()}), trace.outputs.clone())
            for trace in traces
        ]

    @cached_property
    def states(self) -> list[State]:
        """For each layer and each part of the state (K, T + 1, B, width): s_0, s_1, …, s_T.

        After its end a sample's state stays what it is; ``data.reach(t)`` says which samples have a step.
        """
        return [states for states, _ in self._run]

    @cached_property
    def gradients(self) -> LayerSteps:
        """For each layer (from 1) the total derivatives d l_b / d s_t of every sample's own loss.

        ``gradients[1].totals["h"]`` has the shape (K, T, B, width), ``gradients[1].norms["h"]`` (K, T, B); 0 after a
        sample's end.
        """
        return self.gradients_of(self.data.loss)

    def gradients_of(self, loss: Callable[[Tensor], Tensor]) -> LayerSteps:
        """The same of another loss of every sample, from outputs (K, B, S, ·) to (K, B): ``data.answer_loss``, say."""
        data, keep = self.data, self.network.step_gradients(self.data.inputs, totals=True)
        unused = torch.zeros_like(self.network.flat)
        self.network.gradients(data.inputs, data.scored, loss, unused, keep, start=self.start, lengths=data.lengths)
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
            return self.outputs(layer - 1)
        return self._as_vectors(self.data.inputs)

    def _as_vectors(self, inputs: Tensor) -> Tensor:
        size, dtype = self.network.shape.input_size, self.network.flat.dtype
        return one_hot(inputs, size, dtype) if is_tokens(inputs) else inputs

    def entering(self, layer: int, step: int) -> Tensor:
        """What enters the cell of a layer at a step (both 1-based), behind a block or an embedding: (K, B, ·)."""
        cell, weights = self.network.cells[layer - 1], as_in_a_step(self.network.layer(layer))
        # One step alone: one-hot vectors of all steps would be made anew at each of them.
        read = self.outputs(layer - 1) if layer > 1 else self.data.inputs
        return entering_cell(cell, weights, self._as_vectors(read[:, step - 1]))

    def outputs(self, layer: int) -> Tensor:
        """What the readout or the next layer sees of a layer (1-based) at every step: (K, T, B, output size)."""
        return self._run[layer - 1][1]

    def gates(self, layer: int) -> dict[str, Tensor]:
        """The values of a layer's gates (1-based) at every step, by name: (K, T, B, width); none of a cell without."""
        cell, x = self.network.cells[layer - 1], self.inputs(layer)
        weights = as_in_a_step(self.network.layer(layer))
        steps = [
            cell.gates(weights, x[:, t], Named({part: values[:, t] for part, values in self.states[layer - 1].items()}))
            for t in range(x.shape[1])
        ]
        return {name: torch.stack([step[name] for step in steps], dim=1) for name in steps[0]}

    def layer_step(self, layer: int) -> LayerStep:
        """A layer's step (1-based) as a map of its state, with products of its Jacobian and vectors."""
        return LayerStep(self.network, layer)

    @cached_property
    def answer(self) -> Tensor:
        """The step (1-based) of each sample's last judged output, (K, B); its last step where none is judged."""
        step, lengths = torch.from_numpy(self.data.answer).to(self.network.flat.device), self.data.lengths
        return step.where(step > 0, self.data.inputs.shape[1] if lengths is None else lengths)

    def at(self, layer: int, step: Tensor) -> tuple[Tensor, Tensor]:
        """What a layer (1-based) is given at steps that may differ from sample to sample.

        Args:
            step: 1-based, (K, L, n), of the first n samples; 0 and less counts as step 1.

        Returns:
            What enters it, (K, L, n, F), and the state before the step, its parts joined, (K, L, n, S).
        """
        row = (step - 1).clamp(min=0)
        states = self.layer_step(layer).joined(self.states[layer - 1])
        return rows_at(self.inputs(layer), row), rows_at(states, row)

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
        mapped = self.layer_step(layer)
        before = mapped.joined(self.states[layer - 1])[:, step - 1, rows]
        return mapped.jacobian(self.inputs(layer)[:, step - 1, rows], before)


def rows_at(values: Tensor, row: Tensor) -> Tensor:
    """Rows of the second dimension of values (K, T, B, …) that differ from sample to sample.

    Args:
        row: from 0, (K, L, n).

    Returns:
        (K, L, n, …), of the first n samples.
    """
    rest = values.shape[3:]
    place = row.view(*row.shape, *(1 for _ in rest)).expand(*row.shape, *rest)
    return values[:, :, : row.shape[2]].gather(1, place)
