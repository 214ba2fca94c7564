"""The faults of a module: its source with one small change each."""

from __future__ import annotations

import ast
import difflib
import random
import sys
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

from tests.mutants.operators import OPERATORS


@dataclass(frozen=True)
class Fault:
    """One small change of a module.

    Attributes:
        path: of the module, from the root of the repository.
        operator: its kind, see `OPERATORS`.
        line: where it stands, from 1.
        source: the module with it.
        change: the line before and after.
    """

    path: Path
    operator: str
    line: int
    source: str
    change: tuple[str, str]

    def __str__(self) -> str:
        before, after = self.change
        return f"{self.path}:{self.line} {self.operator}\n  - {before}\n  + {after}"


def faults(path: Path, most: int = sys.maxsize, seed: int = 0) -> list[Fault]:
    """The faults of a module, but those that change nothing: in types and under ``TYPE_CHECKING``.

    Args:
        most: where there are more, so many are drawn at random, the same for the same seed.

    Returns:
        In the order of their lines.
    """
    source = path.read_text("utf-8")
    nodes = list(ast_nodes(get_ast(source)))
    places = []
    for name, operator in OPERATORS.items():
        starts = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        places += [(line, name, occurrence) for occurrence, (line, _) in enumerate(starts)]
    random.Random(f"{seed} {path}").shuffle(places)
    found = {_meaning(source), None}
    made: list[tuple[int, str, int, Fault]] = []
    for line, name, occurrence in places:
        if len(made) == most:
            break
        changed = mutate_code(source, OPERATORS[name], occurrence)
        assert changed is not None
        if (meaning := _meaning(changed)) not in found:
            found.add(meaning)
            made.append((line, name, occurrence, Fault(path, name, line, changed, _change(source, changed))))
    return [fault for *_, fault in sorted(made, key=lambda each: each[:3])]


def _change(before: str, after: str) -> tuple[str, str]:
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    changed = [each for each in lines if each[:2] in ("- ", "+ ")]
    if all(each[2:].strip() == "" for each in changed if each[0] == "+"):  # a decorator: it is named by what it is of
        last = max(place for place, each in enumerate(lines) if each[:2] in ("- ", "+ "))
        changed += [sign + lines[last + 1][1:] for sign in "-+"]
    return tuple(" ".join(each[2:].strip() for each in changed if each[0] == sign).strip() for sign in "-+")  # type: ignore[return-value]


class _WithoutTypes(ast.NodeTransformer):
    """Takes out what does nothing when a program runs."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        names = [each.id for each in node.decorator_list if isinstance(each, ast.Name)]
        if "abstractmethod" in names or all(map(_is_text, node.body)):
            node.decorator_list = []  # of what nobody runs
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Name("a type")
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        # Guards, of zip and of dataclasses: they forbid what nobody does.
        node.keywords = [each for each in node.keywords if each.arg not in ("strict", "frozen")]
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if any(isinstance(each, ast.Name) and each.id == "TYPE_CHECKING" for each in ast.walk(node.test)):
            return ast.Pass()
        return self.generic_visit(node)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _meaning(source: str) -> str | None:
    """A text that is the same for two sources that do the same; None of one that is no Python."""
    try:
        return ast.dump(_WithoutTypes().visit(ast.parse(source)))
    except SyntaxError:
        return None
