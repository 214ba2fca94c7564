"""A cell's pointwise step as a formula: traced from its code, differentiated, and written as C."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

from harness.cells.base import PointwiseCell


class Untraceable(Exception):
    """The step does something that is no formula of the supported operations."""


FUNCTIONS = {"sigmoid", "tanh", "relu", "exp", "sin", "cos"}
BINARY = {"+", "-", "*", "/"}


@dataclass(frozen=True, eq=False)
class Expr:
    """A node of a formula: a leaf (a variable or a number), or an operation on other nodes.

    It stands in for a tensor while a cell's `step` is called, and writes down what is done to it.
    """

    op: str
    args: tuple[Expr, ...]
    value: str
    graph: Graph

    def __add__(self, other: Any) -> Expr:
        return self.graph.binary("+", self, other)

    def __radd__(self, other: Any) -> Expr:
        return self.graph.binary("+", other, self)

    def __sub__(self, other: Any) -> Expr:
        return self.graph.binary("-", self, other)

    def __rsub__(self, other: Any) -> Expr:
        return self.graph.binary("-", other, self)

    def __mul__(self, other: Any) -> Expr:
        return self.graph.binary("*", self, other)

    def __rmul__(self, other: Any) -> Expr:
        return self.graph.binary("*", other, self)

    def __truediv__(self, other: Any) -> Expr:
        return self.graph.binary("/", self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return self.graph.binary("/", other, self)

    def __neg__(self) -> Expr:
        return self.graph.binary("-", 0.0, self)

    def __pow__(self, power: Any) -> Expr:
        if power != 2:
            raise Untraceable(f"a power of {power}")
        return self * self

    def __getattr__(self, name: str) -> Any:
        if name in FUNCTIONS:
            return lambda: self.graph.node(name, (self,))
        raise Untraceable(f"the operation {name!r}")

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Expr:
        name = getattr(function, "__name__", str(function))
        operator = {"add": "__add__", "sub": "__sub__", "mul": "__mul__", "div": "__truediv__"}.get(name, name)
        if kwargs or not isinstance(args[0], Expr):
            raise Untraceable(f"torch.{name} with these arguments")
        found: Expr = getattr(args[0], operator)(*args[1:])
        return found


class Graph:
    """Builds formulas in which equal parts are one node."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[Any, ...], Expr] = {}

    def node(self, op: str, args: tuple[Expr, ...] = (), value: str = "") -> Expr:
        """The node of this operation on these arguments."""
        key = (op, tuple(map(id, args)), value)
        if key not in self._nodes:
            self._nodes[key] = Expr(op, args, value, self)
        return self._nodes[key]

    def variable(self, name: str) -> Expr:
        """A leaf that stands for a variable of the C code."""
        return self.node("variable", value=name)

    def number(self, value: float) -> Expr:
        """A leaf that stands for a number."""
        return self.node("number", value=repr(float(value)))

    def binary(self, op: str, left: Any, right: Any) -> Expr:
        """An operation on two nodes or numbers; what multiplies by 0 or 1 or adds 0 is left out."""
        left, right = self._lift(left), self._lift(right)
        if op == "+" and "0.0" in (left.value, right.value):
            return right if left.value == "0.0" else left
        if op == "-" and right.value == "0.0":
            return left
        if op == "*" and "1.0" in (left.value, right.value):
            return right if left.value == "1.0" else left
        return self.node(op, (left, right))

    def _lift(self, value: Any) -> Expr:
        if isinstance(value, Expr):
            return value
        if isinstance(value, int | float):
            return self.number(value)
        raise Untraceable(f"a {type(value).__name__} within a formula")


@dataclass(frozen=True)
class Gates:
    """Stands in for the pre-activations: all gates side by side, to be taken apart with ``chunk``."""

    gates: tuple[Expr, ...]

    def chunk(self, count: int, dim: int = -1) -> tuple[Expr, ...]:
        """The gates, as `torch.Tensor.chunk` gives them."""
        if count != len(self.gates) or dim != -1:
            raise Untraceable(f"chunk({count}, dim={dim}) of {len(self.gates)} gates")
        return self.gates

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"{name!r} of all gates at once")


@dataclass(frozen=True)
class Formulas:
    """The formulas of a step.

    Attributes:
        new: for every part of the state its new value, in terms of ``pre0``, ``pre1``, … and ``old_<part>``.
        total: for every part its total derivative, in terms of these and ``grad_<part>``.
        delta: derivative by every gate's pre-activation.
        direct: for every part the derivative by its old value.
    """

    new: dict[str, Expr]
    total: dict[str, Expr]
    delta: list[Expr]
    direct: dict[str, Expr]


def formulas(cell: PointwiseCell) -> Formulas:
    """Trace a cell's step and differentiate it.

    Raises:
        Untraceable: the step is no formula of the supported operations.
    """
    graph = Graph()
    pre = [graph.variable(f"pre{index}") for index in range(len(cell.gates))]
    old = {part: graph.variable(f"old_{part}") for part in cell.parts}
    stand_in: Any = pre[0] if len(pre) == 1 else Gates(tuple(pre))
    try:
        new: Any = cell.step(stand_in, old)  # type: ignore[arg-type]
    except Untraceable:
        raise
    except Exception as error:
        raise Untraceable(f"{type(error).__name__}: {error}") from None
    if set(new) != set(cell.parts) or not all(isinstance(value, Expr) for value in new.values()):
        raise Untraceable("what the step returns")
    adjoint = _adjoints(graph, new)
    zero = graph.number(0.0)
    return Formulas(
        new=new,
        total={part: adjoint[new[part]] for part in cell.parts},
        delta=[adjoint.get(gate, zero) for gate in pre],
        direct={part: adjoint.get(old[part], zero) for part in cell.parts},
    )


def _adjoints(graph: Graph, new: dict[str, Expr]) -> dict[Expr, Expr]:
    """Reverse-mode differentiation: for every node the derivative of the loss by it."""
    adjoint: dict[Expr, Expr] = {}
    for part, node in new.items():
        seed = graph.variable(f"grad_{part}")
        adjoint[node] = adjoint[node] + seed if node in adjoint else seed
    for node in reversed(in_order(new.values())):
        if node in adjoint and node.op == "relu":
            # A mask, not a product: an infinite gradient stays infinite where the unit is on, 0 where it is off.
            (x,) = node.args
            masked = graph.node("where_on", (x, adjoint[node]))
            adjoint[x] = adjoint[x] + masked if x in adjoint else masked
        elif node in adjoint:
            for argument, slope in zip(node.args, _slopes(graph, node), strict=True):
                if argument.op != "number":
                    contribution = adjoint[node] * slope
                    adjoint[argument] = adjoint[argument] + contribution if argument in adjoint else contribution
    return adjoint


def _slopes(graph: Graph, node: Expr) -> tuple[Expr, ...]:
    """Derivatives of a node by its arguments."""
    one = graph.number(1.0)
    if node.op in BINARY:
        left, right = node.args
        return {
            "+": (one, one),
            "-": (one, graph.number(-1.0)),
            "*": (right, left),
            "/": (one / right, -(node / right)),
        }[node.op]
    if not node.args:
        return ()
    (x,) = node.args
    slopes = {
        "sigmoid": lambda: node * (one - node),
        "tanh": lambda: one - node * node,
        "exp": lambda: node,
        "sin": lambda: graph.node("cos", (x,)),
        "cos": lambda: -graph.node("sin", (x,)),
    }
    return (slopes[node.op](),)


def in_order(roots: Iterable[Expr], known: Container[Expr] = ()) -> list[Expr]:
    """All nodes that the roots need, each after its arguments; of what is known, nothing is needed."""
    found: dict[Expr, None] = {}

    def visit(node: Expr) -> None:
        if node not in found:
            for argument in node.args if node not in known else ():
                visit(argument)
            found[node] = None

    for root in roots:
        visit(root)
    return list(found)


def gate_values(found: Formulas) -> dict[int, Expr]:
    """For every gate that enters all formulas through one function alone, such as ``sigmoid(pre0)``: that function.

    Its value is what the forward scan leaves in place of the pre-activation, so that the backward scan need not compute
    it again.
    """
    roots = [*found.new.values(), *found.total.values(), *found.delta, *found.direct.values()]
    users: dict[str, list[Expr]] = {}
    for node in in_order(roots):
        for used in (*node.args, *([node] if node in roots else [])):
            users.setdefault(used.value, []).append(node)
    by_gate = {gate: users.get(f"pre{gate}", []) for gate in range(len(found.delta))}
    return {gate: nodes[0] for gate, nodes in by_gate.items() if len(nodes) == 1 and nodes[0].op in FUNCTIONS}


def c_statements(outputs: dict[str, Expr], known: dict[Expr, str] | None = None) -> list[str]:
    """C statements that assign each output (an lvalue) its formula, every shared part computed once.

    Args:
        known: nodes whose values are there already, and where.
    """
    names: dict[Expr, str] = dict(known or {})
    lines: list[str] = []
    for node in in_order(outputs.values(), names):
        if node in names:
            continue
        if node.op == "variable":
            names[node] = node.value
        elif node.op == "number":
            names[node] = f"(real){node.value}"
        else:
            names[node] = f"v{len(lines)}"
            operands = [names[argument] for argument in node.args]
            right = f" {node.op} ".join(operands) if node.op in BINARY else f"{node.op}_({', '.join(operands)})"
            lines.append(f"const real {names[node]} = {right};")
    return lines + [f"{target} = {names[node]};" for target, node in outputs.items()]
