"""A few symbols lie scattered in a silence: say them again, in their order."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.analysis import percent, together
from harness.claims import kinds
from harness.experiment import Batch, Classes, Experiment, Tables, Verdict
from harness.experiment import gettext as _


class SelectiveCopy(Experiment):
    """Symbols at places that vary from sample to sample are to be repeated at the end, without the blanks.

        . 3 . . 1 . 7 . * * *    tokens: symbols, blanks (.), markers (*)
                        3 1 7    answers, with 3 symbols and 11 steps

    With ``scattered=false`` the symbols stand at the first steps: then when to say which is a matter of time alone,
    and any memory of fixed delays will do. Scattered, the delay depends on what was read: the network has to select.

    Without memory every step of the answer looks the same: one symbol in ``symbols`` is right, the loss is
    ln ``symbols``.

    ``protocol=s4``, the default, is the function ``torch_copying_data`` of the S4 code: places are uniform, and there
    are as many markers as answers. Its alphabet of A tokens counts blank and marker, that is ``symbols`` = A - 2; L
    blanks and M symbols make L + 2 M steps. ``protocol=mad`` is that of MAD: one marker, then as many blanks, at which
    the answers are due; and each blank is laid before one of the symbols, any with the same probability, so that the
    last symbol stands right before the marker.

        . 3 . . 1 . 7 * . . .    with ``protocol=mad``
                        3 1 7

    Source: Gu, Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2023, sections 3.1, 4.1.1 and
    E.1 (there 16 symbols to remember, 16 tokens with the blank, 4096 steps, batches drawn anew); the S4 code is that of
    Gu, Goel, Ré, "Efficiently modeling long sequences with structured state spaces", ICLR 2022; MAD is Poli et al.,
    "Mechanistic design and scaling of hybrid architectures", 2024 (``symbols=14 length=16 seq_len=256``, trained on a
    fixed set of rows). The form goes back to the denoising task of Jing et al., "Gated orthogonal recurrent units: on
    learning to forget", Neural Computation 31(4), 2019.
    """

    name = "selective_copy"
    claim = (
        "A linear recurrence repeats symbols from fixed places, but not from places that vary. A gated cell does both."
    )
    sweep = {"cell": "linear,rnn,gru", "seq_len": 16, "experiment.scattered": "true,false", "experiment.length": 3,
             "experiment.symbols": 4, "seed": "0,1", "hidden_size": 64, "train.steps": 1500, "train.lr": 0.01,
             "probe.every": 150}  # fmt: skip

    symbols: int = Field(8, ge=2, description="how many different symbols there are")
    length: int = Field(4, ge=1, description="how many symbols are to be repeated")
    protocol: Literal["s4", "mad"] = Field("s4", description="whose markers and places: of the S4 code, or of MAD")
    scattered: bool = Field(True, description="whether symbols lie anywhere in the silence, or at its beginning")

    @property
    def input_size(self) -> int:
        """The symbols, the blank, the marker."""
        return self.symbols + 2

    @property
    def outputs(self) -> Classes:
        return Classes(self.symbols)

    def chance(self, seq_len: int) -> float:
        return 1 / self.symbols

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(self.symbols))

    def min_seq_len(self) -> int:
        """Symbols and answers; in MAD the marker and a blank, too."""
        return 2 * self.length + (2 if self.protocol == "mad" else 0)

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        symbols = rng.integers(self.symbols, size=(batch_size, self.length))
        tokens = np.full((batch_size, seq_len), self.symbols)
        if self.protocol == "s4":
            tokens[:, -self.length :] = self.symbols + 1
        else:
            tokens[:, -self.length - 1] = self.symbols + 1
        places = self._places(rng, batch_size, seq_len)
        np.put_along_axis(tokens, places, symbols, axis=1)
        return Batch(tokens, symbols, cue=places + 1)

    def _places(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> NDArray[np.int64]:
        """Steps (from 0) at which the symbols stand: (B, length)."""
        order = np.arange(self.length)
        if not self.scattered:
            return np.tile(order, (batch_size, 1))
        if self.protocol == "s4":
            shuffled = rng.random((batch_size, seq_len - self.length)).argsort(axis=1)
            return np.sort(shuffled[:, : self.length], axis=1)
        laid_before = rng.integers(self.length, size=(batch_size, seq_len - 2 * self.length - 1, 1))
        return order + (laid_before <= order).sum(axis=1)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        linear, gated, scattered = "cell == 'linear'", "cell in ['gru', 'lstm']", "`experiment.scattered` == True"
        found = kinds(
            tables, f"{linear} and not {scattered}", f"{linear} and {scattered}", f"{gated} and not {scattered}",
            f"{gated} and {scattered}",
        )  # fmt: skip
        if found is None:
            return None
        names = (_("linear, fixed"), _("linear, scattered"), _("gated, fixed"), _("gated, scattered"))
        shares = [each.solved for each in found]
        holds = shares == [1, 0, 1, 1] and found[0].beats(found[1])
        said = _("; ").join(f"{name} {percent(each.accuracy)}" for name, each in zip(names, found, strict=True))
        numbers = [
            _("Right on average: {shares}.").format(shares=said),
            _("Guessing gives {chance}.").format(chance=percent(found[0].runs.chance.mean())),
        ]
        return Verdict(holds, together(numbers))
