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
from harness.engine.scan.plan import Plan, VectorGradient, with_vectors_kept
from harness.engine.scan.schedule import Place, Program, Store
from harness.engine.scan.triton.tiles import REALS, SAMPLES, Tile, Writer, units

BARRIER = "tl.debug_barrier()"


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
        stores, vectors, kept = with_vectors_kept(plan)
        backward = _Backward(plan, REALS[dtype], stores).written()
        code = template("kernel.py.j2").render(
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
def template(name: str) -> jinja2.Template:
    """A template of this package."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    return jinja2.Environment(loader=loader, trim_blocks=True, lstrip_blocks=True).get_template(name)


def _nodes(program: Program, stores: Iterable[Store]) -> list[Node]:
    """What is read, then what is computed, each after its arguments."""
    order = in_order([store.node for store in stores], program.known)
    return sorted(order, key=lambda node: node not in program.known)


def _forward(plan: Plan, real: str) -> Written:
    program = plan.forward
    writer = Writer(plan, real, program.known)
    nodes = _nodes(program, program.asked)
    made = Written(writer.before, writer.lines)
    at_hand: dict[tuple[str, int, int], str] = {}
    passed = [store for store in program.asked if store.dest.buffer in ("new", "output")]
    for store in passed:
        # What a step has made of the state is at hand at the next one; nothing has been shown before the first.
        part, offset, width = piece = store.dest.name, store.dest.offset, store.node.width
        name = f"state_{list(plan.widths).index(part)}" if part else "shown"
        at_hand[piece] = f"{name}_{offset}_{width}"
        first = (
            writer.loaded(Place("start", offset, part), width) if part else f"tl.zeros({writer.shape(width)}, {real})"
        )
        made.start.append(f"{at_hand[piece]} = {first}")
    for node in nodes:
        piece = node.name, node.offset, node.width
        if node.op == "state" and piece in at_hand:
            writer.values[node] = Tile(at_hand[piece], SAMPLES, units(node.width))
        writer.value(node)
    pairs = []
    for store in program.asked:
        value, width = writer.value(store.node), store.node.width
        text = writer.whole(value, width)
        if store in passed:
            old = at_hand[store.dest.name, store.dest.offset, width]
            text = f"next_{old}"
            writer.lines.append(f"{text} = {writer.until_end(value, width, old)}")
            pairs.append((old, text))
        writer.lines.append(writer.stored(text, store.dest, width))
    _assign(writer, pairs)
    if any(node.op == "state" and (node.name, node.offset, node.width) not in at_hand for node in nodes):
        writer.lines.append(BARRIER)
    return made


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
        _assign(self.writer, [self._passed_on(store) for store in passed])
        return self.made

    def _arrive(self, part: str) -> bool:
        """The pieces of what arrives at a part of the state; returns whether the later step has them at hand."""
        plan, writer, output = self.plan, self.writer, part == OUTPUT
        read = {(node.offset, node.width) for node in self.nodes if node.op == "grad" and node.name == part}
        if not output and plan.totals[part].buffer == "grad":
            read.add((0, plan.widths[part]))
        written = {(store.dest.offset, store.node.width) for store in self.carries if store.dest.name == part}
        at_hand = output or read <= written
        for offset, width in sorted(read | written if at_hand else read):
            name = f"grad_{'output' if output else list(plan.widths).index(part)}_{offset}_{width}"
            added = writer.loaded(Place("outside", offset), width, "alive & seen")
            self.grads[part, offset, width] = Tile(name, SAMPLES, units(width))
            if output:
                writer.lines.append(f"{name} = {added}")
                continue
            carry = Place("carry", offset, part)
            (self.made.start if at_hand else writer.lines).append(f"{name} = {writer.loaded(carry, width)}")
            if part == plan.output_part:
                writer.lines.append(f"{name} += {added}")
            if at_hand:
                self.made.finish.append(writer.stored(name, carry, width))
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
        stores, values = [], []
        for offset, size, value in pieces:
            name = f"total_{place}_{offset}_{size}"
            writer.lines.append(f"{name} = {writer.until_end(value, size)}")
            stores.append(writer.stored(name, Place("total", offset, part), size))
            values.append(writer.clean(Tile(name, SAMPLES, units(size)), size))
        scale = f"tl.full(({SAMPLES},), 1.0, tl.float64)"
        if self.real == "tl.float64":
            largest = [f"tl.max(tl.abs({value}), axis=1)" for value in values]
            most = largest[0]
            for each in largest[1:]:
                most = f"tl.maximum({most}, {each})"
            scale = f"safe({most})"
        writer.lines += [
            "if TOTALS:",
            *("    " + line for line in stores),
            "if NORMS:",
            f"    scale = {scale}",
            f"    norm = scale * tl.sqrt({' + '.join(f'squares({value}, scale)' for value in values)})",
            f"    tl.store(norm_{place} + keep_t + b, norm, mask=b < batch)",
        ]

    def _store(self, store: Store) -> None:
        value, width, writer = self.writer.value(store.node), store.node.width, self.writer
        if store.dest.buffer == "carry":
            # What arrived at samples that have ended stays where it is.
            writer.lines.append(writer.stored(writer.whole(value, width), store.dest, width, "alive & there"))
            return
        unless = "if NEED_X: " if store.dest.buffer == "grad_x" else ""
        writer.lines.append(unless + writer.stored(writer.until_end(value, width), store.dest, width))

    def _passed_on(self, store: Store) -> tuple[str, str]:
        old = self.grads[store.dest.name, store.dest.offset, store.node.width].text
        return old, self.writer.until_end(self.writer.value(store.node), store.node.width, old)
