"""What the fifteen tasks of "Neural networks and the Chomsky hierarchy" have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import solves_only_short
from harness.experiment import Batch, Classes, Experiment, Sample, Tables, Verdict, answer_phase

Tokens: TypeAlias = NDArray[np.int64]

EMPTY, END = "_", "."
"""What is read while an answer is given, and what ends an answer that has no length of its own."""

DIGITS = "0123456789"

TRAINING = {"seed": "0,1", "train.steps": 1000, "train.lr": 0.01, "probe.every": 200}
"""What the tasks' own sweeps have in common."""


class Strings(NamedTuple):
    """What a batch is made of: strings of n symbols, and their answers of m symbols, as numbers.

    Attributes:
        read: (B, n).
        answers: (B, m).
        cue: places in the strings, from 1, that hold what is asked for, (B, C); None: the first.
    """

    read: Tokens
    answers: Tokens
    cue: Tokens | None = None


class ChomskyTask(Experiment):
    """A string of n symbols is read, and answered in m symbols while as many empty tokens are read.

        t       1  2  3  4  5  6
        input   0  0  1  _  _  _
        answer           1  0  0        reverse_string, n = m = 3

    As in the source's code, m depends on n alone, and an answer of one symbol comes with an empty token, too.
    ``seq_len`` is what the network reads, n + m, where the source counts n. At lengths that are n + m of no n, strings
    are the longest that fit, and spare steps come first, as empty tokens: so one list of lengths serves all tasks.
    Each of the m answers counts in the loss. Those judged are all, or, where an answer ends with a symbol of its own,
    those up to it: zeros fill the rest.

    As only empty tokens are read when answers are due, a network without memory always says the same.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code.

    Attributes:
        shortest: the least n at which there is something to ask.
        ends: whether an answer ends with the last class, `END`.
        learners: the runs of which it is claimed that they learn short strings and not long ones, as a query.
    """

    shortest: ClassVar[int] = 1
    ends: ClassVar[bool] = False
    learners: ClassVar[str] = "cell in ['rnn', 'lstm']"

    @property
    def symbols(self) -> Sequence[str]:
        """The symbols of strings, bits in most tasks; the empty token comes after them."""
        return "01"

    @property
    def answer_symbols(self) -> Sequence[str]:
        """The symbols of answers, but for `END`: in most tasks those of strings."""
        return self.symbols

    @abstractmethod
    def strings(self, rng: np.random.Generator, batch_size: int, length: int) -> Strings:
        """Draw strings of ``length`` symbols, and answer them."""

    def answer_length(self, length: int) -> int:
        """m, of strings of ``length`` symbols."""
        return 1

    def allows(self, length: int) -> bool:
        """Whether there are strings of ``length`` symbols, and something to ask of them."""
        return length >= self.shortest

    @property
    def input_size(self) -> int:
        """The symbols and the empty token."""
        return len(self.symbols) + 1

    @property
    def outputs(self) -> Classes:
        return Classes(len(self._said))

    @property
    def _said(self) -> list[str]:
        return [*self.answer_symbols, *([END] if self.ends else [])]

    def chance(self, seq_len: int) -> float:
        return 1 / len(self.answer_symbols)

    def chance_loss(self, seq_len: int) -> float | None:
        return float(np.log(len(self.answer_symbols)))

    def min_seq_len(self) -> int:
        return self.shortest + self.answer_length(self.shortest)

    def string_length(self, seq_len: int) -> int:
        """n: that of the longest strings which are read and answered in ``seq_len`` steps."""
        return max(n for n in range(seq_len) if self.allows(n) and n + self.answer_length(n) <= seq_len)

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        read, answers, cue = self.strings(rng, batch_size, self.string_length(seq_len))
        empty, spare = len(self.symbols), seq_len - read.shape[1] - answers.shape[1]
        waiting, asking = np.full((batch_size, spare), empty), answer_phase(answers, marker=empty, blank=empty)
        inputs = np.concatenate([waiting, read, asking], axis=1)
        cue = spare + (np.ones((batch_size, 1), dtype=np.int64) if cue is None else cue)
        return Batch(inputs, answers, judged=self._judged(answers), cue=cue)

    def _judged(self, answers: Tokens) -> NDArray[np.bool_]:
        if not self.ends:
            return np.ones(answers.shape, dtype=bool)
        end = (answers == len(self.answer_symbols)).argmax(axis=1)
        return np.arange(answers.shape[1]) <= end[:, None]

    def word(self, token: int) -> str:
        """The symbol, or `EMPTY`."""
        return [*self.symbols, EMPTY][token]

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The string, and both answers, up to where the right one ends."""
        words = [self.word(token) for token in batch.inputs[index]]
        judged = batch.judged[index]
        right = [self._said[answer] for answer in batch.targets[index][judged]]
        said = [self._said[each.argmax()] if np.isfinite(each).all() else "?" for each in output[judged]]
        spare = batch.length - len(judged) - self.string_length(batch.length)
        text = " ".join(words[spare : len(words) - len(judged)])
        return Sample(text, " ".join(right), " ".join(said), words=words[: batch.answer[index]])

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        """Short strings are learned in every run, and long ones in none."""
        return solves_only_short(tables, cls.learners)


class Rearranged(ChomskyTask):
    """A string over an alphabet, answered by its own symbols in another order, or several times over."""

    n_symbols: int = Field(2, ge=2, le=10, description="how many different symbols there are, 2 to 10")

    @property
    def symbols(self) -> Sequence[str]:
        return DIGITS[: self.n_symbols]

    def answer_length(self, length: int) -> int:
        """As many as were read."""
        return length

    @abstractmethod
    def rearranged(self, read: Tokens) -> Tokens:
        """The answers (B, m) to strings (B, n)."""

    def strings(self, rng: np.random.Generator, batch_size: int, length: int) -> Strings:
        """Draw strings uniformly."""
        read = rng.integers(self.n_symbols, size=(batch_size, length))
        return Strings(read, self.rearranged(read))


def entropy(shares: Sequence[float] | NDArray[np.float64]) -> float:
    """In nats, of shares that add up to 1: the least mean loss of an answer that is always the same."""
    some = np.asarray(shares, dtype=float)
    some = some[some > 0]
    return float(-(some * np.log(some)).sum())
