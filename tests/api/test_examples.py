"""The examples in the docstrings of what `harness` offers do what they say."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import harness
from harness.settings.members import members
from harness.tables.gather import gather
from harness.tables.jobs import publish
from harness.training.keeping import Keeper
from harness.training.pack import run
from tests.conftest import Config


def docstrings() -> Iterator[tuple[str, str]]:
    """The name and docstring of every public function, class and method that `harness` offers."""
    for name in sorted(set(harness.__all__) - {"__version__", "Tables", "TorchCell"}):
        found = getattr(harness, name)
        yield name, inspect.getdoc(found) or ""
        if inspect.isclass(found):
            for own, member in vars(found).items():
                if not own.startswith("_") and (callable(member) or isinstance(member, property)):
                    yield f"{name}.{own}", inspect.getdoc(member) or ""
    yield "Watch.take", inspect.getdoc(type(harness.watch(torch.nn.GRUCell(1, 1))).take) or ""


SLOW = {"Results.report", "run", "sweep"}
"""What writes reports: a matter of seconds."""

WITHOUT = {"RecurrentNetwork", "RecurrentNetwork.engine", "RecurrentNetwork.extra_repr", "Results"}
"""What needs no example: classes whose methods have some, and what the harness itself calls."""

EXAMPLES = [each for each in docstrings() if ">>>" in each[1]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Path:
    """Results of two runs whose weights were kept, as most examples begin with."""
    directory = tmp_path_factory.mktemp("made")
    for number, cell in enumerate(("rnn", "lstm")):
        runs = members(config(cell=cell, hidden_size=4, train={"steps": 2}, probe={"every": 2}))
        job = directory / "jobs" / str(number)
        publish(job / "tables", run(runs, keeper=Keeper(job, runs, best=False)), runs)
    gather(directory)
    return directory


def carry_out(text: str, scope: dict[str, Any]) -> int:
    """Do the examples of a docstring, and hold the values of expressions to what stands there; returns their number."""
    done = 0
    for example in doctest.DocTestParser().get_examples(text):
        if example.options.get(doctest.SKIP):
            continue
        try:
            value = eval(compile(example.source.strip(), "example", "eval"), scope)
        except SyntaxError:
            value = exec(compile(example.source, "example", "exec"), scope)
        said = "" if value is None else f"{value!r}\n"
        assert doctest.OutputChecker().check_output(example.want, said, doctest.NORMALIZE_WHITESPACE), example.source
        done += 1
    return done


def test_everything_public_has_an_example() -> None:
    assert {name for name, _ in docstrings()} - {name for name, _ in EXAMPLES} == WITHOUT


@pytest.mark.usefixtures("empty_pictures")
@pytest.mark.parametrize(
    ("name", "text"),
    [pytest.param(*each, id=each[0], marks=[pytest.mark.slow] if each[0] in SLOW else []) for each in EXAMPLES],
)
def test_an_example_does_what_it_says(
    name: str, text: str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scope = {"harness": harness, "np": np, "torch": torch, "found": harness.load(made)}
    assert carry_out(text, {**scope, "probe": harness.probe, "watch": harness.watch}) > 0
