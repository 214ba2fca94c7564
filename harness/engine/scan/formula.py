"""A cell's step as a formula: read off its code by calling it with stand-ins for tensors.

A `Node` is a vector per sample, of one width. Vectors that are cut or joined are kept as the nodes that they consist
of, so that no node is ever a piece of a computed one: every product becomes products of blocks of the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from numbers import Real
from types import EllipsisType
from typing import Any

from harness.cells.base import Cell, Named


class Untraceable(Exception):
    """The step does something that is no formula of the supported operations."""


LEAVES = ("x", "state", "weight", "number")
FUNCTIONS = {"sigmoid", "tanh", "relu", "exp", "log", "log1p", "sqrt", "sin", "cos", "abs", "floor"}
BINARY = {"+", "-", "*", "/", "<", "<="}
REDUCTIONS = {"sum", "amax"}


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
            operation, a reduction over units, or ``affine``: the sum of products of ``args`` with ``blocks``.
        args: what it is computed from; of width 1, or of its own width.
    """

    op: str
    width: int
    args: tuple[Node, ...] = ()
    name: str = ""
    offset: int = 0
    value: float = 0.0
    blocks: tuple[Block, ...] = ()


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
    if neutral is not None and is_number(right, neutral) and left.width == width:
        return left
    if op in ("+", "*") and neutral is not None and is_number(left, neutral) and right.width == width:
        return right
    return Node(op, width, (left, right))


def choose(condition: Node, left: Node, right: Node) -> Node:
    """``left`` where the condition holds, ``right`` elsewhere; what is not chosen does no harm, were it infinite."""
    return Node("where", max(node.width for node in (condition, left, right)), (condition, left, right))


def product(left: Node, block: Block) -> Node:
    """The product of a vector and a block of a weight matrix."""
    return Node("affine", block.columns, (left,), blocks=(block,))


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


@dataclass(frozen=True, eq=False)
class Vector:
    """Stands in for a tensor (K, B, width) while a step is read, and writes down what is done to it."""

    nodes: tuple[Node, ...]

    @property
    def width(self) -> int:
        return sum(node.width for node in self.nodes)

    @property
    def shape(self) -> tuple[int]:
        """Its last dimension alone: of members and samples a step knows nothing."""
        return (self.width,)

    def _each(self, build: Callable[..., Node], *others: Any) -> Vector:
        vectors = [self, *(_vector(other) for other in others)]
        width = max(vector.width for vector in vectors)
        if {vector.width for vector in vectors} - {1, width}:
            raise Untraceable(f"vectors of {' and '.join(str(vector.width) for vector in vectors)} units")
        marks = set().union(*(borders(vector.nodes) for vector in vectors if vector.width == width))
        rows = [cut(v.nodes, marks) if v.width == width else v.nodes * len(marks) for v in vectors]
        return Vector(tuple(build(*row) for row in zip(*rows, strict=True)))

    def _binary(self, op: str, other: Any) -> Vector:
        return self._each(lambda left, right: binary(op, left, right), other)

    def __add__(self, other: Any) -> Vector:
        return self._binary("+", other)

    def __radd__(self, other: Any) -> Vector:
        return _vector(other)._binary("+", self)

    def __sub__(self, other: Any) -> Vector:
        return self._binary("-", other)

    def __rsub__(self, other: Any) -> Vector:
        return _vector(other)._binary("-", self)

    def __mul__(self, other: Any) -> Vector:
        return self._binary("*", other)

    def __rmul__(self, other: Any) -> Vector:
        return _vector(other)._binary("*", self)

    def __truediv__(self, other: Any) -> Vector:
        return self._binary("/", other)

    def __rtruediv__(self, other: Any) -> Vector:
        return _vector(other)._binary("/", self)

    def __neg__(self) -> Vector:
        return _vector(0.0)._binary("-", self)

    def __lt__(self, other: Any) -> Vector:
        return self._binary("<", other)

    def __gt__(self, other: Any) -> Vector:
        return _vector(other)._binary("<", self)

    def __pow__(self, power: Any) -> Vector:
        if power not in (2, 3, 4):
            raise Untraceable(f"a power of {power}")
        square = self * self
        return {2: lambda: square, 3: lambda: square * self, 4: lambda: square * square}[power]()

    def __matmul__(self, right: Any) -> Vector:
        if not isinstance(right, Matrix):
            raise Untraceable(f"a product with a {type(right).__name__}")
        if right.block.rows != self.width:
            raise Untraceable(f"a product of {self.width} units with {right.block.rows} rows of {right.block.weight}")
        made, row = None, 0
        for node in self.nodes:
            part = product(node, right.part(row, node.width))
            made = part if made is None else binary("+", made, part)
            row += node.width
        assert made is not None
        return Vector((made,))

    def __getitem__(self, index: Any) -> Vector:
        start, stop = _columns(index, self.width)
        inner = cut(self.nodes, (start, stop))
        ends = sorted(borders(inner))
        return Vector(tuple(node for node, end in zip(inner, ends, strict=True) if start < end <= stop))

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Vector, ...]:
        """As `torch.Tensor.chunk`, along the units."""
        if dim != -1 or self.width % chunks:
            raise Untraceable(f"chunk({chunks}, dim={dim}) of {self.width} units")
        return self.split(self.width // chunks, dim)

    def split(self, split_size: int | Sequence[int], dim: int = 0) -> tuple[Vector, ...]:
        """As `torch.Tensor.split`, along the units."""
        sizes = [split_size] * (self.width // split_size) if isinstance(split_size, int) else list(split_size)
        if dim != -1 or sum(sizes) != self.width:
            raise Untraceable(f"split({split_size}, dim={dim}) of {self.width} units")
        ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
        return tuple(self[..., end - size : end] for size, end in zip(sizes, ends, strict=True))

    def beside(self, *others: Vector) -> Vector:
        """This vector and others side by side."""
        return Vector(tuple(node for vector in (self, *others) for node in vector.nodes))

    def where(self, left: Any, right: Any) -> Vector:
        """As `torch.where`, of this condition."""
        return self._each(choose, left, right)

    def detach(self) -> Vector:
        """What carries no gradient: only ever the largest unit, which has none."""
        return self

    def sum(self, dim: int = -1, keepdim: bool = False) -> Vector:
        """The sum over the units, of width 1."""
        return self._reduced("sum", dim, keepdim)

    def mean(self, dim: int = -1, keepdim: bool = False) -> Vector:
        """The mean over the units, of width 1."""
        return self._reduced("sum", dim, keepdim) * (1 / self.width)

    def amax(self, dim: int = -1, keepdim: bool = False) -> Vector:
        """The largest unit, of width 1; its derivative is 0."""
        return self._reduced("amax", dim, keepdim)

    def _reduced(self, op: str, dim: int, keepdim: bool) -> Vector:
        if dim != -1 or not keepdim or (op == "amax" and len(self.nodes) > 1):
            raise Untraceable(f"{op}(dim={dim}, keepdim={keepdim})")
        parts = [Node(op, 1, (node,)) for node in self.nodes]
        made = parts[0]
        for part in parts[1:]:
            made = binary("+", made, part)
        return Vector((made,))

    def __getattr__(self, name: str) -> Any:
        if name in FUNCTIONS:
            return lambda: self._each(lambda node: Node(name, node.width, (node,)))
        raise Untraceable(f"the operation {name!r}")

    def __bool__(self) -> bool:
        raise Untraceable("a decision by the values of a vector")

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Vector:
        name = getattr(function, "__name__", str(function))
        operators = {"add": "__add__", "sub": "__sub__", "mul": "__mul__", "div": "__truediv__", "matmul": "__matmul__"}
        if kwargs or not isinstance(args[0], Vector):
            raise Untraceable(f"torch.{name} with these arguments")
        found: Vector = getattr(args[0], operators.get(name, name))(*args[1:])
        return found


@dataclass(frozen=True)
class Matrix:
    """Stands in for a weight matrix (K, rows, columns): to be cut into columns, transposed and multiplied by."""

    block: Block

    def part(self, row: int, rows: int) -> Block:
        """Some rows of it."""
        where = "column" if self.block.transposed else "row"
        return replace(self.block, rows=rows, **{where: getattr(self.block, where) + row})

    @property
    def mT(self) -> Matrix:
        """Its transpose."""
        return Matrix(self.block.mT)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.block.rows, self.block.columns

    def __getitem__(self, index: Any) -> Matrix:
        start, stop = _columns(index, self.block.columns)
        where = "row" if self.block.transposed else "column"
        return Matrix(replace(self.block, columns=stop - start, **{where: getattr(self.block, where) + start}))

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Matrix, ...]:
        """As `torch.Tensor.chunk`, along the columns."""
        if dim != -1 or self.block.columns % chunks:
            raise Untraceable(f"chunk({chunks}, dim={dim}) of {self.block.columns} columns")
        size = self.block.columns // chunks
        return tuple(self[..., place * size : (place + 1) * size] for place in range(chunks))

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"the operation {name!r} of a weight matrix")


def _columns(index: Any, width: int) -> tuple[int, int]:
    """Start and end of an index of the form ``[..., a:b]``."""
    match index:
        case (EllipsisType(), slice() as columns):
            start, stop, step = columns.indices(width)
            if step == 1 and start < stop:
                return start, stop
    raise Untraceable(f"the index {index!r}")


def _vector(value: Any) -> Vector:
    if isinstance(value, Vector):
        return value
    if isinstance(value, Real):
        return Vector((number(float(value)),))
    raise Untraceable(f"a {type(value).__name__} within a formula")


@dataclass(frozen=True)
class Formula:
    """A step: by part of the state the nodes of its new value, and of what the next layer sees."""

    new: dict[str, tuple[Node, ...]]
    output: tuple[Node, ...]

    @property
    def output_part(self) -> str | None:
        """The part of the state that the next layer sees; None where it sees something else."""
        return next((part for part, nodes in self.new.items() if nodes == self.output), None)


def formula(cell: Cell, input_size: int, hidden_size: int) -> Formula:
    """Read a cell's step.

    Raises:
        Untraceable: the step is no formula of the supported operations.
    """
    widths = cell.widths(hidden_size)
    x: Any = Vector((Node("x", input_size),))
    state: Any = Named({part: Vector((Node("state", width, name=part),)) for part, width in widths.items()})
    shapes = cell.shapes(input_size, hidden_size)
    weights: Any = Named({name: _stand_in(name, shape) for name, shape in shapes.items()})
    try:
        new: Any = cell.step(weights, x, state)
        if set(new) != set(widths) or not all(isinstance(value, Vector) for value in new.values()):
            raise Untraceable("what the step returns")
        # A part that is handed on as it was is a node of its own: what reaches it is not what reaches the old one.
        found = {part: tuple(map(_computed, _wide(new[part], widths[part]).nodes)) for part in widths}
        after: Any = Named({part: Vector(nodes) for part, nodes in found.items()})
        output: Any = cell.output(weights, x, after)
        if not isinstance(output, Vector):
            raise Untraceable("what the output is")
    except Untraceable:
        raise
    except Exception as error:
        raise Untraceable(f"{type(error).__name__}: {error}") from None
    return Formula(found, _wide(output, cell.output_size(hidden_size)).nodes)


def _stand_in(name: str, shape: tuple[int, ...]) -> Vector | Matrix:
    if len(shape) == 1:
        return Vector((Node("weight", shape[0], name=name),))
    if len(shape) == 2:
        return Matrix(Block(name, 0, 0, *shape))
    raise Untraceable(f"a weight {name} of {len(shape)} dimensions")


def _computed(node: Node) -> Node:
    return Node("copy", node.width, (node,)) if node.op in LEAVES else node


def _wide(vector: Vector, width: int) -> Vector:
    if vector.width == width:
        return vector
    if vector.width == 1:
        return Vector((Node("copy", width, vector.nodes),))
    raise Untraceable(f"a part of {vector.width} units; declared are {width}")


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
