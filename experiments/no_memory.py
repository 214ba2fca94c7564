"""What becomes of an ordinary network where the data are related?"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from harness.analysis import percent, together
from harness.claims import kinds
from harness.experiment import Batch, Classes, Experiment, Tables, Verdict
from harness.experiment import gettext as _


class NoMemory(Experiment):
    """At every step an answer is asked for that depends on this item and on an earlier one.

        data    1 3 0 2 2
        result  . 0 3 2 0      (this item + the one before) mod 4

    The answer is the sum, modulo ``items``, of the item and the one ``back`` steps before, from the first step at which
    there is one. The earlier item is uniform and independent of this one, and so is then the sum: who treats each item
    alone is right once in ``items``. With ``back=0`` the answer depends on the item alone (it is its double), and
    no memory is needed: chance, the best without memory, is 1.

    Source: the Chinese tutorial "什么是循环神经网络 RNN" (Morvan Zhou, 2016), section 序列数据: results 0 to
    3 from data 0 to 3, each on its own, "不过这些数据是有关联 顺序的".
    """

    name = "no_memory"
    claim = (
        "Where answers depend on the item alone, a network without memory is as good as an RNN. Where they depend on "
        "an earlier item, it guesses and the RNN is right."
    )
    sweep = {"cell": "feedforward,rnn", "seq_len": "12", "seed": "0,1", "experiment.back": "0,1,2",
             "train.steps": 2000, "train.lr": 0.003, "hidden_size": 64, "probe.every": 200}  # fmt: skip

    items: int = Field(4, ge=2, description="how many different items there are")
    back: int = Field(1, ge=0, description="how many steps before the earlier item stands; 0: the item itself")

    @property
    def input_size(self) -> int:
        return self.items

    @property
    def outputs(self) -> Classes:
        return Classes(self.items)

    def chance(self, seq_len: int) -> float:
        return 1 / self.items if self.back else 1.0

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(self.items)) if self.back else 0.0

    def min_seq_len(self) -> int:
        return self.back + 1

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        data = rng.integers(self.items, size=(batch_size, seq_len))
        results = (data[:, self.back :] + data[:, : seq_len - self.back]) % self.items
        return Batch(data, results, cue=np.full(batch_size, seq_len - self.back))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        unrelated, blind = "`experiment.back` == 0", "cell == 'feedforward'"
        groups = kinds(
            tables, f"{unrelated} and {blind}", f"{unrelated} and not {blind}",
            f"not {unrelated} and {blind}", f"not {unrelated} and not {blind}",
        )  # fmt: skip
        if groups is None:
            return None
        holds = groups[2].guesses() and all(each.solved == 1 for each in (groups[0], groups[1], groups[3]))
        alone, alone_rnn, other, other_rnn = (percent(each.accuracy) for each in groups)
        pattern = _("Right on average, {items}: {blind} without memory and {able} with it.")
        numbers = [
            pattern.format(items=_("unrelated items"), blind=alone, able=alone_rnn),
            pattern.format(items=_("related items"), blind=other, able=other_rnn),
            _("Guessing gives {chance}.").format(chance=percent(groups[2].runs.chance.mean())),
        ]
        return Verdict(holds, together(numbers))
