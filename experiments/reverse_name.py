"""Say a name backwards: 斯蒂芬乔布斯 -> 斯布乔芬蒂斯."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import compare
from harness.experiment import Batch, Classes, Experiment, Sample, Tables, Verdict, answer_phase

SYLLABLES = "斯蒂芬乔布马克贝尔达文莱特恩罗伯安娜丽莎约翰卡洛亚历山大格雷维琳"
STEVE_JOBS = "斯蒂芬乔布斯"


class ReverseName(Experiment):
    """A name is read character by character, then a marker, and is to be said backwards.

        t       1   2   3   4   5   6   7   8   9   10  11  12
        input   斯  蒂  芬  乔  布  斯  ?   .   .   .   .   .
        answer                          斯  布  乔  芬  蒂  斯

    An encoder-decoder in one recurrent network: it reads the name, and from the marker on each output is a
    character of the answer. After the marker it sees blanks, or, with ``feed_back``, what it said last. Names are as
    long as ``seq_len`` allows, half of it (an odd step more begins with a blank), their characters drawn from
    those of transliterated names. Without memory every character is as likely as any other.

    The last character said is the first one read: order matters, and the way back is long for exactly that one.

    Source: the Chinese tutorial "什么是循环神经网络 RNN" (Morvan Zhou, 2016): say 斯蒂芬乔布斯 backwards; as an
    encoder-decoder Sutskever, Vinyals, Le, "Sequence to sequence learning with neural networks", NIPS 2014.
    """

    name = "reverse_name"
    claim = "Recurrent cells of every kind learn to say a name backwards. Those with gates make fewer mistakes."
    defaults = {"seq_len": 12}
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "8,12", "seed": "0,1", "hidden_size": 64, "train.steps": 2000,
             "train.lr": 0.005, "probe.every": 200, "experiment.n_characters": 8}  # fmt: skip

    n_characters: int = Field(
        len(SYLLABLES), ge=6, le=len(SYLLABLES), description=f"characters that occur in names, 6 to {len(SYLLABLES)}"
    )
    feed_back: bool = Field(False, description="whether the network sees its own last answer, instead of blanks")

    @property
    def input_size(self) -> int:
        """The characters, the blank, the marker."""
        return self.n_characters + 2

    @property
    def outputs(self) -> Classes:
        return Classes(self.n_characters)

    @property
    def feedback(self) -> int | None:
        return 0 if self.feed_back else None

    def chance(self, seq_len: int) -> float:
        return 1 / self.n_characters

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(self.n_characters))

    def min_seq_len(self) -> int:
        return 2

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        names = rng.integers(self.n_characters, size=(batch_size, seq_len // 2))
        return self.ask(names, seq_len)

    def held_out(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Fresh names, of which the first is the tutorial's where it has the right length."""
        batch = self.sample(rng, batch_size, seq_len)
        if seq_len // 2 != len(STEVE_JOBS):
            return batch
        names = batch.targets[:, ::-1].copy()
        names[0] = [SYLLABLES.index(character) for character in STEVE_JOBS]
        return self.ask(names, seq_len)

    def ask(self, names: NDArray[np.int64], seq_len: int) -> Batch:
        """The batch that asks for these names (B, N)."""
        blank, marker = self.n_characters, self.n_characters + 1
        answers = names[:, ::-1].copy()
        fed = {"feedback": 0} if self.feed_back else {"blank": blank}
        waiting = np.full((len(names), seq_len - 2 * names.shape[1]), blank)
        inputs = np.concatenate([waiting, names, answer_phase(answers, marker, **fed)], axis=1)
        return Batch(inputs, answers, cue=np.full(len(names), waiting.shape[1] + 1))

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The name and what was said."""
        answers = batch.targets[index]
        said = [SYLLABLES[int(each.argmax())] if np.isfinite(each).all() else "?" for each in output]
        return Sample(_name(answers[::-1]), _name(answers), "".join(said))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        """At some length every run solves it, and the gated ones are right more often on average."""
        return compare(
            tables, "cell in ['gru', 'lstm']", "cell == 'rnn'",
            lambda gated, plain: plain.solved == gated.solved == 1 and gated.beats(plain),
        )  # fmt: skip


def _name(characters: NDArray[np.int64]) -> str:
    return "".join(SYLLABLES[character] for character in characters)
