"""What is computed at a step, forward and backward, and what the one stores for the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from harness.cells.base import Cell
from harness.engine.scan.derivative import Derivative, derivative
from harness.engine.scan.formula import formula
from harness.engine.scan.nodes import ACROSS, BINARY, Block, Node, Untraceable, in_order
from harness.engine.scan.schedule import Place, Program, Scheduler, Store, leaf_place

log = logging.getLogger(__name__)

CHEAP = BINARY | {"relu", "abs", "floor", "where", "copy", "detach"}
"""Operations that are as quickly done again as their result is read."""


@dataclass(frozen=True)
class MatrixGradient:
    """leftᵀ · delta is added to the gradient of a block of a weight matrix."""

    left: Place
    block: Block
    delta: Place


@dataclass(frozen=True)
class VectorGradient:
    """Units of a weight vector, from ``offset`` on: to their gradient is added what lies at ``at`` in ``kept``."""

    weight: str
    offset: int
    width: int
    at: int


@dataclass(frozen=True, eq=False)
class Plan:
    """A cell's step as programs.

    Attributes:
        widths: of the parts of the state.
        shapes: of the weights in use, by name.
        totals: where each part's total derivative is found after a backward step.
        output_part: the part of the state that the next layer sees; None where it sees the buffer ``output``.
        products: how many numbers of a sample the products of a step give.
        act: how many numbers of a sample a step stores for the backward pass, besides the states.
        kept: how many numbers of a sample enter the gradients of weight matrices, besides inputs and states.
        matrices: what is added to the gradients of weight matrices.
        takes_tokens: whether inputs enter products alone, so that tokens can stand for one-hot vectors.
    """

    input_size: int
    widths: dict[str, int]
    shapes: dict[str, tuple[int, ...]]
    output_part: str | None
    output_size: int
    forward: Program
    backward: Program
    totals: dict[str, Place]
    products: int
    act: int
    kept: int
    matrices: list[MatrixGradient]
    takes_tokens: bool


def plan(cell: Cell, input_size: int, hidden_size: int) -> Plan:
    """Read a cell's step, differentiate it, and put both into order.

    Raises:
        Untraceable: the step is no formula of the supported operations.
    """
    widths = cell.widths(hidden_size)
    fixed = cell.fixed(input_size, hidden_size)
    found = derivative(formula(cell, input_size, hidden_size), widths, input_size, fixed)
    step = found.step
    new = {node: Place("new", at, part) for part, nodes in step.new.items() for node, at in _placed(nodes)}
    results = [Store(node, Place("new", at, part)) for part, nodes in step.new.items() for node, at in _placed(nodes)]
    if step.output_part is None:
        results += [Store(node, Place("output", at)) for node, at in _placed(step.output)]
    stored, homes, act, scratch = _stored(found, new)
    values = [Store(node, place) for node, place in stored.items() if node.op != "affine"]
    sums = [Store(node, place) for node, place in stored.items() if node.op == "affine"]
    forward = Scheduler({}, homes, scratch).program([*results, *values], sums)
    backward = _Backward(found, widths, {**new, **stored})
    return Plan(
        input_size=input_size,
        widths=widths,
        shapes=cell.shapes(input_size, hidden_size),
        output_part=step.output_part,
        output_size=cell.output_size(hidden_size),
        forward=forward,
        backward=backward.program,
        totals=backward.totals,
        products=sum(node.width for node in homes),
        act=act,
        kept=backward.kept,
        matrices=backward.matrices,
        takes_tokens=not _x_elsewhere(found, input_size),
    )


@lru_cache(maxsize=256)
def planned_step(cell: Cell, input_size: int, hidden_size: int) -> Plan | None:
    """A cell's step as programs; None, and a line in the log, where it is no formula."""
    try:
        return plan(cell, input_size, hidden_size)
    except Untraceable as problem:
        log.info("the step of cell %s is no formula, and runs by autograd: %s", cell.name, problem)
        return None


def with_vectors_kept(plan: Plan) -> tuple[list[Store], list[VectorGradient], int]:
    """What a backward step stores where gradients of weight vectors are kept, too: mostly they are kept anyway.

    Returns:
        All that is stored; what is added to the gradients of weight vectors; how many numbers of a sample are kept.
    """
    asked, end = [store for store in plan.backward.asked if store.dest.buffer != "vector"], plan.kept
    places = {store.node: store.dest.offset for store in asked if store.dest.buffer == "kept"}
    vectors: list[VectorGradient] = []
    for store in plan.backward.asked:
        if store.dest.buffer != "vector":
            continue
        node = store.node
        if node not in places:
            places[node], end = end, end + node.width
            asked.append(Store(node, Place("kept", places[node])))
        vectors.append(VectorGradient(store.dest.name, store.dest.offset, node.width, places[node]))
    return asked, _beside_each_other(vectors), end


def _beside_each_other(vectors: Sequence[VectorGradient]) -> list[VectorGradient]:
    """Gradients of neighbouring units that are kept side by side as one."""
    made: list[VectorGradient] = []
    for each in sorted(vectors, key=lambda each: (each.weight, each.offset)):
        last = made[-1] if made else None
        after = None if last is None else (last.weight, last.offset + last.width, last.at + last.width)
        if last is not None and after == (each.weight, each.offset, each.at):
            made[-1] = replace(last, width=last.width + each.width)
        else:
            made.append(each)
    return made


def stored_per_step(cell: Cell, hidden_size: int) -> int:
    """Numbers that a step of one sample stores for the backward pass, a measure of memory and of work."""
    planned = planned_step(cell, hidden_size, hidden_size)
    state = sum(cell.widths(hidden_size).values())
    if planned is not None:
        return planned.products + state
    return state + 2 * sum(shape[-1] for shape in cell.shapes(hidden_size, hidden_size).values() if len(shape) > 1)


def held_per_step(cell: Cell, hidden_size: int) -> tuple[int, int]:
    """Numbers of a step of one sample that a layer holds until its way back, and that it makes on it.

    The latter are only held for `harness.engine.scan.triton.scanner.SPAN` steps at the most.
    """
    planned = planned_step(cell, hidden_size, hidden_size)
    if planned is None:
        return stored_per_step(cell, hidden_size), 0
    return planned.act + sum(planned.widths.values()), planned.kept


def _placed(nodes: tuple[Node, ...]) -> list[tuple[Node, int]]:
    """The nodes of a vector, and where each starts."""
    return [(node, sum(each.width for each in nodes[:place])) for place, node in enumerate(nodes)]


def _stored(found: Derivative, new: dict[Node, Place]) -> tuple[dict[Node, Place], dict[Node, Place], int, int]:
    """What the forward program stores for the backward one.

    Of a sum of products that is read through one function alone, such as ``sigmoid(x · W + b)``, the function's value
    is stored: it is what the derivative needs, and need not be computed again.

    Returns:
        Where the nodes that are stored lie; where all sums of products are put; how many numbers are stored, and how
        many are kept for the step alone.
    """
    step = found.step
    forward = in_order([node for nodes in (*step.new.values(), step.output) for node in nodes])
    sums = sorted((node for node in forward if node.op == "affine"), key=_order_of_columns)
    backward = in_order([*found.roots(), *(each.left for each in found.matrices)], new)
    users: dict[Node, set[Node]] = {}
    for node in {*forward, *backward}:
        for argument in node.args if node not in new or node in forward else ():
            users.setdefault(argument, set()).add(node)
    ends = {*new, *step.output, *(each.left for each in found.matrices), *found.roots()}
    chosen: dict[Node, Node] = {}
    for node in sums:
        value = _value_to_store(node, users, ends)
        if value not in new and value not in chosen.values():
            chosen[node] = value
    needed = set(in_order([*found.roots(), *(each.left for each in found.matrices)], {*new, *chosen.values()}))
    stored, homes, act, scratch = {}, {}, 0, 0
    for node in sums:
        if chosen.get(node) in needed:
            homes[node] = stored[chosen[node]] = Place("act", act)
            act += node.width
        else:
            homes[node] = Place("scratch", scratch)
            scratch += node.width
    return stored, homes, act, scratch


def _order_of_columns(node: Node) -> tuple[str, int, int]:
    """Sums of products with neighbouring columns lie side by side, so that these products become one."""
    block = node.blocks[0]
    return block.weight, block.row, block.column


def _value_to_store(node: Node, users: dict[Node, set[Node]], ends: set[Node]) -> Node:
    found = at = node
    while at not in ends and len(users.get(at, ())) == 1:
        (at,) = users[at]
        if at.op == "affine" or at.op in ACROSS or at.width != node.width:
            break
        if at.op not in CHEAP:
            found = at
    return found


def _x_elsewhere(found: Derivative, input_size: int) -> bool:
    """Whether inputs enter anything but products, all of them, with weights as they stand."""
    step = found.step
    roots = [node for nodes in (*step.new.values(), step.output) for node in nodes]
    nodes = in_order([*roots, *found.roots()])
    for node in nodes:
        # Of a sum of products there is a block for each argument, of everything else there is none.
        as_it_stands = [not block.transposed for block in node.blocks] or [False] * len(node.args)
        for argument, fits in zip(node.args, as_it_stands, strict=True):
            if argument.op == "x" and not (fits and argument.width == input_size):
                return True
    return False


class _Backward:
    """The backward program."""

    def __init__(self, found: Derivative, widths: dict[str, int], known: dict[Node, Place]):
        self.kept = 0
        self.places: dict[Node, Place] = {}
        self.stores: list[Store] = []
        self.totals: dict[str, Place] = {}
        scratch = 0
        for part, nodes in found.total.items():
            whole = len(nodes) == 1 and nodes[0].op == "grad"
            self.totals[part] = leaf_place(nodes[0]) if whole else Place("scratch", scratch)
            if not whole:
                self.stores += [Store(node, Place("scratch", scratch + at)) for node, at in _placed(nodes)]
                scratch += widths[part]
        for part, nodes in found.carry.items():
            self.stores += [Store(node, Place("carry", at, part)) for node, at in _placed(nodes)]
        self.stores += [Store(node, Place("grad_x", at)) for node, at in _placed(found.x)]
        self.stores += [Store(node, Place("vector", at, name), add=True) for name, at, node in found.vectors]
        for each in sorted(found.matrices, key=lambda each: (each.block.weight, each.block.row, each.block.column)):
            self._keep(each.delta)
        for each in found.matrices:
            # The gradient of a transposed weight takes its factors the other way round, and both from `kept`.
            if each.left.op not in ("x", "state") or each.block.transposed:
                self._keep(each.left)
        self.matrices = _merged(
            [
                MatrixGradient(self.places.get(each.left) or leaf_place(each.left), each.block, self.places[each.delta])
                for each in found.matrices
            ]
        )
        self.program = Scheduler(known, {}, scratch).program(self.stores)

    def _keep(self, node: Node) -> None:
        if node not in self.places:
            self.places[node] = Place("kept", self.kept)
            self.stores.append(Store(node, self.places[node]))
            self.kept += node.width


def _merged(found: list[MatrixGradient]) -> list[MatrixGradient]:
    """Gradients of neighbouring columns of a weight as one."""
    made: list[MatrixGradient] = []
    for each in sorted(found, key=lambda each: (each.left, each.block.weight, each.block.row, each.block.column)):
        last = made[-1] if made else None
        if last is not None and _side_by_side(last, each):
            columns = last.block.columns + each.block.columns
            made[-1] = MatrixGradient(last.left, replace(last.block, columns=columns), last.delta)
        else:
            made.append(each)
    return made


def _side_by_side(one: MatrixGradient, two: MatrixGradient) -> bool:
    a, b = one.block, two.block
    same = (one.left, a.weight, a.row, a.rows, a.transposed) == (two.left, b.weight, b.row, b.rows, b.transposed)
    next_place = replace(one.delta, offset=one.delta.offset + a.columns)
    return same and not a.transposed and a.column + a.columns == b.column and next_place == two.delta
