"""What the checks share: collecting problems, and small runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from omegaconf import OmegaConf

from harness.base.errors import UserError, reason
from harness.base.options import Options
from harness.base.paths import shipped_folder
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
        """Note a problem unless something holds; says whether it does."""
        if not holds:
            self.found.append(problem)
        return bool(holds)

    @contextmanager
    def during(self, what: str) -> Iterator[None]:
        """Note what raises in this block as a problem, and go on after it."""
        try:
            yield
        except Exception as error:
            self.found.append(f"{what} raises {reason(error, self.plugin)}")

    def report(self) -> None:
        """Raise what was found.

        Raises:
            ContractError: there were problems.
        """
        if self.found:
            # Several batches can have the same fault.
            raise ContractError("\n".join(f"{self.who}: {problem}" for problem in dict.fromkeys(self.found)))


def check_registration(problems: Problems, target: type[Any]) -> None:
    """Name, docstring and documented options: what any plugin must have."""
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
    if issubclass(target, Options):
        for option, field in target.model_fields.items():
            problems.unless(field.description, f"option {option} has no description")


def small_runs(experiment: Experiment | None = None, cell: Cell | None = None, **changes: Any) -> list[Settings]:
    """Settings of small runs: those of ``conf/config.yaml``, changed by dotted name.

    Lists at packed settings make several runs.
    """
    whole = OmegaConf.load(shipped_folder("conf") / "config.yaml")
    config = OmegaConf.masked_copy(whole, [str(key) for key in whole if key in Settings.model_fields])  # type: ignore[arg-type]
    own = {} if experiment is None else {k: v for k, v in experiment.defaults.items() if k != "cell"}
    chosen = {
        "experiment": {"name": "recall_dish"}, "cell": {"name": "rnn"}, "hidden_size": 8, "engine.compile": False,
        "train.steps": 2, "train.batch_size": 8, "probe.batch_size": 4, "seq_len": 8,
    }  # fmt: skip
    for key, value in {**chosen, **changes}.items():
        OmegaConf.update(config, key, value)
    length = changes.get("seq_len", own.get("seq_len", 8))
    plain = OmegaConf.to_container(config)
    assert isinstance(plain, dict)
    replaced: dict[str, Any] = {} if experiment is None else {"experiment": experiment, "seq_len": length}
    if cell is not None:
        replaced["cell"] = cell
    base = {**{str(key): value for key, value in plain.items()}, "seq_len": 8}
    return [Settings(**{**dict(each), "seq_len": length, **replaced}) for each in members(base)]


def possible_length(experiment: Experiment, wish: int = 12) -> int:
    """A short length at which the task can be posed: its own default, else the first from ``wish`` on."""
    lengths = [experiment.defaults.get("seq_len", wish), *range(max(wish, experiment.min_seq_len()), 2000)]
    for length in lengths:
        if not experiment.refuses(length):
            return int(length)
    raise UserError(f"{experiment.name} refuses every length up to 2000")
