"""The Triton code of a cell's scan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jinja2
import torch

from harness.engine.scan.derivative import OUTPUT
from harness.engine.scan.nodes import Node, in_order
from harness.engine.scan.plan import Plan
from harness.engine.scan.schedule import Place, Program, Store
from harness.engine.scan.triton.tiles import REALS, SAMPLES, Tile, Writer, units

Piece = tuple[int, int]
"""Where a stretch of a part's units starts, and how long it is."""

BARRIER = "tl.debug_barrier()"


@dataclass(frozen=True)
class VectorGradient:
    """Units of a weight vector, from ``offset`` on: to their gradient is added what lies at ``at`` in ``kept``."""

    weight: str
    offset: int
    width: int
    at: int


@dataclass
class Written:
    """A program in Triton: lines before the loop over time, of a step, and after the loop."""

    before: list[str]
    lines: list[str]
    start: list[str] = field(default_factory=list)
    finish: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Source:
    """The Triton code of a cell's scan.

    Attributes:
        kept: how many numbers of a sample the backward scan leaves for the weights' gradients.
        vectors: which of them are gradients of weight vectors.
    """

    code: str
    kept: int
    vectors: list[VectorGradient]

    @classmethod
    def of(cls, plan: Plan, dtype: torch.dtype) -> Source:
        """Write it."""
        stores, vectors, kept = _kept(plan)
        backward = _Backward(plan, REALS[dtype], stores).written()
        code = _template().render(
            samples=SAMPLES,
            input_size=plan.input_size,
            output_size=plan.output_size,
            seen=plan.output_part is None,
            widths=list(plan.widths.values()),
            parts=range(len(plan.widths)),
            weights=range(len(plan.shapes)),
            act=plan.act,
            kept=kept,
            forward=_forward(plan, REALS[dtype]),
            backward=backward,
        )
        return cls(code, kept, vectors)


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    return jinja2.Environment(loader=loader, trim_blocks=True, lstrip_blocks=True).get_template("kernel.py.j2")


def _kept(plan: Plan) -> tuple[list[Store], list[VectorGradient], int]:
    """What a backward step stores. Gradients of weight vectors are kept, too: mostly they are kept anyway."""
    asked, end = [store for store in plan.backward.asked if store.dest.buffer != "vector"], plan.kept
    places = {store.node: store.dest.offset for store in asked if store.dest.buffer == "kept"}
    vectors = []
    for store in plan.backward.asked:
        if store.dest.buffer != "vector":
            continue
        node = store.node
        if node not in places:
            places[node], end = end, end + node.width
            asked.append(Store(node, Place("kept", places[node])))
        vectors.append(VectorGradient(store.dest.name, store.dest.offset, node.width, places[node]))
    return asked, vectors, end


def _nodes(program: Program, stores: Iterable[Store]) -> list[Node]:
    """What is read, then what is computed, each after its arguments."""
    order = in_order([store.node for store in stores], program.known)
    return sorted(order, key=lambda node: node not in program.known)


def _forward(plan: Plan, real: str) -> Written:
    program = plan.forward
    writer = Writer(plan, real, program.known)
    nodes = _nodes(program, program.asked)
    made = Written(writer.before, writer.lines)
    new = [store for store in program.asked if store.dest.buffer == "new"]
    carried: dict[tuple[str, int, int], str] = {}
    for place, part in enumerate(plan.widths):
        read = {(node.offset, node.width): node for node in nodes if node.op == "state" and node.name == part}
        if set(read) <= _pieces(new, part):
            # What the step before wrote is at hand.
            for offset, width in read:
                name = carried[part, offset, width] = f"state_{place}_{offset}_{width}"
                made.start.append(f"{name} = {writer.loaded(Place('start', offset, part), width)}")
    for node in nodes:
        name = carried.get((node.name, node.offset, node.width), "")
        if node.op == "state" and name:
            writer.values[node] = Tile(name, SAMPLES, units(node.width))
        writer.value(node)
    for store in program.asked:
        writer.store(writer.value(store.node), store.dest, store.node.width)
    pairs = [(carried.get((store.dest.name, store.dest.offset, store.node.width), ""), store.node) for store in new]
    _assign(writer, [(name, writer.whole(writer.value(node), node.width)) for name, node in pairs if name])
    if any(node.op == "state" and (node.name, node.offset, node.width) not in carried for node in nodes):
        writer.lines.append(BARRIER)
    return made


def _pieces(stores: Iterable[Store], part: str) -> set[Piece]:
    """In which pieces a part is written."""
    return {(store.dest.offset, store.node.width) for store in stores if store.dest.name == part}


def _assign(writer: Writer, pairs: Sequence[tuple[str, str]]) -> None:
    """What the next step has at hand, all at once: of what is assigned something may stand on the right."""
    if pairs:
        names, texts = zip(*pairs, strict=True)
        writer.lines.append(f"{', '.join(names)} = {', '.join(texts)}")


class _Backward:
    """Writes a backward step."""

    def __init__(self, plan: Plan, real: str, stores: list[Store]):
        self.plan, self.stores, self.real = plan, stores, real
        self.writer = Writer(plan, real, plan.backward.known)
        self.nodes = _nodes(plan.backward, stores)
        self.grads: dict[tuple[str, int, int], Tile] = {}
        self.carries = [store for store in stores if store.dest.buffer == "carry"]
        self.made = Written(self.writer.before, self.writer.lines)

    def written(self) -> Written:
        """Write it."""
        at_hand = {part: self._arrive(part) for part in [*self.plan.widths, OUTPUT]}
        if not all(at_hand.values()):
            # What is read is overwritten at the end of the step.
            self.writer.lines.append(BARRIER)
        for node in self.nodes:
            if node.op == "grad":
                self.writer.values[node] = self.grads[node.name, node.offset, node.width]
            self.writer.value(node)
        for place, part in enumerate(self.plan.widths):
            self._total(place, part)
        for store in self.stores:
            if not (store.dest.buffer == "scratch" or (store.dest.buffer == "carry" and at_hand[store.dest.name])):
                self._store(store)
        if not all(at_hand.values()):
            self.writer.lines.append(BARRIER)
        passed = [store for store in self.carries if at_hand[store.dest.name]]
        _assign(self.writer, [(self._grad_of(store).text, self._whole(store)) for store in passed])
        return self.made

    def _arrive(self, part: str) -> bool:
        """The pieces of what arrives at a part of the state; returns whether the later step has them at hand."""
        plan, writer, output = self.plan, self.writer, part == OUTPUT
        read = {(node.offset, node.width) for node in self.nodes if node.op == "grad" and node.name == part}
        if not output and plan.totals[part].buffer == "grad":
            read.add((0, plan.widths[part]))
        written = _pieces(self.carries, part)
        at_hand = output or read <= written
        for offset, width in sorted(read | written if at_hand else read):
            name = f"grad_{'output' if output else list(plan.widths).index(part)}_{offset}_{width}"
            added = writer.loaded(Place("outside", offset), width, "there & seen")
            if not output:
                (self.made.start if at_hand else writer.lines).append(
                    f"{name} = {writer.loaded(Place('carry', offset, part), width)}"
                )
            if output:
                writer.lines.append(f"{name} = {added}")
            elif part == plan.output_part:
                writer.lines.append(f"{name} += {added}")
            if at_hand and not output:
                self.made.finish.append(writer.stored(name, Place("carry", offset, part), width))
            self.grads[part, offset, width] = Tile(name, SAMPLES, units(width))
        return at_hand

    def _total(self, place: int, part: str) -> None:
        """Write the total derivative of a part, and its norm."""
        at, width, writer = self.plan.totals[part], self.plan.widths[part], self.writer
        if at.buffer == "grad":
            pieces = [(0, width, self.grads[part, 0, width])]
        else:
            pieces = [
                (store.dest.offset - at.offset, store.node.width, writer.value(store.node))
                for store in self.stores
                if store.dest.buffer == "scratch" and at.offset <= store.dest.offset < at.offset + width
            ]
        lines = writer.lines
        writer.lines = []
        for offset, size, value in pieces:
            writer.store(value, Place("total", offset, part), size)
        lines += ["if TOTALS:", *("    " + line for line in writer.lines)]
        values = [writer.clean(value, size) for _, size, value in pieces]
        scale = f"tl.full(({SAMPLES},), 1.0, tl.float64)"
        if self.real == "tl.float64":
            largest = [f"tl.max(tl.abs({value}), axis=1)" for value in values]
            most = largest[0]
            for each in largest[1:]:
                most = f"tl.maximum({most}, {each})"
            scale = f"safe({most})"
        lines += [
            "if NORMS:",
            f"    scale = {scale}",
            f"    norm = scale * tl.sqrt({' + '.join(f'squares({value}, scale)' for value in values)})",
            f"    tl.store(norm_{place} + keep_t + b, norm, mask=b < batch)",
        ]
        writer.lines = lines

    def _store(self, store: Store) -> None:
        start, writer = len(self.writer.lines), self.writer
        writer.store(writer.value(store.node), store.dest, store.node.width)
        if store.dest.buffer == "grad_x":
            writer.lines[start:] = ["if NEED_X:", *("    " + line for line in writer.lines[start:])]

    def _grad_of(self, store: Store) -> Tile:
        return self.grads[store.dest.name, store.dest.offset, store.node.width]

    def _whole(self, store: Store) -> str:
        return self.writer.whole(self.writer.value(store.node), store.node.width)
