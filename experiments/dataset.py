"""Data of one's own, from a file: classes or values at the end or at every step, or the next step."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from harness.claims import compare
from harness.datasets import Order, OwnData, OwnFile, Rows, Task, about, arrays_of, checked, own_data, parts
from harness.experiment import Batch, Experiment, Outputs, Sample, Tables, Verdict

TRAINED = 1198
"""Of scikit-learn's digits, the images that are trained on; the 599 after them are held out."""

WIDEST = 64
"""Vectors of more numbers are not drawn."""

SERIES = 50
"""Steps of a long series that are read at once, where nobody says how many."""


class Dataset(OwnFile, Experiment):
    """Your own data, from a file: a class or a value for each sequence or for each step, or the next step.

        path=my.npz    X (N, T) tokens or (N, T, F) vectors    y (N,) or (N, T)    lengths, mask, split

        X[3]   0.2 0.9 0.4 … 0.1   ->   y[3]   2

    Rows are read whole: T is the default of ``seq_len``. Where there is no ``y``, the answer is the next step. With an
    answer to each step, rows may be cut anywhere to fewer steps. Training sees the rows that ``split`` calls ``train``,
    evaluation the others; without a split one row in five is kept, by a random stream of its own. docs/data.md has all
    formats, with examples. Without a path it reads what everyone has: scikit-learn's digits, in 8 rows of 8 pixels.

    Chance is measured: what is learned from training rows about an answer from the input of its own step, tried on the
    held-out rows. Of tokens it is the best table. Of vectors it is the best of a linear predictor, nearest neighbours
    and a forest, which another might beat a little.

    Source: none; the data are yours.
    """

    name = "dataset"
    claim = "These data need memory: cells that have one are right more often than a network without."
    exact_chance = False  # measured
    solved_at = 0.9
    defaults = {"seq_len": None}
    sweep = {"cell": "feedforward,rnn,gru,lstm", "seed": "0,1,2", "train.steps": 300, "train.lr": 0.01,
             "hidden_size": 64, "probe.every": 60}  # fmt: skip

    task: Task = Field(
        "auto", description="what is asked for: classification, regression, next_step; auto: as y is, or is not there"
    )
    order: Order = Field(
        "rows", description="vectors of a step as they are (rows), number by number (pixels), or these permuted"
    )
    part: str | None = Field(
        None, coerce_numbers_to_str=True, description="part of the file's split to evaluate on; null: all but train"
    )
    holdout: float = Field(0.2, gt=0, lt=1, description="share of rows kept for evaluation, where there is no split")
    split_seed: int = Field(0, ge=0, description="which rows these are")
    tolerance: float | None = Field(
        None, gt=0, description="error up to which a value is right; null: a tenth of their standard deviation"
    )

    @model_validator(mode="after")
    def _readable(self) -> Dataset:
        if self.path is not None:  # without one a plugin is listed, too, which is to be quick
            _data(self)  # what is wrong with a file is said before anything runs
        return self

    @property
    def data(self) -> OwnData:
        """What the file holds, read once."""
        return _data(self)

    @property
    def input_size(self) -> int:
        """The tokens that occur, or the numbers of a step."""
        return self.data.input_size

    @property
    def outputs(self) -> Outputs:
        return self.data.outputs

    def chance(self, seq_len: int) -> float:
        return self.data.level.accuracy

    def chance_loss(self, seq_len: int) -> float | None:
        return self.data.level.loss

    def own_length(self) -> int:
        """T; of next steps one less, of a long series `SERIES`."""
        series = self.data.cut and len(self.data.training) == 1
        return min(self.data.longest, SERIES) if series else self.data.longest

    def refuses(self, seq_len: int) -> str | None:
        longest = self.data.longest
        if self.data.cut:
            return None if 1 <= seq_len <= longest else f"1 to {longest}"
        return None if seq_len == longest else f"{longest} (rows are read whole), or null"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        rows = self.data.training
        return self.read(rng, rows, rng.integers(len(rows), size=batch_size), seq_len)

    def held_out(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Rows that are never trained on, none twice as long as there are enough."""
        rows = self.data.held_out
        return self.read(rng, rows, np.resize(rng.permutation(len(rows)), batch_size), seq_len)

    def read(self, rng: np.random.Generator, rows: Rows, chosen: NDArray[np.int64], seq_len: int) -> Batch:
        """The batch of these rows: cut anywhere where there is an answer to each step, and else whole."""
        lengths = rows.lengths[chosen]
        if not self.data.by_step:
            inputs, targets = self.data.ordered(rows.inputs[chosen]), self.data.targets(rows)[chosen]
            # Read number by number, rows are longer than they have steps, and all of one length.
            ends = lengths if self.order == "rows" else np.full(len(chosen), seq_len)
            return Batch(inputs, targets[:, None] if targets.ndim == 1 else targets, lengths=shorter(ends, seq_len))
        ahead = int(self.data.next_step)
        start = rng.integers(np.maximum(lengths - ahead - seq_len, 0) + 1)
        places = np.minimum(start[:, None] + np.arange(seq_len), rows.length - 1 - ahead)
        targets = self.data.targets(rows)[chosen[:, None], places + ahead]
        mask = None if rows.mask is None else rows.mask[chosen[:, None], places]
        ends = np.minimum(lengths - ahead - start, seq_len)
        return Batch(rows.inputs[chosen[:, None], places], targets, mask=mask, lengths=shorter(ends, seq_len))

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample | None:
        """The tokens, or the numbers as shades, a word for each step."""
        shown = super().show(batch, index, output)
        if shown is None and self.input_size <= WIDEST and (end := batch.answer[index]):
            words = ["".join(map(self.data.shade, step)) for step in batch.inputs[index, :end]]
            places = np.flatnonzero(batch.judged[index])
            expected = " ".join(self.outputs.say(batch.targets[index, place]) for place in places)
            answered = " ".join(self.say(output[place]) for place in places)
            shown = Sample(" ".join(words), expected, answered, words=words)
        return shown

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        """Whether all cells with memory together are surely better than a network without."""
        return compare(tables, "cell != 'feedforward'", "cell == 'feedforward'", lambda able, blind: able.beats(blind))


def shorter(ends: NDArray[np.int64], seq_len: int) -> NDArray[np.int64] | None:
    """Where samples end; None where all have the whole length."""
    return ends if (ends < seq_len).any() else None


@lru_cache(maxsize=4)
def _data(task: Dataset) -> OwnData:
    """What the file of a task holds, or what it reads without one.

    Raises:
        UserError: something in it is not right, or not what is asked for.
    """
    with about(task.path or Path("null")):
        rows = _rows(task.path, task.content)
        apart = parts(rows, task.part, task.holdout, task.split_seed)
        return own_data(rows, apart, task.task, task.order, task.tolerance)


@lru_cache(maxsize=1)  # they may be large
def _rows(path: Path | None, content: str) -> Rows:
    """The rows of a file with this content, or of scikit-learn's digits."""
    if path is not None:
        return checked(arrays_of(path))
    from sklearn.datasets import load_digits

    digits = load_digits()
    split = np.where(np.arange(len(digits.target)) < TRAINED, "train", "test")
    return checked({"X": digits.images / 16, "y": digits.target, "split": split})
