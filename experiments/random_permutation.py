"""The one symbol that matters stands somewhere in a row of others, and is asked for at the end."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from harness.analysis import together
from harness.claims import solves_where_it_guesses
from harness.experiment import Batch, Classes, Experiment, Tables, Verdict
from harness.experiment import gettext as _


class RandomPermutation(Experiment):
    """One of two symbols stands in a row of other ones, all different; at the end it is to be said again.

        cue=first     A  h  c  m  b  e  k  ->  A         A or B; the others are a random permutation
        cue=anywhere  d  k  b  A  f  h  c  ->  A         at any step but the last one
        decoys=[5]    B  f  l  a  A  e  c  ->  B         A and B may come again; the first one counts

    As published the cue comes first. With ``cue=anywhere`` its place is any step, the same for no two samples: what is
    to be remembered is then told by what it is, and not by when it comes. At the steps ``decoys`` stands one of the two
    symbols again, drawn independently, and is to be passed over; with any, the cue stands before the first of them.

    The last step has one of the other symbols, or a decoy, and tells nothing: without memory half of the answers are
    right, and the loss is ln 2.

    Source: Hochreiter, Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, experiment 2; under this
    name Martens, Sutskever, "Learning recurrent neural networks with Hessian-free optimization", ICML 2011, section 5
    (100 symbols, one permutation a row: 100 steps). There every next symbol is learned, though all but the last can
    only be guessed; here the last one alone. Of rows longer than ``symbols`` allow, one permutation follows another.
    """

    name = "random_permutation"
    claim = (
        "A GRU only guesses a symbol that always comes first. It learns to hold one whose place varies: near symbols "
        "teach it."
    )
    sweep = {"cell": "rnn,gru,lstm", "seq_len": 60, "experiment.cue": "first,anywhere", "seed": "0,1",
             "train.steps": 600, "train.lr": 0.01, "probe.every": 60}  # fmt: skip

    symbols: int = Field(100, ge=2, description="how many other symbols there are")
    cue: Literal["first", "anywhere"] = Field("first", description="where the symbol stands that is asked for")
    decoys: list[int] = Field([], description="steps (from 2) at which A or B stands again, to be passed over")

    @field_validator("decoys")
    @classmethod
    def _behind_the_cue(cls, decoys: list[int]) -> list[int]:
        if any(step < 2 for step in decoys) or len({*decoys}) < len(decoys):
            raise ValueError("valid: different steps from 2")
        return decoys

    @property
    def input_size(self) -> int:
        """The other symbols, and the two that matter."""
        return self.symbols + 2

    @property
    def outputs(self) -> Classes:
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(2))

    def min_seq_len(self) -> int:
        return max(2, *self.decoys) if self.decoys else 2

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        pieces = [rng.random((batch_size, self.symbols)).argsort(axis=1) for _ in range(-(-seq_len // self.symbols))]
        tokens = np.concatenate(pieces, axis=1)[:, :seq_len]
        steps = np.asarray(self.decoys, dtype=np.int64)
        tokens[:, steps - 1] = self.symbols + rng.integers(2, size=(batch_size, len(steps)))
        first_decoy = int(steps.min()) if len(steps) else seq_len
        place = rng.integers(first_decoy - 1, size=batch_size) if self.cue == "anywhere" else np.zeros(batch_size, int)
        answer = rng.integers(2, size=batch_size)
        tokens[np.arange(batch_size), place] = self.symbols + answer
        return Batch(tokens, answer[:, None], cue=place + 1)

    def word(self, token: int) -> str:
        """A or B, or the number of another symbol."""
        return str(token) if token < self.symbols else "AB"[token - self.symbols]

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        anywhere, first = _("gru, symbol anywhere"), _("gru, symbol first")
        gru = tables.runs[tables.runs.cell == "gru"]
        named = gru.assign(cell=gru["experiment.cue"].map({"anywhere": anywhere, "first": first}))
        verdict = solves_where_it_guesses(
            Tables({**tables, "runs": named}), able=f"cell == {anywhere!r}", unable=f"cell == {first!r}"
        )
        if verdict is None:
            return None
        arrives = named.groupby("cell").grad_ratio.median()
        numbers = [
            verdict.numbers,
            _("Gradient at the symbol after training, relative to the end, in medians."),
            _("Anywhere: {anywhere}. First: {first}.").format(
                anywhere=f"{arrives[anywhere]:.2g}", first=f"{arrives[first]:.2g}"
            ),
        ]
        return Verdict(verdict.holds, together(numbers))
