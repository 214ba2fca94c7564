"""The fifteen tasks of the Chomsky hierarchy against other ways to answer them, worked out on the words they show."""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.base.seeds import stream
from harness.experiments.parity import Parity
from harness.plugins.registry import registry
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.expressions import value_of
from tests.helpers.tasks import draw

Words = Sequence[str]

LEVELS = {
    "regular": ["even_pairs", "modular_arithmetic", "parity_check", "cycle_navigation"],
    "context-free": ["stack_manipulation", "reverse_string", "modular_arithmetic_brackets", "solve_equation"],
    "context-sensitive": [
        "duplicate_string", "missing_duplicate", "odds_first", "binary_addition", "binary_multiplication",
        "compute_sqrt", "bucket_sort",
    ],
}  # fmt: skip
TASKS = [name for names in LEVELS.values() for name in names]


def walk(words: Words) -> Words:
    """Turn the circle below the walker, in place of the walker on the circle."""
    places = deque("01234")
    for word in words:
        places.rotate({"-": 1, "0": 0, "+": -1}[word])
    return [places[0]]


def manipulate(words: Words) -> Words:
    stack: list[str] = []
    for word in words:
        if word == "pop":
            del stack[-1:]
        else:
            stack.append(word.removeprefix("push"))
    return [*reversed(stack), "."]


def solve(words: Words) -> Words:
    """Try all numbers: one of them must do, and no other."""
    left, right = "".join(words).split("=")
    found = [number for number in "01234" if value_of(left.replace("x", number)) % 5 == int(right)]
    assert len(found) == 1
    return found


def fill_in(words: Words) -> Words:
    row = "".join(words).rstrip("-")
    assert len(words) - len(row) == len(words) % 2
    filled = [row.replace("?", bit) for bit in "01"]
    return [bit for bit, each in zip("01", filled, strict=True) if each[: len(row) // 2] == each[len(row) // 2 :]]


def calculate(words: Words, sign: str, operation: Callable[[int, int], int]) -> Words:
    one, other = (int(digits[::-1], 2) for digits in "".join(words).split(sign))
    assert min(one, other) >= 1
    return [*f"{operation(one, other):b}"[::-1], "."]


def root(words: Words) -> Words:
    """The largest number whose square is not above, found bit by bit."""
    number, found = int("".join(words), 2), 0
    assert number >= 1
    for place in reversed(range(len(words) // 2 + len(words) % 2)):
        found += 2**place if (found + 2**place) ** 2 <= number else 0
    return list(f"{found:0{math.ceil(len(words) / 2)}b}")


ANSWERS: dict[str, Callable[[Words], Words]] = {
    "even_pairs": lambda words: [str(("".join(words).count("01") + "".join(words).count("10")) % 2)],
    "parity_check": lambda words: [str(words.count("1") % 2)],
    "cycle_navigation": walk,
    "modular_arithmetic": lambda words: [str(value_of("".join(words)) % 5)],
    "modular_arithmetic_brackets": lambda words: [str(value_of("".join(words)) % 5)],
    "stack_manipulation": manipulate,
    "reverse_string": lambda words: [*reversed(words)],
    "solve_equation": solve,
    "duplicate_string": lambda words: [*words, *words],
    "missing_duplicate": fill_in,
    # By the authors' code, which counts places from 0.
    "odds_first": lambda words: [w for odd in (1, 0) for place, w in enumerate(words) if place % 2 == odd],
    "binary_addition": lambda words: calculate(words, "+", lambda one, other: one + other),
    "binary_multiplication": lambda words: calculate(words, "*", lambda one, other: one * other),
    "compute_sqrt": root,
    "bucket_sort": lambda words: [digit for digit in "01234" for _ in range(Counter(words)[digit])],
}

ANSWER_LENGTHS: dict[str, Callable[[int], int]] = {
    **dict.fromkeys(TASKS, lambda n: 1),
    **dict.fromkeys(["reverse_string", "odds_first", "bucket_sort", "binary_multiplication"], lambda n: n),
    **dict.fromkeys(["stack_manipulation", "binary_addition"], lambda n: n + 1),
    "duplicate_string": lambda n: 2 * n,
    "compute_sqrt": lambda n: math.ceil(n / 2),
}
"""The source's ``output_length``."""

SHORTEST = {**dict.fromkeys(TASKS, 1), "even_pairs": 2, "solve_equation": 3, "missing_duplicate": 2,
            "binary_addition": 4, "binary_multiplication": 4, "compute_sqrt": 3}  # fmt: skip


def made(name: str, **options: Any) -> Any:
    return registry().get("experiment", name)(**options)


def possible(name: str, length: int) -> bool:
    return length >= SHORTEST[name] and (length % 2 == 1 or name != "modular_arithmetic")


def test_there_are_the_fifteen_tasks_of_the_source_each_at_its_level() -> None:
    assert len(TASKS) == 15
    assert {name: made(name).level for name in TASKS} == {name: level for level in LEVELS for name in LEVELS[level]}


@pytest.mark.parametrize("name", TASKS)
@settings(max_examples=15, deadline=None)
@given(length=st.integers(1, 70), seed=st.integers(0, 10_000))
def test_answers_are_those_of_another_way(name: str, length: int, seed: int) -> None:
    task, size = made(name), ANSWER_LENGTHS[name](length)
    if not possible(name, length):
        return
    batch = task.sample(stream(seed, "test"), 3, length + size)
    assert batch.scored.tolist() == [*range(length + 1, length + size + 1)]
    assert batch.mask.all()
    for index in range(3):
        words = [task.word(token) for token in batch.inputs[index]]
        assert words[length:] == ["_"] * size
        expected = [*ANSWERS[name](words[:length])]
        shown = task.show(batch, index, np.eye(task.outputs.size)[batch.targets[index]])
        assert (shown.text, shown.expected, shown.answered) == (" ".join(words[:length]), *[" ".join(expected)] * 2)
        judged = len(expected)
        assert batch.judged[index].tolist() == [True] * judged + [False] * (size - judged)
        assert not batch.targets[index, judged:].any(), "zeros after the end"
        assert [*shown.words] == words[: length + judged]


@pytest.mark.parametrize("name", TASKS)
def test_spare_steps_come_first_and_are_empty(name: str) -> None:
    task = made(name)
    lengths = {n + ANSWER_LENGTHS[name](n): n for n in range(1, 60) if possible(name, n)}
    assert task.min_seq_len() == min(lengths)
    for steps in range(min(lengths), 40):
        fits = max(each for each in lengths if each <= steps)
        spare, n = steps - fits, lengths[fits]
        whole, short = draw(task, 5, steps), draw(task, 5, fits)
        assert (whole.inputs[:, :spare] == len(task.symbols)).all()
        assert (whole.inputs[:, spare:] == short.inputs).all()
        assert (whole.targets == short.targets).all()
        assert (whole.cue == short.cue + spare).all()
        assert task.string_length(steps) == n
        assert task.chance(steps) == task.chance(fits)
        shown, other = (task.show(each, 0, np.zeros((each.targets.shape[1], 9))) for each in (whole, short))
        assert (shown.text, shown.expected) == (other.text, other.expected)


def test_parity_is_that_of_the_experiment_of_this_name() -> None:
    asked, plain = made("parity_check"), Parity(running=False)
    batch, other = draw(asked, 100, 10), draw(plain, 100, 9)
    assert (batch.inputs[:, :-1] == other.inputs).all(), "the same rows, drawn in the same way"
    assert (batch.targets == other.targets).all()


def examples(text: str) -> Iterator[tuple[Words, Words]]:
    """Strings and answers in a docstring: side by side, or the answer on the line below, where it is due."""
    lines = iter(text.splitlines())
    for line in lines:
        read, arrow, answer = line.partition("->")
        if arrow or line.endswith(" _"):
            said = answer if arrow else next(lines)
            yield read.replace("_", "").split(), re.split(r"\s{2,}", said.strip())[0].split()


@pytest.mark.parametrize("name", TASKS)
def test_the_examples_of_its_description_are_right(name: str) -> None:
    found = [*examples(registry().get("experiment", name).__doc__)]
    assert found
    for words, answer in found:
        expected = [*ANSWERS[name](words)]
        zeros = ["0"] * (ANSWER_LENGTHS[name](len(words)) - len(expected))
        assert answer in (expected, expected + zeros)


def test_options_make_larger_alphabets() -> None:
    assert set(draw(made("bucket_sort", n_symbols=10), 50, 20).targets.ravel()) == {*range(10)}
    assert made("reverse_string", n_symbols=7).chance(4) == 1 / 7
    task = made("cycle_navigation", places=3)
    assert draw(task, 1, 9).targets.item() == (draw(task, 1, 9).inputs[0, :-1] - 1).sum() % 3
    for name in ("modular_arithmetic", "modular_arithmetic_brackets"):
        task = made(name, modulus=7)
        batch = draw(task, 50, 16)
        for tokens, answer in zip(batch.inputs, batch.targets[:, 0], strict=True):
            assert answer == value_of("".join(task.word(token) for token in tokens[:-1])) % 7


def test_the_cue_is_where_the_missing_bit_stands_and_the_unknown() -> None:
    batch = draw(made("missing_duplicate"), 50, 14)
    rows = np.arange(50)
    assert (batch.inputs[rows, batch.cue[:, 0] - 1] == batch.targets[:, 0]).all()
    task = made("solve_equation")
    batch = draw(task, 50, 14)
    assert {task.word(token) for token in batch.inputs[rows, batch.cue[:, 0] - 1]} == {"x"}


def shares(name: str, length: int, samples: int = 20_000) -> dict[str, float]:
    """How often each form of a string comes, numbers written as d."""
    task = made(name)
    batch = draw(task, samples, length + ANSWER_LENGTHS[name](length))
    table = np.array([word if word in "()+-*=x_" else "d" for word in map(task.word, range(task.input_size))])
    forms = Counter("".join(row) for row in table[batch.inputs[:, :length]])
    return {form: count / samples for form, count in forms.items()}


@pytest.mark.parametrize(
    ("name", "length", "expected"),
    [
        ("modular_arithmetic_brackets", 4, {"(-d)": 1}),
        ("modular_arithmetic_brackets", 6, {f"({form})": 1 / 6 for a in "+-*" for form in (f"d{a}-d", f"-d{a}d")}),
        # A place of six that is drawn, and the first number from there on, around the end if need be.
        ("solve_equation", 8, {
            **{f"(x{a}-d)=d": 1 / 8 for a in "+-"}, **{f"(d{a}-x)=d": 1 / 8 for a in "+-"},
            **{f"(-x{a}d)=d": 1 / 6 for a in "+-"}, **{f"(-d{a}x)=d": 1 / 12 for a in "+-"},
        }),
    ],
)  # fmt: skip
def test_expressions_are_drawn_as_in_the_source(name: str, length: int, expected: dict[str, float]) -> None:
    found = shares(name, length)
    assert found.keys() == expected.keys()
    for form, share in expected.items():
        assert found[form] == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / 20_000) + 1e-9)


LONGER = ["missing_duplicate", "modular_arithmetic", "modular_arithmetic_brackets", "solve_equation"]
"""Where the claim takes all steps of the sweep; elsewhere half of them are enough."""


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_its_own_sweep_bears_out_the_claim(name: str) -> None:
    experiment = registry().get("experiment", name)
    steps = {"steps": experiment.sweep["train.steps"] // (1 if name in LONGER else 2)}
    runs = [
        trained(experiment, experiment.sweep["cell"].split(","), seq_len=int(length), hidden_size=32, train=steps)
        for length in experiment.sweep["seq_len"].split(",")
    ]
    assert_borne_out(experiment, pd.concat(runs, ignore_index=True))
