"""Which dish did I say I would make? A sentence, its first word, and a question at the end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import compare
from harness.experiment import Batch, Classes, Sample, Tables, VariedLengths, Verdict

# Each dish with the ingredient that belongs to it, Chinese and English.
DISHES = [
    ("红烧排骨", "braised ribs", "排骨", "ribs"),
    ("辣子鸡", "spicy chicken", "鸡块", "chicken"),
    ("麻婆豆腐", "mapo tofu", "豆腐", "tofu"),
    ("清蒸鲈鱼", "steamed bass", "鲈鱼", "bass"),
    ("番茄炒蛋", "tomatoes with eggs", "鸡蛋", "eggs"),
    ("回锅肉", "twice-cooked pork", "五花肉", "pork belly"),
    ("鱼香茄子", "fish-fragrant aubergine", "茄子", "aubergine"),
    ("酸辣土豆丝", "hot and sour potatoes", "土豆", "potatoes"),
    ("宫保虾球", "kung pao prawns", "虾仁", "prawns"),
    ("蒜蓉西兰花", "broccoli with garlic", "西兰花", "broccoli"),
    ("蚝油牛肉", "beef in oyster sauce", "牛肉", "beef"),
    ("香菇青菜", "greens with shiitake", "香菇", "shiitake"),
]
# What one does to an ingredient; each is one token, followed by the ingredient's.
ACTIONS = [
    ("准备", "prepare"),
    ("清洗", "wash"),
    ("切好", "cut"),
    ("翻炒", "stir-fry"),
    ("加入", "add"),
    ("焯水", "blanch"),
]
THEN = ("，然后", ", then")
OPENING = [("今天", "today"), ("我要做", "I make")]
CLOSING = [("，出锅了", ", it is served"), ("，我做的是什么菜？", "; which dish did I make?")]
FIXED = [*OPENING, *CLOSING, THEN, *ACTIONS]


class RecallDish(VariedLengths):
    """The dish named at the start of a sentence is asked for at its end.

    "Today I make braised ribs; first I prepare ribs, then … and at last the dish is ready" – which dish?

        t   1      2       3             4    5        6         T-1           T
            今天   我要做   红烧排骨       切好  鸡块     然后  …   出锅了         我做的是什么菜？        ->  红烧排骨
            today  I make  braised ribs  cut  chicken  then  …   it is served  which dish did I make?  ->  braised ribs

    The steps between are drawn independently of the dish and name ingredients of all dishes, so nothing
    after step 3 tells the answer, and much of it misleads. The answer is read out at the last step. A
    network without memory sees the same question every time and is right once in ``n_dishes``.

    Source: the task is the standing example of the Chinese tutorial "什么是 LSTM 循环神经网络" (Morvan Zhou,
    2016), whose forgetful network answers 辣子鸡 instead of 红烧排骨; in kind it is the latch problem of
    Bengio, Simard, Frasconi, "Learning long-term dependencies with gradient descent is difficult", 1994.
    """

    name = "recall_dish"
    claim = (
        "Most LSTMs that start above full scale still know the dish. At the same length no plain RNN does that starts "
        "below full scale."
    )

    n_dishes: int = Field(8, ge=2, le=len(DISHES), description=f"number of dishes to tell apart, 2 to {len(DISHES)}")

    @property
    def input_size(self) -> int:
        """Tokens: the fixed words, then for each dish its name and its ingredient."""
        return len(FIXED) + 2 * self.n_dishes

    @property
    def outputs(self) -> Classes:
        return Classes(self.n_dishes)

    def chance(self, seq_len: int) -> float:
        return 1 / self.n_dishes

    def min_seq_len(self) -> int:
        """Opening, dish and closing, with nothing between."""
        return len(OPENING) + 1 + len(CLOSING)

    def rows(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Draw sentences: tokens (B, T), the dish (B, 1), asked at T, named at step 3."""
        dish = rng.integers(self.n_dishes, size=batch_size)
        tokens = np.empty((batch_size, seq_len), dtype=np.int64)
        tokens[:, : len(OPENING)] = [FIXED.index(word) for word in OPENING]
        tokens[:, len(OPENING)] = len(FIXED) + dish
        middle = slice(len(OPENING) + 1, seq_len - len(CLOSING))
        tokens[:, middle] = self._cooking(rng, batch_size, middle.stop - middle.start)
        tokens[:, middle.stop :] = [FIXED.index(word) for word in CLOSING]
        return Batch(
            inputs=tokens,
            targets=dish[:, None],
            cue=np.full(batch_size, len(OPENING) + 1),
        )

    def _cooking(self, rng: np.random.Generator, batch_size: int, length: int) -> NDArray[np.int64]:
        """Steps of cooking, (B, length): action, ingredient, "then", and again."""
        actions = FIXED.index(ACTIONS[0]) + rng.integers(len(ACTIONS), size=(batch_size, length))
        ingredients = len(FIXED) + self.n_dishes + rng.integers(self.n_dishes, size=(batch_size, length))
        steps = np.full((batch_size, length), FIXED.index(THEN))
        steps[:, 0::3], steps[:, 1::3] = actions[:, 0::3], ingredients[:, 1::3]
        return steps

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """A sentence in Chinese and English, with the right and the given dish."""
        words = [self._word(token) for token in batch.inputs[index]]
        cue = int(batch.cue[index, 0]) - 1
        words[cue] = (words[cue][0] + "：", words[cue][1] + ":")
        right, given = int(batch.targets[index, 0]), output[0]
        return Sample(
            text="".join(chinese for chinese, _ in words),
            translation="".join(english if english[0] in ",;" else f" {english}" for _, english in words).strip(),
            expected=_dish(right),
            answered=_dish(int(given.argmax())) if np.isfinite(given).all() else "nothing: its outputs are no numbers",
            words=[chinese for chinese, _ in words],
            glosses=[english.lstrip(",; ") for _, english in words],
        )

    def word(self, token: int) -> str:
        """In English: fonts that hold Chinese are not everywhere where figures are drawn."""
        return self._word(token)[1].lstrip(",; ")

    def _word(self, token: int) -> tuple[str, str]:
        """Chinese and English of a token."""
        if token < len(FIXED):
            return FIXED[token]
        kind, dish = divmod(int(token) - len(FIXED), self.n_dishes)
        return DISHES[dish][2 * kind], DISHES[dish][2 * kind + 1]

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        """See `harness.experiment.Experiment.bears_out`."""
        return compare(
            tables, "cell == 'lstm' and weight_scale > 1", "cell == 'rnn' and weight_scale < 1",
            lambda gated, shrinking: gated.solved > 0.5 and shrinking.solved == 0 and gated.beats(shrinking),
        )  # fmt: skip


def _dish(index: int) -> str:
    return f"{DISHES[index][0]} {DISHES[index][1]}"
