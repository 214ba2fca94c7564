"""What can be answered without memory in the tasks of the Chomsky hierarchy, by going through all strings there are."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from harness.plugins.registry import registry
from tests.helpers.expressions import value_of

Drawn = Iterator[tuple[Fraction, str]]
"""Strings or answers, each with its probability."""

END = "."


def walks(length: int) -> Drawn:
    for moves in itertools.product((-1, 0, 1), repeat=length):
        yield Fraction(1, 3**length), str(sum(moves) % 5)


def sums_of_products(length: int) -> Drawn:
    symbols = ["01234" if place % 2 == 0 else "+-*" for place in range(length)]
    for symbols_ in (strings := [*itertools.product(*symbols)]):
        yield Fraction(1, len(strings)), str(value_of("".join(symbols_)) % 5)


def in_brackets(length: int) -> Drawn:
    for share, expression in expressions(length):
        yield share, str(value_of(expression) % 5)


def expressions(length: int) -> Drawn:
    if length < 5:
        for digit in "01234":
            yield Fraction(1, 5), {1: digit, 2: f"-{digit}", 3: f"({digit})", 4: f"(-{digit})"}[length]
        return
    for left in range(1, length - 3):
        for (one, first), (other, second), sign in itertools.product(
            expressions(left), expressions(length - 3 - left), "+-*"
        ):
            yield one * other / (3 * (length - 4)), f"({first}{sign}{second})"


def stacks(length: int) -> Drawn:
    sizes = range(1, length) if length > 1 else [1]
    for size in sizes:
        for bits in itertools.product("01", repeat=size):
            for done in itertools.product(["", "0", "1"], repeat=length - size):
                stack = [*bits]
                for push in done:
                    stack = [*stack, push] if push else stack[:-1]
                share = Fraction(1, len(sizes) * 2**size * 3 ** (length - size))
                yield share, ("".join(reversed(stack)) + END).ljust(length + 1, "0")


def numbers(length: int, times: bool) -> Drawn:
    for first in range(1, length - 1):
        pairs = [*itertools.product(range(1, 2**first), range(1, 2 ** (length - 1 - first)))]
        for one, other in pairs:
            result = one * other if times else one + other
            answer = (f"{result:b}"[::-1] + END).ljust(length + (not times), "0")
            yield Fraction(1, (length - 2) * len(pairs)), answer


def roots(length: int) -> Drawn:
    for number in range(1, 2**length):
        found = max(root for root in range(number + 1) if root * root <= number)
        yield Fraction(1, 2**length - 1), f"{found:b}".zfill(math.ceil(length / 2))


def counted(answers: Drawn) -> tuple[float, float]:
    """How often the commonest judged answer comes, and the entropy of all answers."""
    judged: Counter[str] = Counter()
    every: Counter[str] = Counter()
    total = Fraction(0)
    for share, answer in answers:
        total += share
        for symbol in answer[: answer.index(END) + 1] if END in answer else answer:
            judged[symbol] += share  # type: ignore[assignment]
        for symbol in answer:
            every[symbol] += share / len(answer)  # type: ignore[assignment]
    assert total == 1
    likely = np.array([float(share) for share in every.values()])
    return float(max(judged.values()) / sum(judged.values())), float(-likely @ np.log(likely))


@pytest.mark.parametrize(
    ("name", "seq_len", "answers"),
    [
        *[("cycle_navigation", n + 1, walks(n)) for n in (1, 2, 3, 6)],
        *[("modular_arithmetic", n + 1, sums_of_products(n)) for n in (1, 3, 5)],
        *[("modular_arithmetic_brackets", n + 1, in_brackets(n)) for n in (1, 4, 5, 6, 7, 9)],
        *[("stack_manipulation", 2 * n + 1, stacks(n)) for n in (1, 2, 3, 4, 7)],
        *[("binary_addition", 2 * n + 1, numbers(n, times=False)) for n in (4, 5, 6, 9)],
        *[("compute_sqrt", n + math.ceil(n / 2), roots(n)) for n in (3, 4, 5, 6, 7)],
    ],
)
def test_the_chance_level_is_the_share_of_the_commonest_answer(name: str, seq_len: int, answers: Drawn) -> None:
    task = registry().get("experiment", name)()
    chance, loss = counted(answers)
    assert task.chance(seq_len) == pytest.approx(chance, rel=1e-12)
    assert task.chance_loss(seq_len) == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("length", [4, 5, 7, 10])
def test_products_leave_no_more_than_a_half_to_a_guess(length: int) -> None:
    chance, _ = counted(numbers(length, times=True))
    assert 0.43 < chance <= registry().get("experiment", "binary_multiplication")().chance(2 * length) == 0.5


@pytest.mark.parametrize(
    "name", ["stack_manipulation", "binary_addition", "compute_sqrt", "modular_arithmetic_brackets"]
)
def test_chance_levels_of_long_strings_are_shares(name: str) -> None:
    """Of lengths of which no table can be made; numbers of 500 digits are no trouble."""
    task = registry().get("experiment", name)()
    assert (0.2 if name == "modular_arithmetic_brackets" else 0.49) < task.chance(1000) < 0.51
    assert 0 < task.chance_loss(1000) < np.log(5)
