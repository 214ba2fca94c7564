"""Is the sentence positive or negative?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.claims import compare
from harness.experiment import Batch, Classes, Sample, Tables, VariedLengths, Verdict

WORDS = [
    ("好", "good"), ("棒", "great"), ("差", "bad"), ("糟", "awful"),
    ("很", "was"), ("并不", "was not"),
    ("，但是", ", but"), ("，尽管", ", although"),
    ("汤", "the soup"), ("鱼", "the fish"), ("服务", "the service"), ("饭店", "the restaurant"),
    ("说实话", "honestly"), ("今天", "today"), ("总的来说", "all in all"), ("在我看来", "to my mind"),
    ("。", "."),
]  # fmt: skip
ADJECTIVES, VERBS, LINKS, SUBJECTS, FILLERS = range(4), range(4, 6), range(6, 8), range(8, 12), range(12, 16)
GOOD, NOT, ALTHOUGH, END = 2, 5, 7, 16
SHORTEST = 8


class Sentiment(VariedLengths):
    """Is a sentence with negation and contrast positive or negative, asked at its last step?

        服务      并不     说实话    今天   糟     ，尽管       汤        很    差   。   ->  positive
        the service was not honestly today awful , although the soup was bad .

    Two clauses: a subject, "was" or "was not", fillers, and a word that is good or bad. A negation turns its clause
    around, from any distance. Before "but" one only concedes: the second clause is what counts; before "although" it is
    the other way round, so that the first clause must be kept until the link, and on to the end. The clause that
    does not count is drawn independently. At the full stop nothing tells: without memory half of the answers are
    right, and the loss is ln 2.

    Source: the Chinese tutorial "什么是循环神经网络 RNN" (Morvan Zhou, 2016): "这句话带的感情色彩是积极的还是消极的 …
    只有最后一个时间点输出判断结果的RNN". The grammar is made for this harness; no real reviews are read.
    """

    name = "sentiment"
    claim = "Cells with gates understand negation and contrast far apart. A plain RNN, trained alike, understands less."
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "16,30", "seed": "0,1,2", "train.steps": 1500, "train.lr": "0.003,0.01",
             "probe.every": 150}  # fmt: skip

    @property
    def input_size(self) -> int:
        return len(WORDS)

    @property
    def outputs(self) -> Classes:
        """Negative and positive."""
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(2))

    def min_seq_len(self) -> int:
        return SHORTEST

    def rows(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Steps of clause k: subject at start[k], verb after it, fillers, and its word at word[k]."""
        rows = np.arange(batch_size)[:, None]
        tokens = rng.choice(FILLERS, (batch_size, seq_len))
        first = 2 + rng.integers(seq_len - SHORTEST + 1, size=batch_size)  # where its word stands, from 0
        start = np.stack([np.zeros_like(first), first + 2], axis=1)
        word = np.stack([first, np.full_like(first, seq_len - 2)], axis=1)
        tokens[rows, start] = rng.choice(SUBJECTS, (batch_size, 2))
        tokens[rows, start + 1] = verb = rng.choice(VERBS, (batch_size, 2))
        tokens[rows, word] = adjective = rng.choice(ADJECTIVES, (batch_size, 2))
        tokens[rows[:, 0], first + 1] = link = rng.choice(LINKS, batch_size)
        tokens[:, -1] = END
        positive = (adjective < GOOD) != (verb == NOT)
        counts = np.where(link == ALTHOUGH, 0, 1)[:, None]
        cue = np.concatenate([np.take_along_axis(each, counts, 1) for each in (start + 1, word)], axis=1)
        cue = np.concatenate([cue, first[:, None] + 1], axis=1) + 1
        return Batch(tokens, np.take_along_axis(positive, counts, 1).astype(np.int64), cue=cue)

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The sentence in Chinese and English."""
        chinese, english = zip(*(WORDS[token] for token in batch.inputs[index]), strict=True)
        names = {"0": "negative", "1": "positive"}
        return Sample(
            text="".join(chinese),
            translation=" ".join(english).replace(" ,", ",").replace(" .", "."),
            expected=names[str(batch.targets[index, 0])],
            answered=names.get(said := self.say(output[0]), said),
            words=chinese,
            glosses=english,
        )

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return compare(
            tables, "cell in ['gru', 'lstm']", "cell == 'rnn'",
            lambda gated, plain: gated.solved == 1 and gated.beats(plain, by=0.05),
        )  # fmt: skip
