"""The faults of a module: its source with one small change each."""

from __future__ import annotations

import ast
import difflib
import random
from collections.abc import Iterator
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


def faults(path: Path) -> Iterator[Fault]:
    """All faults of a module, but those that change nothing: in types and under ``TYPE_CHECKING``."""
    source = path.read_text("utf-8")
    meaning = _meaning(source)
    seen = {meaning}
    for name, operator in OPERATORS.items():
        nodes = ast_nodes(get_ast(source))
        positions = (start for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, (line, _) in enumerate(positions):
            changed = mutate_code(source, operator, occurrence)
            assert changed is not None
            meaning = _meaning(changed)
            if meaning is not None and meaning not in seen:
                seen.add(meaning)
                yield Fault(path, name, line, changed, _change(source, changed))


def sampled(path: Path, share: float, seed: int) -> list[Fault]:
    """A share of the faults of a module, drawn at random: the same for the same seed, in the order of the lines."""
    every = list(faults(path))
    count = max(1, round(share * len(every)))
    drawn = random.Random(f"{seed} {path}").sample(every, min(count, len(every)))
    return sorted(drawn, key=lambda fault: (fault.line, fault.operator))


def _change(before: str, after: str) -> tuple[str, str]:
    lines = [each for each in difflib.ndiff(before.splitlines(), after.splitlines()) if each[:2] in ("- ", "+ ")]
    return tuple(" ".join(each[2:].strip() for each in lines if each[0] == sign) for sign in "-+")  # type: ignore[return-value]


class _WithoutTypes(ast.NodeTransformer):
    """Takes out what does nothing when a program runs."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Name("a type")
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if any(isinstance(each, ast.Name) and each.id == "TYPE_CHECKING" for each in ast.walk(node.test)):
            return ast.Pass()
        return self.generic_visit(node)


def _meaning(source: str) -> str | None:
    """A text that is the same for two sources that do the same; None of one that is no Python."""
    try:
        return ast.dump(_WithoutTypes().visit(ast.parse(source)))
    except SyntaxError:
        return None
