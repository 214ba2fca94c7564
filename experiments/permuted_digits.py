"""Real handwritten digits, pixel by pixel in a scrambled order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.analysis import finished
from harness.claims import kinds
from harness.experiment import Tables, Verdict
from harness.experiment import gettext as _

from .digits_rows import PIXELS, DigitsRows, images, told


class PermutedDigits(DigitsRows):
    """Handwritten digits, pixel by pixel in one scrambled order, the same for all images.

        pixel   16 36 27 8 44 …  15 31   ->   which digit?     (0: top left, 63: bottom right)

    What lay beside each other is torn apart: no stroke can be followed any more, every pair of pixels may be far apart.
    ``permuted=false`` reads the same pixels from top left to bottom right. The order is drawn once and for all,
    and ends with a pixel that is empty in every held-out image, so that a network without memory sees nothing: it is
    right for the commonest of the held-out digits, 62 of 599. (In the natural order, see `digits_rows`, 84.)

    Source: Le, Jaitly, Hinton, "A simple way to initialize recurrent networks of rectified linear units", 2015,
    section 4.2, with MNIST's 784 pixels; here the 64 of scikit-learn's digits, with the settings of `digits_rows`.
    """

    name = "permuted_digits"
    claim = "Scrambling the order of the pixels makes them harder to read for cells with gates."
    defaults = {**DigitsRows.defaults, "seq_len": PIXELS}
    sweep = {"cell": "rnn,gru,lstm", "seed": "0,1,2,3,4,5", "experiment.permuted": "true,false", "train.steps": 400,
             "probe.every": 80}  # fmt: skip

    permuted: bool = Field(True, description="whether the pixels come in the scrambled order")

    @property
    def input_size(self) -> int:
        """One pixel."""
        return 1

    def chance(self, seq_len: int) -> float:
        return 62 / 599 if self.permuted else super().chance(seq_len)

    def refuses(self, seq_len: int) -> str | None:
        images()
        return None if seq_len == PIXELS else str(PIXELS)

    def ordered(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Images (B, 64) in the order in which their pixels are read."""
        return pixels[:, np.random.default_rng(0).permutation(PIXELS)] if self.permuted else pixels

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        """Whether gated cells are surely better in the natural order; plain ones depend on their seeds too much."""
        gated = "cell in ['gru', 'lstm'] and `experiment.permuted`"
        pair = kinds(tables, f"{gated} == False", f"{gated} == True")
        if pair is None:
            return None
        natural, scrambled = pair
        mean = finished(tables.runs).groupby(["cell", "experiment.permuted"]).accuracy.mean().unstack().dropna()
        mean = mean.rename(columns={False: _("natural order"), True: _("scrambled")})
        return Verdict(natural.beats(scrambled), told(mean))
