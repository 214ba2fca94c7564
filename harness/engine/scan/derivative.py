"""The derivative of a step's formula: another formula, of the same nodes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.engine.scan.formula import Formula
from harness.engine.scan.nodes import (
    Block,
    Node,
    binary,
    choose,
    fold,
    in_order,
    is_number,
    number,
    piece,
    product,
    repeat,
    summed_products,
)

OUTPUT = "output"
"""The name of what enters from above, beside the parts of the state."""


@dataclass(frozen=True)
class WeightGradient:
    """A product that a step adds to the gradient of a block of a weight matrix: leftᵀ · delta."""

    left: Node
    block: Block
    delta: Node


@dataclass(frozen=True)
class Derivative:
    """What the backward scan computes at a step, from ``grad`` nodes: dL/d(part of s_t) through later steps.

    Attributes:
        step: the formula, with sums of products as one node each.
        total: for each part the total derivative by s_t.
        carry: for each part the derivative by s_{t-1}.
        x: the derivative by the inputs.
        vectors: by weight vector and where it starts the derivative by it, of each sample.
        matrices: what is added to the gradients of weight matrices.
    """

    step: Formula
    total: dict[str, tuple[Node, ...]]
    carry: dict[str, tuple[Node, ...]]
    x: tuple[Node, ...]
    vectors: list[tuple[str, int, Node]]
    matrices: list[WeightGradient]

    def roots(self) -> list[Node]:
        """All nodes that are asked for."""
        found = [node for nodes in (*self.total.values(), *self.carry.values(), self.x) for node in nodes]
        return [*found, *(node for *_, node in self.vectors), *(each.delta for each in self.matrices)]


def derivative(
    read: Formula, widths: dict[str, int], input_size: int, fixed: Collection[str] = frozenset()
) -> Derivative:
    """Differentiate a step.

    Args:
        fixed: weights whose gradients nobody asks for.
    """
    joined = summed_products([node for nodes in (*read.new.values(), read.output) for node in nodes])
    step = Formula(
        {part: tuple(joined[node] for node in nodes) for part, nodes in read.new.items()},
        tuple(joined[node] for node in read.output),
    )
    adjoint = _Adjoints()
    for part, nodes in step.new.items():
        _seed(adjoint, part, nodes)
    if step.output_part is None:
        _seed(adjoint, OUTPUT, step.output)
    roots = [node for nodes in (*step.new.values(), step.output) for node in nodes]
    order = in_order(roots)
    matrices = [each for node in reversed(order) if node in adjoint.found for each in adjoint.pass_on(node)]
    leaves = [node for node in order if node in adjoint.found]
    whole = {part: [(each, adjoint.found[each]) for each in leaves if _is(each, "state", part)] for part in widths}
    found = Derivative(
        step=step,
        total={part: tuple(adjoint.found[node] for node in nodes) for part, nodes in step.new.items()},
        carry={part: _assembled(pairs, widths[part]) for part, pairs in whole.items()},
        x=_assembled([(each, adjoint.found[each]) for each in leaves if each.op == "x"], input_size),
        vectors=[
            (each.name, each.offset, adjoint.found[each])
            for each in leaves
            if each.op == "weight" and each.name not in fixed
        ],
        matrices=[each for each in matrices if each.block.weight not in fixed],
    )
    return _with_sums(found, set(order))


def _with_sums(found: Derivative, forward: set[Node]) -> Derivative:
    """The same with sums of products as one node each."""
    made = summed_products(found.roots(), forward)

    def of(nodes: Iterable[Node]) -> tuple[Node, ...]:
        return tuple(made[node] for node in nodes)

    return Derivative(
        step=found.step,
        total={part: of(nodes) for part, nodes in found.total.items()},
        carry={part: of(nodes) for part, nodes in found.carry.items()},
        x=of(found.x),
        vectors=[(name, offset, made[node]) for name, offset, node in found.vectors],
        matrices=[WeightGradient(each.left, each.block, made[each.delta]) for each in found.matrices],
    )


def _seed(adjoint: _Adjoints, name: str, nodes: Sequence[Node]) -> None:
    start = 0
    for node in nodes:
        adjoint.add(node, Node("grad", node.width, name=name, offset=start))
        start += node.width


def _is(node: Node, op: str, name: str) -> bool:
    return node.op == op and node.name == name


def _assembled(pairs: Sequence[tuple[Node, Node]], width: int) -> tuple[Node, ...]:
    """The derivative by a whole vector from those by pieces of it, which may overlap or leave gaps."""
    marks = {0, width} | {edge for leaf, _ in pairs for edge in (leaf.offset, leaf.offset + leaf.width)}
    edges = sorted(marks)
    made = []
    for start, end in pairwise(edges):
        added = [
            piece(value, start - leaf.offset, end - start)
            for leaf, value in pairs
            if leaf.offset <= start and end <= leaf.offset + leaf.width
        ]
        node = number(0.0)
        for each in added:
            node = binary("+", node, each)
        made.append(node if node.width == end - start else Node("copy", end - start, (node,)))
    return tuple(made)


class _Adjoints:
    """For every node the derivative of the loss by it, as far as it has been found."""

    def __init__(self) -> None:
        self.found: dict[Node, Node] = {}

    def add(self, node: Node, value: Node) -> None:
        """Add what arrives at a node by one way."""
        if node.op == "number" or is_number(value, 0.0):
            return
        if value.width > node.width:
            value = Node("sum", 1, (value,))
        elif value.width < node.width:
            value = Node("copy", node.width, (value,))
        self.found[node] = binary("+", self.found[node], value) if node in self.found else value

    def pass_on(self, node: Node) -> list[WeightGradient]:
        """Hand the derivative by a node on to its arguments; returns what its products add to weight matrices."""
        grad = self.found[node]
        if node.op == "affine":
            for left, block in zip(node.args, node.blocks, strict=True):
                self.add(left, product(grad, block.mT))
            return [WeightGradient(left, block, grad) for left, block in zip(node.args, node.blocks, strict=True)]
        for argument, value in zip(node.args, _PASSED.get(node.op, _by_slopes)(node, grad), strict=True):
            if value is not None:
                self.add(argument, value)
        return []


def _by_slopes(node: Node, grad: Node) -> list[Node | None]:
    slopes = _SLOPES[node.op](node)
    return [None if argument.op == "number" else binary("*", grad, slope)
            for argument, slope in zip(node.args, slopes, strict=True)]  # fmt: skip


def _divided(node: Node) -> tuple[Node, Node]:
    _, right = node.args
    return binary("/", number(1.0), right), binary("-", number(0.0), binary("/", node, right))


def _function(op: str, node: Node) -> Node:
    return Node(op, node.width, (node,))


def _minus_square(node: Node) -> Node:
    return binary("-", number(1.0), binary("*", node, node))


_SLOPES: dict[str, Callable[[Node], tuple[Node, ...]]] = {
    "+": lambda node: (number(1.0), number(1.0)),
    "-": lambda node: (number(1.0), number(-1.0)),
    "*": lambda node: (node.args[1], node.args[0]),
    "/": _divided,
    "sigmoid": lambda node: (binary("*", node, binary("-", number(1.0), node)),),
    "tanh": lambda node: (_minus_square(node),),
    "exp": lambda node: (node,),
    "log": lambda node: (binary("/", number(1.0), node.args[0]),),
    "log1p": lambda node: (binary("/", number(1.0), binary("+", number(1.0), node.args[0])),),
    "sqrt": lambda node: (binary("/", number(0.5), node),),
    "sin": lambda node: (_function("cos", node.args[0]),),
    "cos": lambda node: (binary("-", number(0.0), _function("sin", node.args[0])),),
}


def _masked(node: Node, grad: Node) -> list[Node | None]:
    """A mask, not a product: an infinite gradient stays infinite where the unit is on, 0 where it is off."""
    return [choose(binary("<=", node, number(0.0)), number(0.0), grad)]


def _signed(node: Node, grad: Node) -> list[Node | None]:
    (x,) = node.args
    negative = choose(binary("<", x, number(0.0)), binary("-", number(0.0), grad), number(0.0))
    return [choose(binary("<", number(0.0), x), grad, negative)]


def _chosen(node: Node, grad: Node) -> list[Node | None]:
    condition = node.args[0]
    return [None, choose(condition, grad, number(0.0)), choose(condition, number(0.0), grad)]


_PASSED: dict[str, Callable[[Node, Node], list[Node | None]]] = {
    "copy": lambda node, grad: [grad],
    "sum": lambda node, grad: [grad],
    "repeat": lambda node, grad: [fold(grad, node.times, node.stretch)],
    "fold": lambda node, grad: [repeat(grad, node.times, node.stretch)],
    "relu": _masked,
    "abs": _signed,
    "where": _chosen,
    "<": lambda node, grad: [None, None],
    "<=": lambda node, grad: [None, None],
    "floor": lambda node, grad: [None],
    "detach": lambda node, grad: [None],
    "amax": lambda node, grad: [None],
    "x": lambda node, grad: [],
    "state": lambda node, grad: [],
    "weight": lambda node, grad: [],
    "number": lambda node, grad: [],
}
