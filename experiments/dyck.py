"""Brackets of several kinds, one inside the other: which one is open now?"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import solves_where_it_guesses
from harness.experiment import Batch, Classes, Experiment, Sample, Tables, Verdict

Steps: TypeAlias = NDArray[np.int64]

OPEN, CLOSED = "([{<abcdefgh", ")]}>ABCDEFGH"


class Dyck(Experiment):
    """Well-nested brackets are read, and at every step one has to know which kind may be closed next.

        read    (  [  ]  (  <  >  )  )
        answer  (  [  (  (  <  (  (  -       accuracy counts the answers after closing brackets

    The answer is the top of a stack of at most ``depth`` brackets. After an opening bracket it is that bracket. After
    a closing one it is the bracket around, which was read before all that lies between: these answers are judged,
    all others (but those where nothing is open) count in the loss only. From depth 0 a bracket opens, at ``depth``
    one closes, between either happens with probability 1/2; the row is the beginning of such a word. A row that would
    ask nothing, because no bracket closes inside another one, is drawn again.

    The stack has 1 + k + … + k^m states for k kinds and depth m, however long the row: of the order of m log k units
    can hold it, which is what the source proves.

    The kind of a bracket is independent of that of the bracket around it, so without memory one in ``kinds``
    answers is right.

    Source: Hewitt et al., "RNNs can generate bounded hierarchical languages with optimal memory", EMNLP 2020, and the
    authors' code: the language Dyck-(k, m), and these probabilities of opening and closing. There a word may also end
    wherever nothing is open, with probability 1/2; words of at most 84 tokens (for m = 3) are learned and longer ones,
    up to 168, judged; a language model is trained on the next token, ends included, and at every step with an open
    bracket it is right if it gives the one that may be closed over 80 % of the probability of all closing brackets.
    Here the kind of that bracket is the answer itself, rows of one length are cut off where they are, and those steps
    are judged at which it was read long before, not just now.
    """

    name = "dyck"
    claim = (
        "Every recurrent cell, the plain one too, follows nested brackets of bounded depth for many steps. A network "
        "without memory guesses."
    )
    level = "regular"
    sweep = {"cell": "feedforward,rnn,gru,lstm", "seq_len": "20,100", "seed": "0,1", "train.steps": 600,
             "train.lr": 0.01, "probe.every": 100}  # fmt: skip

    kinds: int = Field(2, ge=2, le=len(OPEN), description=f"kinds of brackets, 2 to {len(OPEN)}")
    depth: int = Field(3, ge=2, description="how many brackets may be open at once")

    @property
    def input_size(self) -> int:
        """Opening brackets of each kind, then closing ones."""
        return 2 * self.kinds

    @property
    def outputs(self) -> Classes:
        return Classes(self.kinds)

    def chance(self, seq_len: int) -> float:
        return 1 / self.kinds

    def min_seq_len(self) -> int:
        """Two brackets opened and one of them closed."""
        return 3

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        tokens, tops, heights = self._words(rng, batch_size, seq_len)
        while (silent := ~self._judged(tokens, heights).any(axis=1)).any():
            for kept, again in zip((tokens, tops, heights), self._words(rng, int(silent.sum()), seq_len), strict=True):
                kept[silent] = again
        return Batch(tokens, tops, mask=heights > 0, judged=self._judged(tokens, heights))

    def _judged(self, tokens: Steps, heights: Steps) -> NDArray[np.bool_]:
        return (tokens >= self.kinds) & (heights > 0)

    def _words(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> tuple[Steps, Steps, Steps]:
        """Beginnings of words: tokens, the kind of bracket on top of the stack, and its height; each (B, T)."""
        rows = np.arange(batch_size)
        stack = np.zeros((batch_size, self.depth + 1), dtype=np.int64)
        height = np.zeros(batch_size, dtype=np.int64)
        tokens, tops, heights = np.empty((3, batch_size, seq_len), dtype=np.int64)
        kinds, coins = rng.integers(self.kinds, size=tokens.shape), rng.random(tokens.shape) < 0.5
        for step in range(seq_len):
            opens = (height == 0) | (coins[:, step] & (height < self.depth))
            tokens[:, step] = np.where(opens, kinds[:, step], self.kinds + stack[rows, height])
            height += np.where(opens, 1, -1)
            stack[rows, height] = np.where(opens, kinds[:, step], stack[rows, height])
            tops[:, step], heights[:, step] = stack[rows, height], height
        return tokens, tops, heights

    def show(self, batch: Batch, index: int, output: np.ndarray) -> Sample:
        """The brackets, and the open one after each closing one, ``-`` elsewhere."""
        judged = batch.judged[index]
        right = [OPEN[kind] if counts else "-" for kind, counts in zip(batch.targets[index], judged, strict=True)]
        given = [self.say(each) for each in output]
        said = [
            (OPEN[int(kind)] if kind != "?" else kind) if counts else "-"
            for kind, counts in zip(given, judged, strict=True)
        ]
        text = "".join((OPEN[: self.kinds] + CLOSED[: self.kinds])[token] for token in batch.inputs[index])
        return Sample(text, "".join(right), "".join(said), words=text[: batch.answer[index]])

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_guesses(tables, able="cell in ['rnn', 'gru', 'lstm']", unable="cell == 'feedforward'")
