"""Steps of noise among the steps of any task: an option that every experiment has.

`distracted(Copy(), distractors=10)` is the copy task with ten steps of noise among its own, an experiment like others.
No task knows of it, and it knows no task.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializeAsAny, model_serializer

from harness.base.options import Options
from harness.tasks.batch import Batch
from harness.tasks.experiment import Experiment, Level, Sample, has_tokens

if TYPE_CHECKING:
    from harness.tasks.outputs import Outputs

LONGEST = 2000
"""The longest sequences among which a task's shortest one is looked for."""

NOISE = "~"
"""A step of noise in words."""


class Distractors(Options):
    """Noise among the steps of a task. Where it stands is the same in all samples, and what it is is drawn anew."""

    distractors: int | None = Field(
        None, ge=0, description="steps of noise among those of the task, counted in seq_len; null: the task as it is"
    )
    distractor_kind: Literal["blank", "random"] = Field(
        "random",
        description="blank: a token of its own, or zeros; random: any of the task's tokens, or Gaussian (variance 1)",
    )
    distractor_place: Literal["before", "between", "after"] = Field(
        "between", description="before the first step of the task, spread evenly between its steps, after the last one"
    )


def distracted(task: Experiment, noise: Distractors | None = None, **options: Any) -> Experiment:
    """A task with noise among its steps; the task itself where none is asked for.

    Args:
        noise: what noise; or its options by name.
    """
    noise = noise or Distractors(**options)
    return task if noise.distractors is None else Distracted(task=task, noise=noise)


class AmongNoise(Batch):
    """A batch with noise among its steps.

    Attributes:
        own: the steps (from 0) at which those of the task stand.
    """

    own: NDArray[np.int64]


class Distracted(Experiment):
    """A task with steps of noise among its own.

        a task    3 1 . * .             with two steps of noise   3 ~ 1 . * ~ .
        answers         3 1                                               3   1

    A sample is one of the task, of ``seq_len`` less the steps of noise. Its scored steps, cue and answers go where its
    steps go; no output is asked for at a step of noise. So what can be known without memory is what it is in the task:
    that of scored steps, which read what they read there. Noise between steps leaves answers that are fed back next to
    each other, and stands before the first of them. After the last step everything is answered, and noise must change
    nothing. Of a task in windows every window has its noise; of a row that ends sooner than others, what stands before
    its end.
    """

    task: SerializeAsAny[Experiment] = Field(description="the task")
    noise: Distractors = Field(description="what stands among its steps")

    @model_serializer
    def _as_options(self) -> dict[str, Any]:
        """The options of both, side by side, as they are typed."""
        return {**self.task.model_dump(mode="json"), **self.noise.model_dump(mode="json")}

    @classmethod
    def defaults_of_options(cls) -> dict[str, Any]:
        """Those of the noise alone: the task's are its own."""
        return Distractors.defaults_of_options()

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.task.name

    @property
    def claim(self) -> str:  # type: ignore[override]
        return self.task.claim

    @property
    def solved_at(self) -> float:  # type: ignore[override]
        return self.task.solved_at

    @property
    def exact_chance(self) -> bool:  # type: ignore[override]
        return self.task.exact_chance

    @property
    def level(self) -> Level | None:  # type: ignore[override]
        return self.task.level

    @property
    def outputs(self) -> Outputs:
        return self.task.outputs

    @property
    def feedback(self) -> int | None:
        return self.task.feedback

    @property
    def windows(self) -> int:
        return self.task.windows

    @property
    def steps(self) -> int:
        """Of noise, in each window."""
        return self.noise.distractors or 0

    @property
    def input_size(self) -> int:
        """The task's, and one more where noise is a token of its own."""
        return self.task.input_size + (self.noise.distractor_kind == "blank" and self._has_tokens)

    @cached_property
    def _has_tokens(self) -> bool:
        shortest = self.task.min_seq_len()
        length = next((each for each in range(shortest, LONGEST) if not self.task.refuses(each)), shortest)
        return has_tokens(self.task, length)

    def chance(self, seq_len: int) -> float:
        return self.task.chance(seq_len - self.steps)

    def chance_loss(self, seq_len: int) -> float | None:
        return self.task.chance_loss(seq_len - self.steps)

    def min_seq_len(self) -> int:
        """The task's shortest sequence, of at least two steps where noise stands between them, and the noise."""
        return self._shortest + self.steps

    @property
    def _shortest(self) -> int:
        return max(self.task.min_seq_len(), 2 if self.noise.distractor_place == "between" and self.steps else 1)

    def refuses(self, seq_len: int) -> str | None:
        own = seq_len - self.steps
        if own < self._shortest:
            return f"{self.min_seq_len()} or more"
        valid = self.task.refuses(own)
        return valid and f"{valid}, and {self.steps} of noise"

    def own_length(self) -> int | None:
        """The data's, and the noise."""
        own = self.task.own_length()
        return None if own is None else own + self.steps

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return self._among_noise(self.task.sample(rng, batch_size, seq_len - self.windows * self.steps), rng)

    def held_out(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return self._among_noise(self.task.held_out(rng, batch_size, seq_len - self.windows * self.steps), rng)

    def word(self, token: int) -> str:
        """That of the task's token."""
        return self.task.word(token) if token < self.task.input_size else NOISE

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample | None:
        """What the task shows, with the words at their steps; nothing of a task in windows."""
        if self.windows > 1 or not isinstance(batch, AmongNoise):
            return None
        own = batch.own[batch.own < batch.length]  # a row that ends sooner is cut there
        scored, cue = (np.searchsorted(own, steps - 1) + 1 for steps in (batch.scored, batch.cue))
        plain = Batch(batch.inputs[:, own], batch.targets, scored, batch.mask, batch.judged, cue)
        shown = self.task.show(plain, index, output)
        if shown is None or not shown.words:
            return shown
        words = [NOISE] * int(batch.answer[index])
        glosses = [""] * len(words) if shown.glosses else []
        for place, word in zip(own, shown.words, strict=False):
            words[place] = word
        for place, gloss in zip(own, shown.glosses, strict=False):
            glosses[place] = gloss
        return replace(shown, words=words, glosses=glosses)

    def _own_steps(self, length: int, first_answer: int) -> NDArray[np.int64]:
        """The steps (from 0) at which those of the task stand, in a window of the task's of this length.

        Args:
            first_answer: the first step of the task that is scored, from 0.
        """
        steps = np.arange(length)
        if self.noise.distractor_place == "after":
            return steps
        if self.noise.distractor_place == "before":
            return steps + self.steps
        # Answers that are fed back stay next to each other.
        last = length - 1 if self.feedback is None else first_answer
        spread = (2 * np.arange(self.steps) + 1) * last // (2 * max(self.steps, 1))
        return steps + np.searchsorted(np.minimum(spread + 1, last), steps, side="right")

    def _among_noise(self, plain: Batch, rng: np.random.Generator) -> Batch:
        """The task's batch with noise among its steps."""
        size, rest = plain.length // self.windows, plain.inputs.shape[2:]
        window = self._own_steps(size, int(plain.scored[0]) - 1)
        total = size + self.steps
        own = (np.arange(self.windows)[:, None] * total + window).ravel()
        inputs = np.empty((len(plain.inputs), self.windows * total, *rest), plain.inputs.dtype)
        others = np.setdiff1d(np.arange(self.windows * total), own)
        inputs[:, own] = plain.inputs
        inputs[:, others] = self._noise(rng, (len(inputs), len(others), *rest))
        cue = own[plain.cue - 1] + 1 if plain.names_cue or self.windows == 1 else None
        lengths = None if plain.lengths is None else own[plain.lengths - 1] + 1
        made = AmongNoise(inputs, plain.targets, own[plain.scored - 1] + 1, plain.mask, plain.judged, cue, lengths)
        made.asked, made.own = plain.asked, own
        # Windows have a place for every step.
        return made if self.windows == 1 else made.with_places(np.arange(1, self.windows * total + 1))

    def _noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
        """Nothing but noise: tokens (B, T) or vectors (B, T, F)."""
        tokens, blank = len(shape) == 2, self.noise.distractor_kind == "blank"
        if tokens:
            return np.full(shape, self.task.input_size) if blank else rng.integers(self.task.input_size, size=shape)
        return np.zeros(shape) if blank else rng.normal(size=shape)
