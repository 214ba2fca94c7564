"""Did sauce A go in before sauce B?"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from harness.analysis import percent, together
from harness.claims import kinds
from harness.experiment import Batch, Classes, Experiment, Tables, Verdict
from harness.experiment import gettext as _

WORDS = ["A", "B", "stir", "fry", "salt", "oil", "water", "rice", "tasty?"]
A, B, OTHERS, QUESTION = 0, 1, range(2, 8), 8


class SauceOrder(Experiment):
    """Sauce A has to go in before sauce B, or the taste is off: the same items, another order, another label.

        stir  A  salt  oil  B  fry  tasty?  ->  1
        stir  B  salt  oil  A  fry  tasty?  ->  0

    Each sauce goes in once, at random steps, among other items that are drawn independently. Every multiset of
    items is as often right as wrong, so that no network which counts items can know; without memory all rows end with
    the same question. Both are right half of the time, with a loss of ln 2. ``shuffled`` is the control: rows
    are labelled as ever and their items then shuffled, so that there is nothing to know and everybody guesses.

    Source: the Chinese tutorial "什么是循环神经网络 RNN" (Morvan Zhou, 2016): "酱料 A要比酱料 B 早放, 不然就串味了"; in
    kind the temporal order problem of Hochreiter, Schmidhuber, "Long short-term memory", 1997, experiment 6.
    """

    name = "sauce_order"
    claim = (
        "Networks with memory learn what order alone tells. Without memory, or on shuffled rows, every network guesses."
    )
    sweep = {"cell": "feedforward,rnn,gru,lstm", "seq_len": "20", "seed": "0,1", "experiment.shuffled": "false,true",
             "train.steps": 800, "train.lr": 0.01, "probe.every": 80}  # fmt: skip

    shuffled: bool = Field(False, description="shuffle the items after labelling: a control that nobody can solve")

    @property
    def input_size(self) -> int:
        return len(WORDS)

    @property
    def outputs(self) -> Classes:
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(2))

    def min_seq_len(self) -> int:
        return 3

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        items = rng.integers(OTHERS.start, OTHERS.stop, size=(batch_size, seq_len - 1))
        items[:, :2] = [A, B]
        items = rng.permuted(items, axis=1)
        tasty = _place(items, A) < _place(items, B)
        if self.shuffled:
            items = rng.permuted(items, axis=1)
        cue = np.stack([_place(items, A), _place(items, B)], axis=1) + 1
        inputs = np.pad(items, [(0, 0), (0, 1)], constant_values=QUESTION)
        return Batch(inputs, tasty[:, None].astype(np.int64), cue=cue)

    def word(self, token: int) -> str:
        return WORDS[token]

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        control, blind = "`experiment.shuffled` == True", "cell == 'feedforward'"
        found = kinds(tables, f"not {control} and not {blind}", f"not {control} and {blind}", control)
        if found is None:
            return None
        able, *unable = found
        holds = able.solved == 1 and all(each.guesses() for each in unable)
        ordered, blind, shuffled = (percent(each.accuracy) for each in found)
        pattern = _("Right on average: in order {ordered}, without memory {blind}, shuffled {shuffled}.")
        numbers = pattern.format(ordered=ordered, blind=blind, shuffled=shuffled)
        return Verdict(holds, together([numbers, _("Guessing gives {chance}.").format(chance=percent(1 / 2))]))


def _place(items: np.ndarray, sauce: int) -> np.ndarray:
    """Where a sauce stands in every row, from 0."""
    return (items == sauce).argmax(axis=1)
