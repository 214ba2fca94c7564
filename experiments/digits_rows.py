"""Real handwritten digits, read row by row or pixel by pixel."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis import finished, listed, percent
from harness.claims import kinds
from harness.experiment import Batch, Classes, Experiment, Sample, Tables, Verdict
from harness.experiment import gettext as _

if TYPE_CHECKING:
    import pandas as pd

SIDE = 8
PIXELS = SIDE * SIDE
TRAINING = 1198
"""Images that are trained on, two thirds of all; the 599 after them are held out."""

SHADES = "·░▒▓█"


@cache
def images() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """All 1797 images, (N, 64), each pixel from 0 to 1, and the digits that they show, (N,)."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.data / 16, data.target.astype(np.int64)


class DigitsRows(Experiment):
    """Which digit does an image of 8 × 8 pixels show? It is read row by row, and named after the last.

        seq_len=8                            seq_len=64
        ··▓█▓···    1                        ·    1    top left
        ·▓█▒█▓··    2                        ·    2
        …                                    …
        ···▓█▓··    8   ->  0                ·    64   bottom right   ->  0

    At 8 steps a row comes in at each of them, at 64 steps a pixel, on the first of the 8 input units (the others
    stay 0). Training and evaluation use different images: the first 1198, and the 599 after them.

    The last step is a part of the image, so that a network without memory is better than one in ten. The last pixel
    tells 0.14 of the held-out images at most (the commonest digit of each of its 12 values). What the last row
    tells is not known exactly; of a forest, nearest neighbours and a support vector machine none gets above 0.55.

    Source: the classifier of the tutorials for TensorFlow, PyTorch and Keras (Morvan Zhou, 2016-2017), MNIST in 28
    rows of 28 pixels. The PyTorch one has an LSTM of 64 units, Adam at 0.01, batches of 64, one pass over 60,000
    images, and remarks that "if use nn.RNN(), it hardly learns"; the one for Keras has a plain RNN. Here the images
    are those that scikit-learn brings (Alpaydin, Kaynak, "Optical recognition of handwritten digits", UCI, 1998), 8
    rows of 8 pixels, and gradients are clipped.
    """

    name = "digits_rows"
    claim = (
        "Row by row, a plain RNN reads digits as well as an LSTM. Pixel by pixel, the same images are harder for every "
        "cell."
    )
    solved_at = 0.9
    exact_chance = False
    defaults = {"cell": "lstm", "seq_len": 8, "hidden_size": 64, "train.lr": 0.01, "train.batch_size": 64}
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "8,64", "seed": "0,1,2,3,4,5", "train.steps": 400, "probe.every": 80}

    @property
    def input_size(self) -> int:
        """The pixels of a row."""
        return SIDE

    @property
    def outputs(self) -> Classes:
        return Classes(10)

    def chance(self, seq_len: int) -> float:
        return 0.55 if seq_len == SIDE else 84 / 599

    def refuses(self, seq_len: int) -> str | None:
        images()  # Without scikit-learn a run is refused before anything is written.
        return None if seq_len in (SIDE, PIXELS) else f"{SIDE} (row by row) or {PIXELS} (pixel by pixel)"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return self.read(rng.integers(TRAINING, size=batch_size), seq_len)

    def held_out(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Images that are never trained on, none twice as long as there are enough."""
        held_out = np.arange(TRAINING, len(images()[1]))
        return self.read(np.resize(rng.permutation(held_out), batch_size), seq_len)

    def read(self, chosen: NDArray[np.int64], seq_len: int) -> Batch:
        """The batch of these images."""
        pixels, digits = images()
        each = PIXELS // seq_len
        inputs = np.zeros((len(chosen), seq_len, self.input_size))
        inputs[:, :, :each] = self.ordered(pixels[chosen]).reshape(len(chosen), seq_len, each)
        return Batch(inputs, digits[chosen, None])

    def ordered(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Images (B, 64) in the order in which their pixels are read."""
        return pixels

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The image as it was read, eight pixels a word, and the digit that was seen in it."""
        pixels = batch.inputs[index, :, : PIXELS // batch.length].ravel()
        shades = "".join(SHADES[round(4 * value)] for value in pixels)
        rows = [shades[start : start + SIDE] for start in range(0, PIXELS, SIDE)]
        return Sample(" ".join(rows), str(batch.targets[index, 0]), self.say(output[0]))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        """Row by row, an RNN at most 0.04 below an LSTM; and every cell better than pixel by pixel."""
        mean = finished(tables.runs).groupby(["cell", "seq_len"]).accuracy.mean().unstack()
        if not {SIDE, PIXELS} <= set(mean) or not {"rnn", "lstm"} <= set(mean.dropna().index):
            return None
        mean = mean.dropna()
        pairs = []
        for cell in mean.index:
            pair = kinds(tables, *(f"cell == '{cell}' and seq_len == {length}" for length in (SIDE, PIXELS)))
            if pair is None:
                return None
            pairs.append(pair)
        said = told(mean[[SIDE, PIXELS]].rename(columns=lambda steps: _("{steps} steps").format(steps=steps)))
        as_well = mean[SIDE]["rnn"] >= mean[SIDE]["lstm"] - 0.04
        return Verdict(bool(as_well) and all(by_row.beats(by_pixel) for by_row, by_pixel in pairs), said)


def told(mean: pd.DataFrame) -> str:
    """Mean accuracies in a sentence, from a row for each cell and a column, with its name, for each way of reading."""
    cells = _("; ").join(f"{cell} {listed(map(percent, row))}" for cell, row in mean.iterrows())
    return _("Right on average, {ways}: {cells}.").format(ways=listed(mean), cells=cells)
