"""The stages of a step as Triton kernels, one each: for cells whose weights do not fit on the chip.

Everything of a stage stays in registers; only what products, later stages or other steps read is written to memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from harness.engine.scan.nodes import REGROUPED
from harness.engine.scan.plan import Plan, VectorGradient, with_vectors_kept
from harness.engine.scan.schedule import Across, Phase, Place, Program, Store
from harness.engine.scan.step import Step
from harness.engine.scan.triton.kernels import launch, loaded
from harness.engine.scan.triton.source import BARRIER, template
from harness.engine.scan.triton.tiles import REALS, Writer, units

NUMBERS = 512
"""Of each node in a block: four for each of its threads, so that all nodes of a stage are in registers."""

PER_WARP = 128
"""Numbers of each node for every 32 threads."""

MOST_WARPS = 16


@dataclass(frozen=True)
class Stage:
    """The Triton code of a stage.

    Attributes:
        name: of the kernel.
        buffers: what it reads and writes, by the names of its arguments.
        lines: its code.
        samples, warps: of a block.
    """

    name: str
    buffers: dict[str, Place]
    lines: list[str]
    samples: int
    warps: int

    @property
    def sizes(self) -> list[str]:
        """Names of the arguments that are whole numbers."""
        return ["batch", "blocks", *(f"{buffer}_{of}" for buffer in self.buffers for of in "ks")]


class TritonStages:
    """Computes stages by Triton kernels; see `harness.engine.scan.step.Stages`."""

    span = 32
    in_place = True

    def __init__(self, plan: Plan, dtype: torch.dtype):
        self.plan, self.dtype = plan, dtype
        _, vectors, self.kept = with_vectors_kept(plan)
        self.vectors: Sequence[VectorGradient] = vectors

    def run(self, step: Step, program: Program, number: int) -> None:
        """See `harness.engine.scan.step.Stages.run`."""
        module, stages = stage_kernels(self.plan, self.dtype)
        stage = stages[_name(self.plan, program, number)]
        members, _, batch = step.memory.inputs.shape[:3]
        blocks = math.ceil(batch / stage.samples)
        arguments: dict[str, Any] = {"batch": batch, "blocks": blocks}
        for name, place in stage.buffers.items():
            rows = _rows(step.buffer(place))
            apart = 0 if place.buffer == "weight" else rows.stride(1)
            arguments |= {name: rows, f"{name}_k": rows.stride(0), f"{name}_s": apart}
        launch(module[stage.name], (members * blocks,), arguments, stage.warps, step.memory.act.device)


def _rows(values: Tensor) -> Tensor:
    """The same with the units of a sample side by side. What is written to lies so already."""
    return values if values.stride(-1) == 1 or values.shape[-1] == 1 else values.contiguous()


def _name(plan: Plan, program: Program, number: int) -> str:
    return f"{'forward' if program is plan.forward else 'backward'}_{number}"


@lru_cache(maxsize=256)
def stage_kernels(plan: Plan, dtype: torch.dtype) -> tuple[dict[str, Any], dict[str, Stage]]:
    """The kernels of a cell's stages, compiled when they are first called, and the stages by name.

    Raises:
        CannotCompile: Triton cannot be loaded.
    """
    made = [
        _Stage(plan, dtype, program, phase).written(_name(plan, program, number))
        for program in (plan.forward, plan.backward)
        for number, phase in enumerate(program.phases)
        if phase.passes
    ]
    return loaded(template("stage.py.j2").render(stages=made)), {stage.name: stage for stage in made}


class _Stage:
    """Writes a stage."""

    def __init__(self, plan: Plan, dtype: torch.dtype, program: Program, phase: Phase):
        self.phase = phase
        loops = [loop for each in phase.passes for loop in each.loops]
        nodes = {node for loop in loops for node in loop.nodes}
        computed = nodes | {made.node for each in phase.passes for made in each.across}
        known = {node: place for node, place in program.places.items() if node not in computed}
        # Gradients of weight vectors go to where they are kept.
        asked = with_vectors_kept(plan)[0]
        self.kept = {store.node: store.dest for store in asked if store.dest.buffer == "kept"}
        read = {argument for node in computed for argument in node.args}
        widest = max(units(node.width) for node in computed | read | {s.node for loop in loops for s in loop.stores})
        samples = min(16, max(1, NUMBERS // widest))
        self.warps = min(MOST_WARPS, max(1, samples * widest // PER_WARP))
        self.writer = Writer(plan, REALS[dtype], known, samples)
        self.moved = {made.of for each in phase.passes for made in each.across if made.node.op in REGROUPED}
        self.unsettled = False

    def written(self, name: str) -> Stage:
        """Write it: passes in their order, what each has to store after what it reads."""
        writer = self.writer
        for each in self.phase.passes:
            for made in each.across:
                # One operation across units may read what the one before has made.
                self._across(made)
                self._store([Store(made.node, made.dest)])
            self._store([store for loop in each.loops for store in loop.stores])
        return Stage(name, writer.buffers, [*writer.before, *writer.lines], writer.samples, self.warps)

    def _across(self, made: Across) -> None:
        if made.node.op not in REGROUPED:
            self.writer.value(made.node)
            return
        if self.unsettled:
            # What is read was written by another thread.
            self.writer.lines.append(BARRIER)
            self.unsettled = False
        self.writer.regroup_from(made.node, made.of)

    def _store(self, stores: Sequence[Store]) -> None:
        """Store nodes, gradients of weight vectors where they are kept; not what this stage alone reads, as it is."""
        places = dict.fromkeys((store.node, self.kept[store.node] if store.add else store.dest) for store in stores)
        written = [(node, place) for node, place in places if place.buffer != "own" or place in self.moved]
        writer = self.writer
        values = [writer.whole(writer.value(node), node.width) for node, _ in written]
        before = set(writer.buffers)
        if before & {writer.buffer(place) for _, place in written}:
            # Where a value takes the place of the sum that it was made of, all threads have to have read that.
            writer.lines.append(BARRIER)
        for value, (node, place) in zip(values, written, strict=True):
            writer.lines.append(writer.stored(value, place, node.width))
        self.unsettled |= bool(written)
