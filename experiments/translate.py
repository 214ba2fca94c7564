"""A Chinese sentence in, an English one out: 她昨天在学校把那本书卖了 -> she sold that book at school yesterday."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import solves_where_it_does_not
from harness.experiment import Batch, Classes, Sample, Tables, VariedLengths, Verdict, answer_phase

WHO = [("我", "I"), ("你", "you"), ("他", "he"), ("她", "she")]
WHEN = [("昨天", "yesterday"), ("今天", "today"), ("早上", "this-morning"), ("上周", "last-week")]
WHERE = [("学校", "at school"), ("家里", "at home"), ("公园里", "in the-park"), ("火车上", "on the-train")]
DID = [("卖了", "sold"), ("丢了", "lost"), ("弄坏了", "damaged"), ("带来了", "brought")]
HOW_MANY = [("两", "two"), ("三", "three"), ("五", "five")]
WHAT = [("本", "书", "book"), ("把", "椅子", "chair"), ("件", "衬衫", "shirt"), ("张", "照片", "photo")]

CHINESE = [*(word for group in (WHO, WHEN, WHERE, DID, HOW_MANY) for word, _ in group),
           *dict.fromkeys(word for measure, noun, _ in WHAT for word in (measure, noun)), "在", "那", "，"]  # fmt: skip
ENGLISH = [*dict.fromkeys(word for group in (WHO, WHEN, WHERE, DID, HOW_MANY) for _, words in group
                          for word in words.split()), "that",
           *(noun + s for *_, noun in WHAT for s in ("", "s")), ",", "."]  # fmt: skip
BLANK, MARKER = len(CHINESE) + len(ENGLISH), len(CHINESE) + len(ENGLISH) + 1
READ, SAID = 9, 8
"""The most Chinese words of a clause, and the English ones of every clause with its comma or stop."""


class Translate(VariedLengths):
    """A sentence is read in Chinese, word by word; after a marker it is to be said in English.

        她  昨天  在  学校  把  那  本  书  卖了  ?    she  sold  that  book  at      school     yesterday
                                           she  sold that  book  at    school  yesterday  .

        昨天  她  在  学校  卖了  两  把  椅子   ->   she sold two chairs at school yesterday .

    The order of the words is not the same: what Chinese says of time and place before the verb, English says at the
    end; the time stands before or after who it is about; and with 把 the verb comes last in Chinese, third from the
    front in English. Measure words (本, 把, 件, 张) have no English word, and 把 is one of them too; 在 is at, in or
    on, by the place that follows it; the plural is on the English noun only. A sentence has one clause at 17 steps
    (9 words read and 8 said), and one more for every further 18 (a comma between); spare steps come first, as blanks.
    With ``shortest``, lengths drawn decide how many clauses a sentence has, and there are no blanks: it starts with its
    first word, and ends with its stop.

    After the marker the network sees its own last word (in training the right one), or blanks without ``feed_back``.
    Accuracy is about the seven words of each clause. A network without memory always says the same: fed back, at best
    he (1/4) sold (1/4) that (1/2) book (1/8) at (1/2) home (1/4) today (1/4), right in 17/56; before blanks one word
    at every step but the first, "at", right in (1/4 + n/2) / 7n of n clauses. (Of several clauses the former is a
    bound: who does not know how far he has come does not know whether a comma or the stop is next.)

    Source: the Chinese tutorial "什么是循环神经网络 RNN" (Morvan Zhou, 2016): a text in one language in, in the other
    out (there English to Chinese); as an encoder-decoder Sutskever, Vinyals, Le, "Sequence to sequence learning with
    neural networks", NIPS 2014 (there real text of two languages, LSTMs of 4 layers).
    """

    name = "translate"
    claim = "An LSTM translates into another order of words. A plain RNN still mixes words up after the same training."
    exact_chance = False  # of several clauses
    defaults = {"seq_len": 17}
    sweep = {"cell": "rnn,gru,lstm", "seq_len": 17, "seed": "0,1,2,3", "hidden_size": 64, "train.steps": 1000,
             "train.lr": 0.01, "probe.every": 100}  # fmt: skip

    feed_back: bool = Field(True, description="whether the network sees its own last word, instead of blanks")

    @property
    def input_size(self) -> int:
        """The words of both languages, the blank, the marker."""
        return MARKER + 1

    @property
    def outputs(self) -> Classes:
        return Classes(len(ENGLISH))

    @property
    def feedback(self) -> int | None:
        return len(CHINESE) if self.feed_back else None

    def chance(self, seq_len: int) -> float:
        clauses = float(np.mean([self.clauses(length) for length in self.lengths(seq_len)]))
        return 17 / 56 if self.feed_back else (1 / 4 + clauses / 2) / (7 * clauses)

    def min_seq_len(self) -> int:
        return READ + SAID

    def clauses(self, seq_len: int) -> int:
        """How many clauses a sentence has: between two of them there is a comma to be read."""
        return (seq_len + 1) // (READ + SAID + 1)

    def rows(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        clauses = self.clauses(seq_len)
        drawn = rng.integers((4, 4, 4, 4, 4, 3, 2, 2), size=(batch_size, clauses, 8)).tolist()
        read = [chinese(row) for row in drawn]
        answers = np.array([english(row) for row in drawn])
        size = seq_len - SAID * clauses
        source = np.array([[BLANK] * (size - len(words)) + words for words in read])
        fed = {"feedback": len(CHINESE)} if self.feed_back else {"blank": BLANK}
        inputs = np.concatenate([source, answer_phase(answers, MARKER, **fed)], axis=1)
        judged = answers < ENGLISH.index(",")
        spare = size - np.array([len(words) for words in read])
        if self.shortest is None:
            return Batch(inputs, answers, judged=judged, cue=spare + 1)
        inputs = np.array([[*row[blanks:], *row[:blanks]] for row, blanks in zip(inputs, spare, strict=True)])
        return Batch(inputs, answers, judged=judged, cue=np.ones(batch_size), lengths=seq_len - spare)

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The Chinese sentence, and both English ones."""
        cut = -batch.targets.shape[1]
        read = "".join(CHINESE[token] for token in batch.inputs[index][:cut] if token < len(CHINESE))
        said = [ENGLISH[int(each.argmax())] if np.isfinite(each).all() else "?" for each in output]
        return Sample(read + "。", say(ENGLISH[word] for word in batch.targets[index]), say(said))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_does_not(tables, able="cell == 'lstm'", unable="cell == 'rnn'")


def chinese(clauses: list[list[int]]) -> list[int]:
    """The words of a sentence; a clause is who, when, where, did what, to what, how many, with 把, time first."""
    words: list[str] = []
    for who, when, where, did, what, many, ba, time_first in clauses:
        measure, noun, _ = WHAT[what]
        about = [WHO[who][0], WHEN[when][0]]
        words += ["，"] * bool(words) + (about[::-1] if time_first else about) + ["在", WHERE[where][0]]
        words += ["把", "那", measure, noun, DID[did][0]] if ba else [DID[did][0], HOW_MANY[many][0], measure, noun]
    return [CHINESE.index(word) for word in words]


def english(clauses: list[list[int]]) -> list[int]:
    """The words of its translation."""
    words: list[str] = []
    for who, when, where, did, what, many, ba, _ in clauses:
        noun = WHAT[what][2]
        words += ["," for _ in words[:1]] + [WHO[who][1], DID[did][1]]
        words += ["that", noun] if ba else [HOW_MANY[many][1], noun + "s"]
        words += [*WHERE[where][1].split(), WHEN[when][1]]
    return [ENGLISH.index(word) for word in [*words, "."]]


def say(words: Iterable[str]) -> str:
    """Words as a sentence."""
    return " ".join(words).replace("-", " ").replace(" ,", ",").replace(" .", ".")
