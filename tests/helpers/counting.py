"""A small next-token task, and runs of tasks that are made in a test."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from harness.experiment import Batch, Classes, Continuation, Experiment, Sample
from harness.settings.members import members
from harness.settings.settings import Settings
from tests.conftest import Config


class Counting(Experiment):
    """Numbers that go up by one; the next one is asked for at every step."""

    name: ClassVar[str] = "counting"
    claim: ClassVar[str] = "Anybody can count."
    n_windows: int = 1
    writes: bool = False

    @property
    def input_size(self) -> int:
        return 5

    @property
    def outputs(self) -> Classes:
        return Classes(5)

    @property
    def windows(self) -> int:
        return self.n_windows

    @property
    def continuation(self) -> Continuation | None:
        return Continuation(length=7, temperature=0, prompt=2) if self.writes else None

    def chance(self, seq_len: int) -> float:
        return 1.0

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        tape = (rng.integers(5, size=(batch_size, 1)) + np.arange(seq_len + 1)) % 5
        return Batch(tape[:, :-1], tape[:, 1:])

    def show_continued(self, prompt: np.ndarray, continued: np.ndarray) -> Sample:
        return Sample("".join(map(str, prompt)), answered="".join(map(str, continued)))


def settings(config: Config, experiment: Experiment, **changes: Any) -> list[Settings]:
    seq_len = changes.pop("seq_len", 8)
    made = members(config(**changes))
    return [Settings(**{**dict(each), "experiment": experiment, "seq_len": seq_len}) for each in made]
