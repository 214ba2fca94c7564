"""Two signals mark an interval; now wait as long again, and then say go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.claims import solves_where_it_guesses
from harness.experiment import Batch, Classes, Experiment, Sample, Tables, Verdict
from harness.experiment import gettext as _

NOTHING, READY, SET = 0, 1, 2
WORDS = (".", "ready", "set")


class ReadySetGo(Experiment):
    """The interval between two signals, ready and set, is to be produced again after the second one.

        signal  .  ready  .  .  set  .  .  .  .        an interval of 3 steps
        time to go?                  no no yes yes     from 3 steps after set on

    At every step after set the question is whether the interval has passed; it counts as many times before it has as
    from then on. An interval is any number of steps n from half of the longest that fits to the longest one, and ready
    stands at any step from which there is room. An interval of n takes 3 n - 1 steps in all, so that the longest of a
    row of T steps is (T + 1)/3.

    At all these steps nothing is to be seen: without memory half of the answers are right, and the loss is ln 2. Who
    knows that time passes since set, but not which interval was shown, is right in more; the last answers before the
    interval is over and the first ones after it need its length.

    Source: Jazayeri, Shadlen, "Temporal context calibrates interval timing", Nature Neuroscience 13, 2010 (intervals of
    494 to 847, 671 to 1023, or 847 to 1200 ms, in 11 steps each); for networks Sohn, Narain, Meirhaeghe, Jazayeri,
    "Bayesian computation through cortical latent dynamics", Neuron 103, 2019, where a ramp is learned that reaches a
    threshold when it is time. In NeuroGym ReadySetGo.
    """

    name = "ready_set_go"
    claim = "Any network with memory measures an interval and produces it again, a linear one too."
    sweep = {"cell": "feedforward,linear,rnn,gru,lstm", "seq_len": 32, "seed": "0,1", "train.steps": 1000,
             "train.lr": 0.01, "probe.every": 100}  # fmt: skip

    @property
    def input_size(self) -> int:
        """Nothing, ready, set."""
        return len(WORDS)

    @property
    def outputs(self) -> Classes:
        """0: not yet; 1: go."""
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(2))

    def min_seq_len(self) -> int:
        """An interval of two steps, which may begin at either of two."""
        return 6

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        longest, steps = (seq_len + 1) // 3, np.arange(seq_len)
        interval = rng.integers(max(2, (longest + 1) // 2), longest + 1, size=batch_size)
        ready = rng.integers(seq_len - 3 * interval + 2)
        at_set = ready + interval
        tokens = np.full((batch_size, seq_len), NOTHING)
        np.put_along_axis(tokens, ready[:, None], READY, axis=1)
        np.put_along_axis(tokens, at_set[:, None], SET, axis=1)
        since = steps - at_set[:, None]
        counts = (since > 0) & (since < 2 * interval[:, None] - 1)
        answers = (since >= interval[:, None]).astype(np.int64)
        return Batch(tokens, answers, mask=counts, cue=np.stack([ready, at_set], axis=1) + 1)

    def word(self, token: int) -> str:
        """A signal, or a dot."""
        return _(WORDS[token]) if token else "."

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample | None:
        """The signals; how long the interval was, and how long after set the network says go."""
        shown = super().show(batch, index, output)
        ready, at_set = batch.cue[index]
        said = [int(each) for each in shown.answered.split() if each.isdigit()] if shown else []
        pattern = _("{steps} steps")
        told = pattern.format(steps=said.index(1) + 1) if 1 in said else "?"
        return shown and Sample(shown.text, pattern.format(steps=at_set - ready), told, words=shown.words)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_guesses(tables, able="cell != 'feedforward'", unable="cell == 'feedforward'")
