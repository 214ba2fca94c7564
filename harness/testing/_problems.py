"""What the checks share: collecting problems, and small runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.base.errors import UserError, reason
from harness.base.options import Options
from harness.base.pluggable import Pluggable
from harness.cells.base import Cell
from harness.plugins.checks import NAMES, is_name
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.tasks.experiment import Experiment

SHORTEST_SUMMARY = 10


class ContractError(AssertionError):
    """A plugin does not keep the contract; one line per problem."""


class Problems:
    """Collects what is wrong with one plugin."""

    def __init__(self, kind: str, plugin: Any):
        self.plugin = plugin
        self.who = f"{kind} {getattr(plugin, 'name', type(plugin).__name__)}"
        self.found: list[str] = []

    def unless(self, holds: object, problem: str) -> bool:
        """Note a problem unless something holds; returns whether it does."""
        if not holds:
            self.add(problem)
        return bool(holds)

    def add(self, problem: str) -> None:
        """Note a problem."""
        self.found.append(problem)

    @contextmanager
    def during(self, what: str) -> Iterator[None]:
        """Note an exception in this block as a problem, and go on after the block."""
        try:
            yield
        except Exception as error:
            self.add(f"{what} raises {reason(error, self.plugin)}")

    def report(self) -> None:
        """Raise what was found.

        Raises:
            ContractError: there were problems.
        """
        if self.found:
            # Several batches can have the same fault.
            raise ContractError("\n".join(f"{self.who}: {problem}" for problem in dict.fromkeys(self.found)))


def check_registration(problems: Problems, target: type[Pluggable]) -> None:
    """Name, docstring, texts and documented options: what any plugin must have."""
    name = getattr(target, "name", None)
    problems.unless(is_name(name), f"name = {name!r}; valid: {NAMES}")
    own = target.__doc__ if "__doc__" in vars(target) else None
    summary = inspect.cleandoc(own or "").partition("\n")[0]
    problems.unless(
        len(summary) > SHORTEST_SUMMARY,
        f"docstring starts with {summary!r}; valid: a first line of more than {SHORTEST_SUMMARY} letters on what it is"
        if summary
        else "has no docstring; valid: one whose first line says what it is",
    )
    for text in target.texts:
        said = getattr(target, text, None)
        problems.unless(isinstance(said, str) and said.strip(), f"has no {text}")
    if flaw := target.flaw():
        problems.add(flaw)
    if issubclass(target, Options):
        for option, field in target.model_fields.items():
            problems.unless(field.description, f"option {option} has no description")


SMALL = {
    "hidden_size": 8, "engine.compile": False, "train.steps": 2, "train.batch_size": 8, "probe.batch_size": 4,
}  # fmt: skip
"""What makes a run small, by dotted name."""

COMPILED: dict[str, Any] = {"engine.compile": True}
"""For tasks that may be long: the cells are the same for all of them, and their kernels are compiled once and kept.

``auto`` sees two training steps alone, and not that every plugin's check has the same."""


def small_runs(experiment: Experiment | None = None, cell: Cell | None = None, **changes: Any) -> list[Settings]:
    """Settings of small runs of an experiment (recall_dish) and a cell (rnn), at the experiment's own length or at 8.

    Args:
        changes: further settings by dotted name; lists at those that pack make several runs.
    """
    config: dict[str, Any] = {
        "experiment": experiment or {"name": "recall_dish"},
        "cell": cell or {"name": "rnn"},
        "seq_len": experiment.defaults.get("seq_len", 8) if experiment else 8,
    }
    for key, value in {**SMALL, **changes}.items():
        section, _, name = key.rpartition(".")
        (config.setdefault(section, {}) if section else config)[name] = value
    return members(config)


def possible_length(experiment: Experiment, wish: int = 12) -> int:
    """A short length at which the task can be posed: its own default, else the first from ``wish`` on."""
    own = experiment.own_length() or experiment.defaults.get("seq_len", wish)
    lengths = [own, *range(max(wish, experiment.min_seq_len()), 2000)]
    for length in lengths:
        if not experiment.refuses(length):
            return int(length)
    raise UserError(f"{experiment.name} refuses every length up to 2000")
