"""What formulas are made of.

A `Node` is a vector per sample, of one width. A node is never a piece of a computed one (`piece` takes the same
computation on a part of everything that it is made of), so that every product is one of blocks of the weights.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise


class Untraceable(Exception):
    """The step does something that is no formula of the supported operations."""


LEAVES = ("x", "state", "weight", "number")
FUNCTIONS = {"sigmoid", "tanh", "relu", "exp", "log", "log1p", "sqrt", "sin", "cos", "abs", "floor", "detach"}
BINARY = {"+", "-", "*", "/", "<", "<="}
CONDITIONS = {"<", "<="}
"""Operations that give a truth value."""

ACROSS = {"sum", "amax", "repeat", "fold"}
"""Operations across units, which read a whole vector."""

REGROUPED = {"repeat", "fold"}
"""Those that put units elsewhere."""


@dataclass(frozen=True)
class Block:
    """A block of a weight matrix, the right factor of a product; of its transpose, if ``transposed``.

    ``rows`` and ``columns`` count those of the factor, ``row`` and ``column`` those of the weight where it starts.
    """

    weight: str
    row: int
    column: int
    rows: int
    columns: int
    transposed: bool = False

    @property
    def mT(self) -> Block:
        """The same block as the factor of the way back."""
        return replace(self, rows=self.columns, columns=self.rows, transposed=not self.transposed)


@dataclass(frozen=True, eq=False)
class Node:
    """A vector per sample.

    Attributes:
        op: ``x``, ``state`` or ``weight`` (``name``, from ``offset`` on), ``number`` (``value``), a function, an
            operation, an operation across units, or ``affine``: the sum of products of ``args`` with ``blocks``.
        args: what it is computed from; where it goes unit by unit, of width 1 or of its own width.
        times, stretch: of ``repeat`` and ``fold``, see `harness.cells.functions`.
    """

    op: str
    width: int
    args: tuple[Node, ...] = ()
    name: str = ""
    offset: int = 0
    value: float = 0.0
    blocks: tuple[Block, ...] = ()
    times: int = 1
    stretch: int = 1


def number(value: float) -> Node:
    """A constant."""
    return Node("number", 1, value=float(value))


def is_number(node: Node, value: float) -> bool:
    """Whether a node is this constant."""
    return node.op == "number" and node.value == value


def binary(op: str, left: Node, right: Node) -> Node:
    """An operation on two nodes; what multiplies or divides by 1 or adds 0 is left out."""
    width = max(left.width, right.width)
    if {left.width, right.width} - {1, width}:
        raise Untraceable(f"vectors of {left.width} and {right.width} units in one operation")
    neutral = {"+": 0.0, "-": 0.0, "*": 1.0, "/": 1.0}.get(op)
    if neutral is not None and is_number(right, neutral):
        return left
    if op in ("+", "*") and neutral is not None and is_number(left, neutral):
        return right
    return Node(op, width, (left, right))


def choose(condition: Node, left: Node, right: Node) -> Node:
    """``left`` where the condition holds, ``right`` elsewhere; what is not chosen does no harm, were it infinite."""
    return Node("where", max(node.width for node in (condition, left, right)), (condition, left, right))


def product(left: Node, block: Block) -> Node:
    """The product of a vector and a block of a weight matrix."""
    return Node("affine", block.columns, (left,), blocks=(block,))


@lru_cache(maxsize=4096)
def repeat(node: Node, times: int, stretch: int) -> Node:
    """Every stretch of units several times."""
    if node.width == 1:
        return Node("copy", times, (node,))
    return Node("repeat", node.width * times, (node,), times=times, stretch=stretch)


def fold(node: Node, times: int, stretch: int) -> Node:
    """The sums of stretches of units."""
    if node.width == times:
        return Node("sum", 1, (node,))
    return Node("fold", node.width // times, (node,), times=times, stretch=stretch)


@lru_cache(maxsize=4096)
def piece(node: Node, start: int, width: int) -> Node:
    """Units ``start`` … of a node: the same computation on a part of everything that it is made of."""
    if (start, width) == (0, node.width) or node.width == 1:
        return node
    if node.op in ("x", "state", "weight", "grad"):
        return replace(node, offset=node.offset + start, width=width)
    if node.op == "affine":
        columns = {True: "row", False: "column"}
        blocks = tuple(
            replace(block, columns=width, **{where: getattr(block, where) + start})
            for block in node.blocks
            for where in [columns[block.transposed]]
        )
        return replace(node, width=width, blocks=blocks)
    if node.op in ("repeat", "fold"):
        # Whole stretches and their repetitions are made of whole stretches.
        whole, apart = node.stretch, node.stretch * node.times
        ours, its = (apart, whole) if node.op == "repeat" else (whole, apart)
        if start % ours or width % ours:
            raise Untraceable(f"a part of what {node.op} gives")
        make = repeat if node.op == "repeat" else fold
        return make(piece(node.args[0], start // ours * its, width // ours * its), node.times, node.stretch)
    return replace(node, width=width, args=tuple(piece(argument, start, width) for argument in node.args))


def cut(nodes: Sequence[Node], borders: Iterable[int]) -> tuple[Node, ...]:
    """The nodes that a vector consists of, cut at some of its units as well."""
    found, start = [], 0
    marks = sorted(borders)
    for node in nodes:
        end = start + node.width
        edges = [start, *(mark for mark in marks if start < mark < end), end]
        found += [piece(node, a - start, b - a) for a, b in pairwise(edges)]
        start = end
    return tuple(found)


def borders(nodes: Sequence[Node]) -> set[int]:
    """Where the nodes of a vector meet."""
    found, end = set(), 0
    for node in nodes:
        end += node.width
        found.add(end)
    return found


def in_order(roots: Iterable[Node], known: Container[Node] = ()) -> list[Node]:
    """All nodes that the roots need, each after its arguments; of what is known, nothing is needed."""
    found: dict[Node, None] = {}
    for root in roots:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if node in found:
                continue
            if ready or node in known:
                found[node] = None
            else:
                stack.append((node, True))
                stack += [(argument, False) for argument in reversed(node.args)]
    return list(found)


def summed_products(roots: Sequence[Node], known: Container[Node] = ()) -> dict[Node, Node]:
    """Sums in which products stand alone become one node for all of these products.

    Args:
        known: nodes that stay as they are.

    Returns:
        For every node that the roots need what stands in its place.
    """
    order = in_order(roots, known)
    users: dict[Node, int] = dict.fromkeys(order, 0)
    for node in [*roots, *(argument for each in order if each not in known for argument in each.args)]:
        users[node] += 1
    inner = {
        argument
        for node in order
        if node.op == "+" and node not in known
        for argument in node.args
        if argument.op == "+" and users[argument] == 1 and argument not in known
    }
    made: dict[Node, Node] = {}
    for node in order:
        if node in known:
            made[node] = node
            continue
        if node.op == "+" and node not in inner:
            addends = _addends(node, inner)
            single = {each for each in addends if users[each] == 1 and each not in known}
            alone = [each for each in addends if each.op == "affine" and each in single and each.width == node.width]
            if alone:
                lefts = tuple(made[left] for each in alone for left in each.args)
                found = Node("affine", node.width, lefts, blocks=tuple(b for each in alone for b in each.blocks))
                for each in addends:
                    found = found if each in alone else binary("+", found, made[each])
                made[node] = found
                continue
        args = tuple(made[argument] for argument in node.args)
        made[node] = node if args == node.args else replace(node, args=args)
    return made


def _addends(node: Node, inner: set[Node]) -> list[Node]:
    found: list[Node] = []
    for argument in node.args:
        found += _addends(argument, inner) if argument in inner else [argument]
    return found
