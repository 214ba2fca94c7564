"""The kinds of faults: those of Cosmic Ray that a person might make, and a few that are typical of this code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import parso
from cosmic_ray.operators import (
    binary_operator_replacement,
    boolean_replacer,
    break_continue,
    comparison_operator_replacement,
    number_replacer,
    remove_decorator,
    unary_operator_replacement,
    zero_iteration_for_loop,
)
from cosmic_ray.operators.operator import Operator

SWAPPED_OPERATORS = {
    "ReplaceBinaryOperator": (
        "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div", "Mod_Mul", "Pow_Mul", "BitOr_BitAnd",
        "BitAnd_BitOr",
    ),
    "ReplaceComparisonOperator": (
        "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt", "Eq_NotEq", "NotEq_Eq",
        "Is_IsNot", "IsNot_Is",
    ),
    "ReplaceUnaryOperator": ("Delete_USub", "Delete_Not", "Delete_Invert"),
}  # fmt: skip
"""Of the dozens of replacements of one operator those that still make sense: the others fail at once."""

SWAPPED_NAMES = {
    "max": "min", "min": "max", "amax": "amin", "mean": "max", "sum": "max", "median": "mean", "all": "any",
    "any": "all", "floor": "ceil", "argmax": "argmin", "argmin": "argmax", "first": "last", "last": "first",
    "maximum": "minimum", "cumsum": "cumprod", "startswith": "endswith", "sorted": "list", "union": "intersection",
}  # fmt: skip


class SwapName(Operator):  # type: ignore[misc]
    """Puts another function of the same form in place of one: ``mean`` becomes ``max``, ``all`` becomes ``any``."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """See `Operator`."""
        called = node.type == "name" and (after := node.get_next_leaf()) is not None and after.value == "("
        if called and node.value in SWAPPED_NAMES:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """See `Operator`."""
        node.value = SWAPPED_NAMES[node.value]
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """See `Operator`."""
        return ()


class ScaleNumber(Operator):  # type: ignore[misc]
    """Makes a real number 4 % larger: a threshold that no test stands close to is none."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """See `Operator`."""
        if node.type == "number" and is_real(node.value) and float(node.value) != 0:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """See `Operator`."""
        node.value = repr(float(node.value) * 1.04)
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """See `Operator`."""
        return ()


class ChangeInteger(number_replacer.NumberReplacer):  # type: ignore[misc]
    """A whole number plus and minus one."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """See `Operator`."""
        if node.type == "number" and not is_real(node.value):
            yield from super().mutation_positions(node)


def is_real(text: str) -> bool:
    """Whether a literal is that of a real number."""
    return not text.lower().startswith("0x") and any(mark in text for mark in ".e")


class DropKeyword(Operator):  # type: ignore[misc]
    """Leaves out an argument that a call gives by keyword."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """See `Operator`."""
        # A list, since Cosmic Ray changes the node while it asks.
        yield from [(node.children[place].start_pos, node.children[place].end_pos) for place in self._places(node)]

    def mutate(self, node: Any, index: int) -> Any:
        """See `Operator`."""
        place = list(self._places(node))[index]
        comma = (
            place + 1 < len(node.children) and node.children[place + 1].type == "operator" and node.type == "arglist"
        )
        before = 1 if not comma and node.type == "arglist" else 0  # of the last argument, the comma before it goes
        node.children[place - before : place + 1 + bool(comma)] = []
        return node

    @staticmethod
    def _places(node: Any) -> list[int]:
        if node.type not in ("arglist", "trailer"):
            return []
        children = enumerate(node.children)
        return [place for place, child in children if child.type == "argument" and child.children[1] == "="]

    @classmethod
    def examples(cls) -> tuple[()]:
        """See `Operator`."""
        return ()


class DropStatement(Operator):  # type: ignore[misc]
    """Leaves out a call whose value nobody takes, or an update in place."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """See `Operator`."""
        statement = node.parent is not None and node.parent.type == "simple_stmt"
        call = node.type in ("power", "atom_expr") and node.children[-1].type == "trailer"
        update = node.type == "expr_stmt" and node.children[1].type == "operator" and node.children[1].value != "="
        if statement and (call or update):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """See `Operator`."""
        made = parso.parse("pass").children[0]
        made.prefix = node.get_first_leaf().prefix
        return made

    @classmethod
    def examples(cls) -> tuple[()]:
        """See `Operator`."""
        return ()


def _chosen() -> dict[str, Operator]:
    modules = (binary_operator_replacement, comparison_operator_replacement, unary_operator_replacement)
    swaps = [each for module in modules for each in module.operators()]
    wanted = {f"{kind}_{swap}" for kind, swaps in SWAPPED_OPERATORS.items() for swap in swaps}
    kinds = [each for each in swaps if each.__name__ in wanted]
    missing = wanted - {each.__name__ for each in kinds}
    assert not missing, missing
    kinds += [
        boolean_replacer.AddNot,
        boolean_replacer.ReplaceTrueWithFalse,
        boolean_replacer.ReplaceFalseWithTrue,
        boolean_replacer.ReplaceAndWithOr,
        boolean_replacer.ReplaceOrWithAnd,
        break_continue.ReplaceBreakWithContinue,
        break_continue.ReplaceContinueWithBreak,
        remove_decorator.RemoveDecorator,
        zero_iteration_for_loop.ZeroIterationForLoop,
        SwapName,
        ScaleNumber,
        ChangeInteger,
        DropKeyword,
        DropStatement,
    ]
    return {each.__name__: each() for each in kinds}


OPERATORS = _chosen()
"""By name."""
