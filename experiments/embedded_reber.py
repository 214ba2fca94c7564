"""A string of the embedded Reber grammar: which symbols may come next?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.claims import compare
from harness.experiment import Batch, Labels, Sample, Tables, VariedLengths, Verdict

SYMBOLS = "BTPSXVE"
REBER = ["B1", "T2P3", "S2X4", "T3V5", "X3S6", "P4V6", "E7", ""]
"""The Reber grammar: from each state, the symbols that may come, each with the state it leads to; 7 is the end."""
END = 7

# The same as arrays: of each state the one or two ways on, their symbols and probabilities, and the set of symbols.
SYMBOL = np.array([[SYMBOLS.find(way[i : i + 1] or "B") for i in (0, 2)] for way in REBER])
GOES = np.array([[int(way[i : i + 1] or END) for i in (1, 3)] for way in REBER])
FORK = np.array([[float(i < len(way)) for i in (0, 2)] for way in REBER])
FORK /= FORK.sum(axis=1, keepdims=True).clip(min=1)
LEGAL = np.array([[int(symbol in way) for symbol in SYMBOLS] for way in REBER])


class EmbeddedReber(VariedLengths):
    """A Reber string between two equal symbols, T or P: after each symbol, the set of those that may follow.

        t      1      2      3      4      5      6      7    8    9
        read   B      T      B      P      V      V      E    T    E
        next   T P    B      T P    T V    P V    E      T    E

    The grammar inside can be followed by a network that remembers a little. What comes after its E is the symbol
    that was read at step 2, and what lies between does not tell it: that answer, at step T - 2, is judged, while the
    sets at all steps count in the loss. Strings have ``seq_len`` symbols, in the proportions in which the grammar,
    with a fair coin at each fork, makes strings of that length.

    Without memory all one can say is T or P: right in half of all cases. (A set with both or neither is wrong:
    chance bounds the accuracy from above.)

    Source: Fahlman, "The recurrent cascade-correlation architecture", 1991, and Cleeremans, Servan-Schreiber,
    McClelland, "Finite state automata and simple recurrent networks", 1989, after Reber, 1967; Hochreiter,
    Schmidhuber, "Long short-term memory", 1997, experiment 1 (there strings of any length, 9 symbols and up, 256 of
    them to learn from, and right is who gives the possible symbols the largest outputs at every step of all strings).
    """

    name = "embedded_reber"
    claim = (
        "Most runs of gated cells carry the second symbol to the end of the string. At the same length, no plain RNN "
        "does."
    )
    exact_chance = False
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "12,20,30", "seed": "0,1,2,3", "train.steps": 1000, "train.lr": 0.01,
             "probe.every": 100}  # fmt: skip

    @property
    def input_size(self) -> int:
        return len(SYMBOLS)

    @property
    def outputs(self) -> Labels:
        return Labels(len(SYMBOLS))

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def min_seq_len(self) -> int:
        """The shortest Reber string has 5 symbols."""
        return 9

    def rows(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        inside = seq_len - 4
        # completing[l, s]: how likely the grammar ends l symbols after state s, up to a factor for each l.
        completing = np.zeros((inside + 1, len(REBER)))
        completing[0, END] = 1
        for left in range(1, inside + 1):
            completing[left] = (FORK * completing[left - 1][GOES]).sum(axis=1)
            completing[left] /= completing[left].max()
        strings = np.empty((batch_size, seq_len), dtype=np.int64)
        legal = np.zeros((batch_size, seq_len - 1, len(SYMBOLS)), dtype=np.int64)
        outer = np.array([SYMBOLS.index(symbol) for symbol in "TP"])[rng.integers(2, size=batch_size)]
        strings[:, 0], strings[:, -1] = SYMBOLS.index("B"), SYMBOLS.index("E")
        strings[:, 1] = strings[:, -2] = outer
        legal[:, 0] = LEGAL[1]
        state = np.zeros(batch_size, dtype=np.int64)
        for step in range(inside):
            legal[:, 1 + step] = LEGAL[state]
            weights = FORK[state] * completing[inside - step - 1][GOES[state]]
            second = (rng.random(batch_size) * weights.sum(axis=1) >= weights[:, 0]).astype(np.int64)
            strings[:, 2 + step], state = SYMBOL[state, second], GOES[state, second]
        legal[np.arange(batch_size), -2, outer] = 1
        legal[:, -1] = LEGAL[6]
        judged = np.zeros((batch_size, seq_len - 1), dtype=bool)
        judged[:, -2] = True
        return Batch(strings, legal, scored=range(1, seq_len), judged=judged, cue=np.full(batch_size, 2))

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The string, what came second-last, and what was thought could come there."""
        text = "".join(SYMBOLS[symbol] for symbol in batch.inputs[index])
        given = output[-2]
        said = "".join(np.array(list(SYMBOLS))[given > 0]) or "nothing"
        answered = said if np.isfinite(given).all() else "?"
        return Sample(text[:-2] + " …", text[-2], answered, words=text[:-2])

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        """Whether more than half of the gated runs at some length solve it and no plain one does."""
        return compare(
            tables, "cell in ['gru', 'lstm']", "cell == 'rnn'",
            holds=lambda gated, plain: gated.solved > 0.5 and plain.solved == 0 and gated.beats(plain),
        )  # fmt: skip
