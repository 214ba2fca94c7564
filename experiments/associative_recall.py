"""Pairs of keys and values are read once; then keys come back, in any order: what was each one's value?"""

from __future__ import annotations

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from harness.analysis import finished, percent, together
from harness.claims import kinds
from harness.experiment import Batch, Classes, Experiment, Tables, Verdict
from harness.experiment import gettext as _

POWER = 0.01


class AssociativeRecall(Experiment):
    """Multi-query associative recall: after pairs of key and value, each key's value is asked for once.

        read    A 4  B 2  C 7  C  .  A  .  .  .  B  .     with 3 pairs, 14 steps; . is any token
        answer                 7     4           2

    Keys differ from each other, and so do values. A key comes back at one of every second step, sooner rather than
    later: one after the other, the first pair first, each draws a place g (1, 2, …) that is still free, with weight
    g^(0.01 - 1). So the first pair tends to come back soonest, and the last one latest: with 4 pairs in 32 steps a
    query is on average 12.8, 11.7, 10.6 and 9.5 steps after the value that it asks for. What stands between is drawn
    from all keys and values, and misleads; with ``random_non_queries=false`` it is a blank. Only the answers at queries
    count.

    Which value belongs to a key is drawn anew in each sequence: without memory one answer in ``values`` is right,
    the loss is ln ``values``. A network that remembers which values there were, but
    not whose, is right once in ``pairs``.

    Source: Arora et al., "Zoology: measuring and improving recall in efficient language models", ICLR 2024,
    section 3 (MQAR), and the function ``multiquery_ar`` of the authors' code, whose places and order these are. There
    half of 8192 tokens are keys, half values, and there are 4 to 64 pairs in 64 to 512 steps, an even number. Token 0
    is a blank, which is also among the random tokens that stand between by default; their published runs leave it a
    blank. They train on 100,000 fixed rows.
    """

    name = "associative_recall"
    claim = "The more pairs there are to remember, the fewer queries a recurrent network of given size answers."
    sweep = {"cell": "rnn,gru,lstm", "seq_len": 32, "experiment.pairs": "1,2,4,8", "seed": "0,1", "hidden_size": 64,
             "train.steps": 1000, "train.lr": 0.01, "probe.every": 100}  # fmt: skip

    random_non_queries: bool = Field(True, description="whether any token stands between queries, or a blank")
    keys: int = Field(8, ge=1, description="how many different keys there are")
    values: int = Field(8, ge=2, description="how many different values there are")
    pairs: int = Field(
        4, ge=1, validate_default=True, description="pairs in a sequence, at most as many as there are keys and values"
    )

    @field_validator("pairs")
    @classmethod
    def _enough_of_each(cls, pairs: int, others: ValidationInfo) -> int:
        most = min(others.data.get("keys", pairs), others.data.get("values", pairs))
        if pairs > most:
            raise ValueError(f"more pairs than keys or values; valid: 1 to {most}")
        return pairs

    @property
    def input_size(self) -> int:
        """The keys, then the values, then the blank where there is one."""
        return self.keys + self.values + (not self.random_non_queries)

    @property
    def outputs(self) -> Classes:
        return Classes(self.values)

    def chance(self, seq_len: int) -> float:
        return 1 / self.values

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(self.values))

    def min_seq_len(self) -> int:
        """The pairs, and as much again for the queries, one at every second step."""
        return 4 * self.pairs - 1

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        def some(count: int) -> np.ndarray:
            return rng.random((batch_size, count)).argsort(axis=1)[:, : self.pairs]

        keys, values, asked = some(self.keys), some(self.values), 2 * self.pairs
        places = np.arange(asked, seq_len, 2)
        # In descending order of log weight + Gumbel noise: as drawn one by one, in proportion to the weights.
        weights = (POWER - 1) * np.log(np.arange(1, len(places) + 1)) + rng.gumbel(size=(batch_size, len(places)))
        queries = places[(-weights).argsort(axis=1)[:, : self.pairs]]
        tokens = np.full((batch_size, seq_len), self.keys + self.values)
        if self.random_non_queries:
            tokens = rng.integers(self.input_size, size=(batch_size, seq_len))
        tokens[:, :asked:2], tokens[:, 1:asked:2] = keys, self.keys + values
        targets, mask = np.zeros((batch_size, seq_len), dtype=np.int64), np.zeros((batch_size, seq_len), dtype=bool)
        np.put_along_axis(tokens, queries, keys, axis=1)
        np.put_along_axis(targets, queries, values, axis=1)
        np.put_along_axis(mask, queries, True, axis=1)
        return Batch(tokens, targets, mask=mask, cue=np.tile(np.arange(2, asked + 1, 2), (batch_size, 1)))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        """Whether, averaged over cells and seeds, each larger number of pairs means a lower accuracy."""
        runs = finished(tables.runs)
        right = runs.groupby("experiment.pairs").accuracy.mean().sort_index()
        if len(right) < 2:
            return None
        ends = [f"`experiment.pairs` == {pairs}" for pairs in (right.index[0], right.index[-1])]
        if (few_and_many := kinds(tables, *ends)) is None:
            return None
        few, many = few_and_many
        at = _("{share} with {count}")
        said = _(", ").join(at.format(share=percent(accuracy), count=pairs) for pairs, accuracy in right.items())
        numbers = [
            _("Right on average, by pairs: {shares}.").format(shares=said),
            _("Guessing gives {chance}.").format(chance=percent(runs.chance.mean())),
        ]
        falls = right.is_monotonic_decreasing and few.beats(many, by=0.1)
        return Verdict(bool(falls), together(numbers))
