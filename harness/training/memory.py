"""How much memory a pack takes, from its settings alone: what the engine holds, tensor by tensor.

Members are measured in blocks (`harness.training.measuring`): evaluations and probes take more than a training step,
the latter in double precision, and are over soon. So a pack of K members takes K times what one holds to train, and
what a block of them takes to be measured. The numbers are at most 1.5 times off from those that torch counts, in both
directions (`tests/training/test_memory_of_a_pack.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.base.seeds import stream
from harness.engine.scan.plan import held_per_step
from harness.engine.scan.triton.scanner import SPAN
from harness.engine.spans import root_span
from harness.settings.settings import Settings
from harness.training.building import architecture

MEASURED_AT_ONCE = 4 * 2**30
"""Bytes that measuring a block of members may take. It decides who is measured beside whom, nothing else: no machine's
memory has a part in it, so that a run does the same everywhere."""

FEWEST = 3
"""Members of a block at least, where a pack has so many: no block has one alone, which torch may round otherwise."""

OPTIMIZER = 7
"""Numbers for every weight in training: itself, its gradient, two averages, its move, and two on the way to that."""

OF_AN_OUTPUT = 3
"""Numbers for everything that is read out: the output itself, and what a loss makes of it on the way."""


@dataclass(frozen=True)
class Memory:
    """Bytes that one member takes.

    Attributes:
        trained: as long as the pack trains.
        measured: besides, while it is measured.
    """

    trained: float
    measured: float

    @property
    def at_once(self) -> int:
        """How many members are measured at once."""
        return max(FEWEST, int(MEASURED_AT_ONCE / self.measured))

    def of_pack(self, members: int) -> float:
        """Bytes of a pack."""
        return members * self.trained + min(members, self.at_once) * self.measured

    def fitting(self, room: float) -> int:
        """How many members fit into some bytes: at least one."""
        few = int(room / (self.trained + self.measured))
        many = int((room - self.at_once * self.measured) / self.trained)
        return max(1, few if few <= self.at_once else many)


def memory(run: Settings) -> Memory:
    """What a member takes that is such a run."""
    sizes = _Sizes.of(run)
    lengths = {run.seq_len, *run.eval.seq_len}
    return Memory(_trained(run, sizes), max(_measured(run, sizes, length) for length in lengths))


@dataclass(frozen=True)
class _Sizes:
    """Sizes that settings do not say in a number.

    Attributes:
        weights: of the network.
        held, made: see `harness.engine.scan.plan.held_per_step`; of all layers, and of one.
        below: of dL/d(input), at a step, of two layers at a time.
        states: numbers of all layers' states.
        parts: of which they consist, of all layers.
        shown: numbers that each layer shows the next.
        token: bytes of an input that is a token; 0 of vectors.
        vector: length of an input as a vector.
        scored: share of the steps that are read out.
    """

    weights: int
    held: int
    made: int
    below: int
    states: int
    parts: int
    shown: int
    token: int
    vector: int
    scored: float

    @classmethod
    def of(cls, run: Settings) -> _Sizes:
        shape, steps = architecture(run), run.experiment.windows * run.seq_len
        try:
            sample = run.experiment.sample(stream(0, "memory"), 1, steps)
            tokens, scored = sample.inputs.ndim == 2, len(sample.scored) / steps
        except Exception:  # which is told of where the run begins, and ends no other one
            tokens, scored = False, 1.0
        widths = run.cell.widths(run.hidden_size)
        shown = run.cell.output_size(run.hidden_size)
        # Of layers after the first: they are alike, and the first one's inputs are no question of memory.
        held, made = held_per_step(shape.layer_cell(2), run.hidden_size)
        return cls(
            weights=sum(math.prod(each.shape) for each in shape.parameters().values()),
            held=run.num_layers * held,
            made=made,
            below=2 * shown if run.num_layers > 1 else 0,
            states=run.num_layers * sum(widths.values()),
            parts=run.num_layers * len(widths),
            shown=shown,
            token=8 if tokens else 0,
            vector=run.experiment.input_size,
            scored=scored,
        )

    def inputs(self, precision: int) -> int:
        """Bytes of what enters at a step."""
        return self.token or precision * self.vector

    def answers(self, outputs: int, precision: int) -> float:
        """Bytes, on average over all steps, of a step's outputs, its target, and whether it counts."""
        return self.scored * (OF_AN_OUTPUT * precision * outputs + 8 + 2)


def _bytes(kind: str) -> int:
    return 4 if kind == "float32" else 8


def _forward(sizes: _Sizes, length: int, span: int) -> float:
    """Numbers of a sample after a pass over ``length`` steps: what ``span`` of them leave, and the states between."""
    return span * sizes.held + (math.ceil(length / span) - 1) * sizes.states


def _and_back(sizes: _Sizes, length: int, span: int) -> float:
    """The same with those of the way back."""
    return _forward(sizes, length, span) + span * sizes.below + min(span, SPAN) * sizes.made


def _trained(run: Settings, sizes: _Sizes) -> float:
    """Bytes of one member in training, with the data that it is measured on."""
    own, probing = _bytes(run.dtype), _bytes(run.probe.dtype)
    steps, batch, outputs = run.seq_len, run.train.batch_size, run.experiment.outputs.size
    span = root_span(steps) if run.recomputed else min(steps, run.train.k2 or steps)
    kept = sizes.states if run.train.gradient_penalty else 0
    masks = (run.num_layers - 1) * sizes.shown if run.dropout else 0
    step = own * (_and_back(sizes, steps, span) + steps * (kept + 3 * masks))
    step += steps * (sizes.inputs(own) * run.experiment.windows + sizes.answers(outputs, own))
    weights = sizes.weights * (OPTIMIZER * own + probing)
    return weights + batch * step + _data(run, sizes, run.seq_len)


def _data(run: Settings, sizes: _Sizes, length: int) -> float:
    """Bytes of the held-out samples and of the probe batch of one member."""
    from harness.measure.evaluation import EVAL_SAMPLES

    held_out = EVAL_SAMPLES * (sizes.inputs(_bytes(run.dtype)) + sizes.scored * 10)
    return length * (held_out + run.probe.batch_size * sizes.inputs(_bytes(run.probe.dtype)))


def _measured(run: Settings, sizes: _Sizes, length: int) -> float:
    """Bytes of one member while it is measured at some length: a copy of its data, an evaluation and a probe."""
    from harness.measure.evaluation import EVAL_CHUNK, EVAL_SAMPLES

    own, probing, outputs = _bytes(run.dtype), _bytes(run.probe.dtype), run.experiment.outputs.size
    recomputed = run.recomputed or length > run.seq_len  # see `harness.training.generalization`
    steps = run.experiment.windows * length
    samples = min(EVAL_CHUNK, max(1, EVAL_SAMPLES // run.experiment.windows))
    span = root_span(steps) if recomputed else steps
    evaluation = own * _forward(sizes, steps, span) + span * sizes.inputs(own)
    evaluation += steps * sizes.answers(outputs, own)
    span = root_span(length) if recomputed else length
    norms = 2 * 8 * (sizes.parts + 1)  # of the whole loss and of the last answer; those of the inputs, too
    probe = probing * (_and_back(sizes, length, span) + length * sizes.vector)
    probe += length * (norms + sizes.answers(outputs, probing))
    if run.probes:  # states and total derivatives, what layers read and show, and what a probe makes of a step
        probe += probing * length * (2 * sizes.states + sizes.vector + run.num_layers * sizes.shown + sizes.held)
    return samples * evaluation + run.probe.batch_size * probe + _data(run, sizes, length)
