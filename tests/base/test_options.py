"""Options: what is no value of a type is refused by its key, and what no table could hold."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, model_validator

from harness.base.errors import UserError
from harness.base.options import Options, build


class Taste(enum.Enum):
    HOT = "hot"
    MILD = "mild"


class Dish(Options):
    spoons: int = 2
    heat: float | None = 0.5
    served: bool = True
    mode: bool | Literal["auto"] = "auto"
    sizes: list[int] = Field([1])
    taste: Taste = Taste.MILD
    recipe: Path = Path("a/b.txt")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("spoons", True, "dish.spoons=true: valid: a number"),
        ("heat", False, "dish.heat=false: valid: a number"),
        ("sizes", [1, True], "dish.sizes=[1,true]: valid: a number"),
        ("spoons", None, "dish.spoons=null: input should be"),
        ("spoons", 10**25, f"dish.spoons={10**25}: too large; valid: whole numbers of 64 bits"),
        ("sizes", [1 << 63], f"dish.sizes=[{1 << 63}]: too large"),
        ("taste", "sour", "dish.taste=sour: input should be 'hot' or 'mild'"),
    ],
)
def test_what_is_no_value_is_refused_as_it_was_typed(key: str, value: object, said: str) -> None:
    with pytest.raises(UserError) as caught:
        build(Dish, {key: value}, prefix="dish.")
    assert str(caught.value).startswith(said)


class Range(Options):
    low: float = 1.0
    high: float = 2.0

    @model_validator(mode="after")
    def _in_order(self) -> Range:
        if self.low > self.high:
            raise ValueError(f"low={self.low} with high={self.high}; valid: no larger one")
        return self


def test_what_is_wrong_with_several_values_together_is_said_of_those_that_are_meant() -> None:
    with pytest.raises(UserError, match=r"^cell\.low=3\.0 with high=2\.0; valid: no larger one$"):
        build(Range, {"low": 3.0}, prefix="cell.")


@pytest.mark.parametrize(
    ("key", "value"), [("served", False), ("mode", True), ("heat", None), ("spoons", (1 << 63) - 1)]
)
def test_what_is_a_value_is_taken(key: str, value: object) -> None:
    assert getattr(build(Dish, {key: value}), key) == value


def test_paths_and_enumerations_stand_in_a_configuration_as_texts_and_come_back() -> None:
    defaults = Dish.defaults_of_options()
    assert (defaults["taste"], defaults["recipe"]) == ("mild", "a/b.txt")
    assert build(Dish, defaults) == Dish()
