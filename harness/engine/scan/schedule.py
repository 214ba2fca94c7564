"""In which order a formula is computed: products of all samples, and between them loops over the units.

A formula becomes *phases*. A phase starts with products, which need whole vectors of all samples that go together, and
goes on sample by sample, in *passes*: operations across the units of what is there, then loops, one for all nodes of
the same width. What another loop, a product or an operation across units needs is kept at a `Place`; everything else
never leaves its loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.engine.scan.nodes import ACROSS, Block, Node, binary, in_order


@dataclass(frozen=True, order=True)
class Place:
    """Where a vector lies: a buffer, and the number of its first unit there.

    Buffers have a row for every sample: ``x``; ``old``, ``new``: the state before and after the step; ``weight``: the
    same row for all samples; ``act``: what is stored for the backward pass; ``scratch``; ``own``: scratch that a sample
    leaves to the next one within a phase; going back also ``grad``: what arrives at the new state; ``total``;
    ``carry``: what goes on to the old one; ``kept``: what enters the gradients of weight matrices; ``vector``:
    gradients of weight vectors; ``grad_x``.
    """

    buffer: str
    offset: int = 0
    name: str = ""


@dataclass(frozen=True)
class Product:
    """dest = left · block, or dest += left · block."""

    left: Place
    block: Block
    dest: Place
    add: bool


@dataclass(frozen=True)
class Across:
    """An operation across units: dest = node, of what lies at ``of``."""

    node: Node
    of: Place
    dest: Place


@dataclass(frozen=True)
class Store:
    """dest = node, or dest += node."""

    node: Node
    dest: Place
    add: bool = False


@dataclass
class Loop:
    """What is computed unit by unit: nodes, each after its arguments, and what of it is kept."""

    width: int
    nodes: list[Node] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)


@dataclass
class Pass:
    """Operations across units, then loops; the narrow ones first, since numbers of a sample enter loops over units."""

    across: list[Across] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)


@dataclass
class Phase:
    """Products, then passes."""

    products: list[Product] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)


@dataclass(frozen=True)
class Program:
    """What is done at a step.

    Attributes:
        asked: what is asked for, as it was before it was put into order.
        known: where leaves lie, and computed nodes that are there already.
        places: where every node lies that is read from memory.
        scratch: how many numbers of a sample are kept for the step alone.
        own: how many numbers a sample has for itself in ``own``.
    """

    phases: list[Phase]
    asked: list[Store]
    known: dict[Node, Place]
    places: dict[Node, Place]
    scratch: int
    own: int


LEAVES = {"x", "state", "weight", "grad"}

ADDED_TO = {"carry", "grad_x"}
"""Buffers that products may be added to."""

READABLE = {"act", "scratch", "new", "kept"}
"""Buffers that later loops and products of the same step may read."""

Level = tuple[int, int]
"""The phase and the pass in which a node is computed."""


class Scheduler:
    """Puts a formula into order.

    Args:
        known: computed nodes that are there already, and where.
        homes: where some sums of products are to lie; the others get a place in ``scratch``.
        scratch: how much of that is taken already.
    """

    def __init__(self, known: dict[Node, Place], homes: dict[Node, Place], scratch: int = 0):
        self.places = {**known, **homes}
        self.known = set(known)
        self.room = {"scratch": scratch, "own": 0}
        self.levels: dict[Node, Level] = {}
        self.phases: dict[int, Phase] = {}
        self.onto: dict[Node, Node | None] = {}
        self._passed_on: set[Node] = set()

    def program(self, stores: Sequence[Store], at_home: Sequence[Store] = ()) -> Program:
        """The program that computes and keeps these nodes; some sums of products are kept where they are put anyway."""
        asked = [*stores, *at_home]
        for node in in_order([store.node for store in stores], self.known):
            if node.op in LEAVES:
                self.places[node] = leaf_place(node)
                self.known.add(node)
        known = {node: self.places[node] for node in self.known}
        stores = self._onto_their_places(stores)
        order = in_order([*(store.node for store in stores), *self.onto], self.known)
        for node in order:
            self.levels[node] = self._level(node)
        self._passed_on = self._read_in_later_phases(order)
        for node in order:
            if node not in self.places and (node.op == "affine" or node.op in ACROSS):
                self.places[node] = self._room(node)
        kept = self._keep_what_others_read(order, stores)
        self._products(order)
        self._passes(order, [*stores, *kept])
        phases = [self.phases[key] for key in sorted(self.phases)]
        return Program(phases, asked, known, self.places, **self.room)

    def _onto_their_places(self, stores: Sequence[Store]) -> list[Store]:
        """Where a sum that is asked for once ends in products, these are added to the rest at the place of the sum."""
        order = in_order([store.node for store in stores], self.known)
        users: dict[Node, int] = dict.fromkeys(order, 0)
        for node in [*(s.node for s in stores), *(a for each in order if each not in self.known for a in each.args)]:
            users[node] += 1
        made: list[Store] = []
        for store in stores:
            addends = self._addends(store.node, users) if users[store.node] == 1 else []
            alone = [each for each in addends if each.op == "affine" and each not in self.places and users[each] == 1]
            if len(alone) != 1 or store.dest.buffer not in ADDED_TO:
                made.append(store)
                continue
            rest: Node | None = None
            for each in addends:
                if each is not alone[0]:
                    rest = each if rest is None else binary("+", rest, each)
            self.onto[alone[0]] = rest
            self.places[alone[0]] = store.dest
            if rest is not None:
                made.append(replace(store, node=rest))
        return made

    def _addends(self, node: Node, users: dict[Node, int]) -> list[Node]:
        if node.op != "+" or node in self.known:
            return [node]
        return [
            each
            for argument in node.args
            for each in (self._addends(argument, users) if users[argument] == 1 else [argument])
        ]

    def _level(self, node: Node) -> Level:
        if node in self.known or not node.args:
            return 0, 0
        phase, step = max(self.levels[argument] for argument in node.args)
        if node.op == "affine":
            return phase + 1, 0
        if node.op in ACROSS:
            return phase, step + any(map(self._is_computed, node.args))
        return phase, step

    def _is_computed(self, node: Node) -> bool:
        """Whether a node is computed in a loop."""
        return not (node in self.known or node.op in ("affine", "number") or node.op in ACROSS)

    def _loop_of(self, node: Node) -> tuple[int, int, int]:
        return (*self.levels[node], node.width)

    def _read_in_later_phases(self, order: Sequence[Node]) -> set[Node]:
        """What products and other phases read, and has to be there for all samples at once."""
        return {
            argument
            for node in order
            if node not in self.known
            for argument in node.args
            if node.op == "affine" or self.levels[argument][0] != self.levels[node][0]
        }

    def _room(self, node: Node) -> Place:
        buffer = "scratch" if node.op == "affine" or node in self._passed_on else "own"
        start = self.room[buffer]
        self.room[buffer] += node.width
        return Place(buffer, start)

    def _keep_what_others_read(self, order: Sequence[Node], stores: Sequence[Store]) -> list[Store]:
        """Gives a place to every node that is read outside of its loop; says what to store for it."""
        asked = {store.node: store.dest for store in stores if store.dest.buffer in READABLE}
        kept = []
        for node in order:
            for argument in node.args if node not in self.known else ():
                elsewhere = not self._is_computed(node) or self._loop_of(argument) != self._loop_of(node)
                if self._is_computed(argument) and argument not in self.places and elsewhere:
                    if argument not in asked:
                        kept.append(Store(argument, self._room(argument)))
                    self.places[argument] = asked[argument] if argument in asked else kept[-1].dest
        return kept

    def _products(self, order: Sequence[Node]) -> None:
        begun: dict[int, list[tuple[Node, Node, Block]]] = {}
        for node in order:
            if node.op == "affine" and node not in self.known:
                rest = self.onto.get(node)
                after = -1 if rest is None else self.levels[rest][0]
                for left, block in zip(node.args, node.blocks, strict=True):
                    begun.setdefault(max(self.levels[left][0], after) + 1, []).append((node, left, block))
        there = {node for node, rest in self.onto.items() if rest is not None}
        for phase in sorted(begun):
            found = []
            for node, left, block in begun[phase]:
                found.append(Product(self.places[left], block, self.places[node], node in there))
                there.add(node)
            self._phase(phase).products = merged(found)

    def _passes(self, order: Sequence[Node], stores: Sequence[Store]) -> None:
        for node in order:
            if node.op in ACROSS and node not in self.known:
                (of,) = node.args
                self._pass(self.levels[node]).across.append(Across(node, self.places[of], self.places[node]))
            elif self._is_computed(node):
                self._loop(self._loop_of(node)).nodes.append(node)
        for store in stores:
            self._loop(self._loop_of(store.node)).stores.append(store)

    def _phase(self, number: int) -> Phase:
        return self.phases.setdefault(number, Phase())

    def _pass(self, level: Level) -> Pass:
        passes = self._phase(level[0]).passes
        passes += [Pass() for _ in range(level[1] + 1 - len(passes))]
        return passes[level[1]]

    def _loop(self, key: tuple[int, int, int]) -> Loop:
        loops = self._pass(key[:2]).loops
        found = next((loop for loop in loops if loop.width == key[2]), None)
        if found is None:
            found = Loop(key[2])
            loops.append(found)
            loops.sort(key=lambda loop: loop.width != 1)
        return found


def leaf_place(node: Node) -> Place:
    """Where what enters a step lies."""
    return Place({"state": "old"}.get(node.op, node.op), node.offset, node.name)


def merged(products: Sequence[Product]) -> list[Product]:
    """Products that stand side by side in memory as one, of the same left factor or of the same sum; what begins a sum
    before what is added to it."""
    made: list[Product] = []
    for each in products:
        for place, other in enumerate(made):
            if (joined := _joined(other, each)) is not None:
                made[place] = joined
                break
        else:
            made.append(each)
    return sorted(made, key=lambda each: each.add) if len(made) == len(products) else merged(made)


def _joined(one: Product, two: Product) -> Product | None:
    first, second = sorted((one, two), key=lambda each: (each.dest, each.left, each.block.row, each.block.column))
    a, b = first.block, second.block
    if (a.weight, a.transposed) != (b.weight, b.transposed):
        return None
    along_row, along_column = ("column", "row") if a.transposed else ("row", "column")
    same_rows = a.rows == b.rows and getattr(a, along_row) == getattr(b, along_row)
    same_columns = a.columns == b.columns and getattr(a, along_column) == getattr(b, along_column)
    beside = same_rows and getattr(a, along_column) + a.columns == getattr(b, along_column)
    below = same_columns and getattr(a, along_row) + a.rows == getattr(b, along_row)
    if beside and first.left == second.left and one.add == two.add and _follows(first.dest, second.dest, a.columns):
        return replace(first, block=replace(a, columns=a.columns + b.columns))
    if below and first.dest == second.dest and two.add and _follows(first.left, second.left, a.rows):
        return replace(first, block=replace(a, rows=a.rows + b.rows), add=one.add)
    return None


def _follows(one: Place, two: Place, width: int) -> bool:
    return replace(one, offset=one.offset + width) == two
