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

from harness.engine.scan.plan import Plan, VectorGradient, with_vectors_kept
from harness.engine.scan.schedule import Phase, Place, Program, Store
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
            arguments |= {name: rows, f"{name}_k": rows.stride(0), f"{name}_s": rows.stride(1)}
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
        across = [made for each in phase.passes for made in each.across]
        loops = [loop for each in phase.passes for loop in each.loops]
        computed = {*(made.node for made in across), *(node for loop in loops for node in loop.nodes)}
        known = {node: place for node, place in program.places.items() if node not in computed}
        stored = [
            *(Store(made.node, made.dest) for made in across),
            *(store for loop in loops for store in loop.stores),
        ]
        self.plan, self.program = plan, program
        self.stores = self._where_vectors_are_kept([store for store in stored if store.dest.buffer != "own"])
        read = {argument for node in computed for argument in node.args} | {store.node for store in self.stores}
        widest = max(units(node.width) for node in computed | read)
        samples = min(16, max(1, NUMBERS // widest))
        self.warps = min(MOST_WARPS, max(1, samples * widest // PER_WARP))
        self.writer = Writer(plan, REALS[dtype], known, samples)

    def _where_vectors_are_kept(self, stores: Sequence[Store]) -> list[Store]:
        """The same stores, but gradients of weight vectors go to where they are kept."""
        asked = with_vectors_kept(self.plan)[0]
        kept = {store.node: store.dest for store in asked if store.dest.buffer == "kept"}
        found = {(store.node, kept[store.node] if store.add else store.dest): None for store in stores}
        return [Store(node, dest) for node, dest in found]

    def written(self, name: str) -> Stage:
        """Write it."""
        writer = self.writer
        values = [writer.whole(writer.value(store.node), store.node.width) for store in self.stores]
        read = set(writer.buffers)
        stores = [
            writer.stored(value, store.dest, store.node.width) for store, value in zip(self.stores, values, strict=True)
        ]
        written = {writer.buffer(store.dest) for store in self.stores}
        # Where a value takes the place of the sum that it was made of, all threads have to have read that.
        lines = [*writer.before, *writer.lines, *([BARRIER] if read & written else []), *stores]
        return Stage(name, writer.buffers, lines, writer.samples, self.warps)
