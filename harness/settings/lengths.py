"""Lengths besides a run's own: those at which it is evaluated at its end, and those of its training batches."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from harness.base.errors import UserError
from harness.base.options import Options, said
from harness.tasks.experiment import Experiment
from harness.tasks.lengths import possible_lengths


class Evaluation(Options):
    """Where a run is evaluated besides."""

    seq_len: list[Annotated[int, Field(ge=1)]] = Field(
        [], description="lengths at which a run is evaluated at its end, as [20,40,80]; []: only at the trained one"
    )

    @field_validator("seq_len", mode="before")
    @classmethod
    def _a_list(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise ValueError("valid: a list of lengths, as [20,40]")
        return value

    @field_validator("seq_len")
    @classmethod
    def _each_once(cls, value: list[int]) -> list[int]:
        return sorted(set(value))


def check_evaluation(experiment: Experiment, evaluation: Evaluation) -> None:
    """Refuse lengths at which the task cannot be posed.

    Raises:
        UserError: one line that names the lengths and what is valid.
    """
    lengths = evaluation.seq_len
    who = f"eval.seq_len={said(lengths)}"
    if lengths and experiment.windows > 1:
        raise UserError(
            f"{who}: experiment={experiment.name} is evaluated on long sequences in windows of seq_len; valid: []"
        )
    for length in lengths:
        if valid := experiment.refuses(length):
            raise UserError(f"{who}: {length} is no length for experiment={experiment.name}; valid: {valid}")


def check_curriculum(experiment: Experiment, seq_len: int, curriculum: str, shortest: int) -> None:
    """Refuse a curriculum for which the task has no lengths.

    Raises:
        UserError: one line that names the setting and what is valid.
    """
    if curriculum == "none":
        return
    who = f"train.curriculum={curriculum}"
    if experiment.windows > 1:
        raise UserError(f"{who}: experiment={experiment.name} trains on windows of one length, seq_len; valid: none")
    if shortest > seq_len:
        raise UserError(f"train.shortest={shortest}: longer than seq_len={seq_len}; valid: 1 to {seq_len}")
    if len(possible_lengths(experiment, shortest, seq_len)) == 1:
        raise UserError(
            f"{who}: experiment={experiment.name} has no other length from {shortest} to seq_len={seq_len}; valid: none"
        )
