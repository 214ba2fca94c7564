"""What an experiment is: the base class of every plugin in ``experiments/``. See ``docs/plugins.md``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.base.options import Options
from harness.base.pluggable import Pluggable
from harness.base.seeds import stream
from harness.tasks.batch import Batch
from harness.tasks.outputs import Outputs

if TYPE_CHECKING:
    from harness.tables.tables import Tables

Level: TypeAlias = Literal["regular", "context-free", "context-sensitive"]
"""Of the Chomsky hierarchy: what needs finitely many states, a stack, or a tape as long as the input."""


@dataclass(frozen=True)
class Sample:
    """One sample in words, for the report.

    Attributes:
        text: the sequence.
        expected: the right answer; empty where nothing is right or wrong, as for a generated melody.
        answered: the answer that was given.
        translation: the sequence in another language, or a remark.
        words: what each step reads, from the first to that of the sample's last judged output; none where it is
            nothing that words could say. The report draws the gradient through them.
        glosses: each of the words in another language, or none.
    """

    text: str
    expected: str = ""
    answered: str = ""
    translation: str = ""
    words: Sequence[str] = ()
    glosses: Sequence[str] = ()


@dataclass(frozen=True)
class Verdict:
    """Whether results bear out a claim, and the numbers that say so, in one sentence."""

    holds: bool
    numbers: str


@dataclass(frozen=True)
class Continuation:
    """That a next-token task goes on by itself for the report: its held-out sequences are continued.

    Attributes:
        length: how many tokens to generate.
        temperature: logits are divided by it before drawing; 0 takes the likeliest token.
        prompt: how many tokens of a held-out sequence to start from.
    """

    length: int
    temperature: float = 1.0
    prompt: int = 20


class Experiment(Options, Pluggable):
    """A task: what a batch is, and what counts as right. Fields are its options (``experiment.*``).

    Attributes:
        name: the experiment's name on the command line.
        claim: what this experiment is expected to show, in one sentence.
        solved_at: accuracy from which a run counts as having solved the task.
        exact_chance: whether `chance` is what a network without memory reaches exactly; False where that can only
            be bounded, as for real text: then no network without memory may get above it.
        defaults: settings of the run that this experiment starts from instead of those of ``conf/config.yaml``,
            by dotted name: a published protocol's ``{"train.lr": 0.01}``. The command line replaces them.
        level: in the Chomsky hierarchy, where a source says it: what memory the task needs.
        sweep: the sweep that shows the experiment best, as Hydra overrides by dotted name: ``{"cell": "rnn,lstm",
            "seq_len": "20,60"}``. With one, ``+study=<name>`` runs it.
    """

    kind: ClassVar[str] = "experiment"
    texts: ClassVar[tuple[str, ...]] = ("claim",)
    name: ClassVar[str]
    claim: ClassVar[str]
    solved_at: ClassVar[float] = 0.95
    exact_chance: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, Any]] = {}
    sweep: ClassVar[Mapping[str, Any]] = {}
    level: ClassVar[Level | None] = None

    @property
    @abstractmethod
    def input_size(self) -> int:
        """Number of token ids, or the length of an input vector."""

    @property
    @abstractmethod
    def outputs(self) -> Outputs:
        """What the outputs mean: `Classes`, `Labels` or `Values`."""

    @abstractmethod
    def chance(self, seq_len: int) -> float:
        """Accuracy of the best predictor without memory, which sees the input of the scored step alone.

        Best is the one with the least loss, since that is what a network learns. With classes no other one is right
        more often; with values, whose mean has the least squared error, a bet on the likeliest value may be.
        """

    @abstractmethod
    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Draw a batch, using no randomness but ``rng``."""

    def held_out(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Draw a batch to evaluate on: `sample`, unless the data are finite and must be kept apart."""
        return self.sample(rng, batch_size, seq_len)

    def chance_loss(self, seq_len: int) -> float | None:
        """Loss of the best predictor without memory, where it is known."""
        return None

    def min_seq_len(self) -> int:
        """The shortest sequence that the task can be posed in."""
        return 1

    def refuses(self, seq_len: int) -> str | None:
        """What would be a valid length, where the task cannot be posed at this one: ``"8 or 64"``."""
        return None if seq_len >= (shortest := self.min_seq_len()) else f"{shortest} or more"

    def own_length(self) -> int | None:
        """The length that ``seq_len=null`` stands for: that of data which have one; None where there is none."""
        return None

    @property
    def feedback(self) -> int | None:
        """Where an answer is fed back as the next input: class c comes in as token (or input unit) ``feedback + c``.

        The batch holds the right answers there (teacher forcing), from the second scored step on. When a
        run is evaluated, the network's own answers take their place.
        """
        return None

    @property
    def windows(self) -> int:
        """Truncated backpropagation: `sample` draws sequences of this many windows of ``seq_len`` steps.

        The state is carried from window to window, the gradient is not. With more than 1, `sample` is asked
        for ``windows * seq_len`` steps, all scored.
        """
        return 1

    @property
    def continuation(self) -> Continuation | None:
        """For a next-token task, whose class c is token c: how to let it go on by itself."""
        return None

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample | None:
        """One sample of a batch in words, with the answer that ``output`` (S, output size) gives.

        Where samples differ in length, the batch is the sample alone, cut at its end (`Batch.alone`).

        By default tokens (see `word`) and judged answers as numbers, and nothing for real vectors.
        """
        if batch.inputs.ndim == 3:
            return None
        places = np.flatnonzero(batch.judged[index])
        targets = [self.outputs.say(batch.targets[index, place]) for place in places]
        answers = [self.say(output[place]) for place in places]
        words = [self.word(int(token)) for token in batch.inputs[index]]
        read = words[: batch.answer[index]]
        return Sample(" ".join(words), " ".join(targets), " ".join(answers), words=read)

    def in_words(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample | None:
        """`show` of a sample, which ends at its own step and is scored at its own steps alone."""
        if batch.lengths is None:
            return self.show(batch, index, output)
        return self.show(batch.alone(index), 0, output[batch.asked[index]])

    def word(self, token: int) -> str:
        """An input token in words."""
        return str(token)

    def say(self, output: NDArray[np.float64]) -> str:
        """What one output says, as `Outputs.say` puts it; ``?`` for what is not finite."""
        return self.outputs.say(self.outputs.decide(output)) if np.isfinite(output).all() else "?"

    def show_continued(self, prompt: NDArray[np.int64], continued: NDArray[np.int64]) -> Sample:
        """A prompt and what the network wrote after it, in words (see `continuation`)."""
        return Sample(" ".join(map(str, prompt)), answered=" ".join(map(str, continued)))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        """Whether results bear out the claim; None where these runs do not test it.

        Args:
            tables: the tables of this experiment's runs only.
        """
        return None

    @classmethod
    def artefacts(cls, tables: Tables) -> dict[str, bytes]:
        """Files to lay beside the report, by name, made from the tables: a melody as MIDI."""
        return {}


def has_tokens(experiment: Experiment, seq_len: int) -> bool:
    """Whether a task's inputs are tokens, and not real vectors; only a sample tells.

    Args:
        seq_len: a length at which the task can be posed.
    """
    return experiment.sample(stream(0, "tokens"), 1, experiment.windows * seq_len).inputs.ndim == 2
