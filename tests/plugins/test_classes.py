"""Classes that are handed over as plugins, as a notebook defines them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import Field

from harness.base.errors import UserError
from harness.cells.base import Cell, Parameter, State, Weights
from harness.plugins.fingerprint import fingerprint
from harness.plugins.registry import Registry, registry


class Base(Cell):
    """A cell with one weight."""

    name = "of_mine"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {"recurrent": Parameter((hidden_size, hidden_size), "recurrent")}


def defined(factor: float = 0.5, default: float = 1.0, called: str = "of_mine") -> type[Cell]:
    """The same class, defined once more."""

    class Mine(Base):
        name = called
        bias: float = Field(default, ge=0, description="a bias")

        def step(self, w: Weights, x: Any, s: State) -> dict[str, Any]:
            return {"h": factor * (s.h @ w.recurrent)}

    return Mine


def typed(source: str) -> type[Cell]:
    """A class as it is typed into a notebook."""
    scope = {"Base": Base, "__name__": "__main__"}
    exec(compile(source, "<cell>", "exec"), scope)
    found: Any = scope["Mine"]
    return found


PLAIN = """class Mine(Base):
    rate: float = 0.5
    def step(self, w, x, s):
        return {'h': self.rate * s.h}
"""


def test_a_class_keeps_its_fingerprint_wherever_it_is_defined() -> None:
    assert fingerprint(typed(PLAIN)) == fingerprint(typed("\n\n# a word\n" + PLAIN))
    assert fingerprint(defined()) == fingerprint(defined())


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace("0.5", "0.6"),
        PLAIN.replace("* s.h", "+ s.h"),
        PLAIN.replace("'h'", "'c'"),
        PLAIN.replace("s.h", "s.c"),
        PLAIN + "    def output(self, w, x, s):\n        return -s.h\n",
        PLAIN.replace("w, x, s)", "w, x, s, k=2)"),
        PLAIN.replace("return", "return (lambda: 1) and"),
    ],
)
def test_whatever_a_class_does_otherwise_changes_its_fingerprint(other: str) -> None:
    assert fingerprint(typed(PLAIN)) != fingerprint(typed(other))


AROUND = """RATE = 0.5
def mixed(s):
    return RATE * s.h
class Helper:
    sign = 1
class Mine(Base):
    def step(self, w, x, s):
        return {'h': Helper.sign * mixed(s)}
"""
"""What a notebook's other cells may define."""


def test_what_methods_read_of_their_surroundings_belongs_to_a_class() -> None:
    assert fingerprint(defined(factor=0.5)) != fingerprint(defined(factor=0.9))
    assert fingerprint(typed(AROUND)) == fingerprint(typed("other = 1\n" + AROUND))
    for here, there in (("0.5", "0.6"), ("sign = 1", "sign = 2"), ("* s.h", "+ s.h")):
        assert fingerprint(typed(AROUND)) != fingerprint(typed(AROUND.replace(here, there)))


def test_options_and_what_a_base_class_does_belong_to_it() -> None:
    assert fingerprint(defined(default=1.0)) != fingerprint(defined(default=2.0))

    class Other(Base):
        def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
            return {}

    heirs = [type("Heir", (base,), {"step": defined().step}) for base in (Base, Other)]
    assert fingerprint(heirs[0]) != fingerprint(heirs[1])


def test_what_the_harness_does_is_no_part_of_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(defined())
    for base in (Cell, *Cell.__mro__[1:-1]):
        if base.__module__.startswith("harness."):
            monkeypatch.setattr(base, "of_another_version", lambda self: 1, raising=False)
    assert fingerprint(defined()) == before


def test_functions_that_call_each_other_are_read_once() -> None:
    around = """def even(n):
    return n == 0 or odd(n - 1)
def odd(n):
    return n != 0 and even(n - 1)
class Mine(Base):
    def step(self, w, x, s):
        return {'h': even(3) * s.h}
"""
    assert fingerprint(typed(around)) == fingerprint(typed(around))
    assert fingerprint(typed(around)) != fingerprint(typed(around.replace("n != 0", "n > 0")))


@pytest.fixture
def own() -> Iterator[Registry]:
    registry.cache_clear()
    yield registry()
    registry.cache_clear()


def test_a_class_that_is_defined_anew_takes_the_place_of_the_old_one(own: Registry) -> None:
    first, second = defined(), defined(default=2.0)
    own.add_classes([first])
    before = own.code()
    assert own.get("cell", "of_mine") is first
    own.add_classes([second])
    assert own.get("cell", "of_mine") is second
    assert own.code().keys() == before.keys()
    assert own.code() != before
    assert "of_mine" in own.names("cell")


@pytest.mark.parametrize(
    ("called", "said"),
    [("lstm", "cell 'lstm' exists already in cells/gated/lstm.py; valid: another name"), ("No Name", "valid: lower-")],
)
def test_a_class_that_cannot_be_added_says_why(own: Registry, called: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        own.add_classes([defined(called=called)])
