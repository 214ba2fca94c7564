"""One picture in, a sentence out: "a small red circle left of a large blue square"."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import compare
from harness.experiment import Batch, Classes, Experiment, Sample, Tables, Verdict

SIZES = ["small", "large"]
COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}
SHAPES = {
    "circle": (".....  ..#..  .#.#.  ..#..  .....", ".###.  #...#  #...#  #...#  .###."),
    "square": (".....  .###.  .###.  .###.  .....", "#####  #####  #####  #####  #####"),
    "triangle": (".....  ..#..  .###.  .....  .....", "..#..  ..#..  .###.  .###.  #####"),
    "cross": (".....  .#.#.  ..#..  .#.#.  .....", "#...#  .#.#.  ..#..  .#.#.  #...#"),
}
"""Each shape, small and large, on five rows of five pixels."""

WORDS = ["a", "left", "of", *SIZES, *COLOURS, *SHAPES]
JOINED = 6  # words of a shape and the "left of" before the next one: a small red circle left of
PATCH = 5 * 5 * 3


class Caption(Experiment):
    """A picture of coloured shapes is seen once, at the first step; the words that describe it follow.

        t       1        2      3      4       5       6   7   8      9     10
        input   picture  a      small  red     circle  left of  a      large blue
        answer  a        small  red    circle  left    of  a   large  blue  square

    The picture is a strip of places of 5 by 5 pixels in red, green and blue, with noise, some of them empty; the
    sentence names its shapes from left to right. ``seq_len`` says how many there are: each takes four words, "left of"
    two. After the first step the network sees the word that it said last (in training: the right one).

    Words of the grammar need no memory: an article is followed by a size, a size by a colour. Accuracy is about the
    sizes, colours and shapes alone. Who has forgotten the picture guesses one of 2, 4 and 4: right in
    (1/2 + 1/4 + 1/4) / 3 = 1/3 of them, at a loss of ln 32 a shape.

    Source: the Chinese tutorial "什么是循环神经网络 RNN" (Morvan Zhou, 2016): "我们只需要一个 X 来代替输入的图片, 然后
    生成对图片描述的一段话"; as a decoder that is shown the picture once Vinyals, Toshev, Bengio, Erhan, "Show and tell:
    a neural image caption generator", CVPR 2015, section 3.1 (there photographs, through a convolutional net).
    """

    name = "caption"
    claim = "Gated cells tell more of a picture that they saw once, before they spoke, than a plain RNN."
    defaults = {"seq_len": 10}
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "10,16", "seed": "0,1", "hidden_size": 64, "train.steps": 1000,
             "train.lr": 0.01, "probe.every": 100}  # fmt: skip

    places: int = Field(4, ge=1, le=12, description="places side by side in a picture, each empty or with one shape")
    noise: float = Field(0.1, ge=0, description="standard deviation of the noise on every pixel")

    @property
    def input_size(self) -> int:
        """The picture's pixels, and a unit for each word."""
        return self.places * PATCH + len(WORDS)

    @property
    def outputs(self) -> Classes:
        return Classes(len(WORDS))

    @property
    def feedback(self) -> int:
        return self.places * PATCH

    def chance(self, seq_len: int) -> float:
        return (1 / len(SIZES) + 1 / len(COLOURS) + 1 / len(SHAPES)) / 3

    def chance_loss(self, seq_len: int) -> float:
        shapes = (seq_len + 2) // JOINED
        return shapes * float(np.log(len(SIZES) * len(COLOURS) * len(SHAPES))) / seq_len

    def refuses(self, seq_len: int) -> str | None:
        valid = [JOINED * shapes - 2 for shapes in range(1, self.places + 1)]
        return None if seq_len in valid else f"{', '.join(map(str, valid))} (six words a shape, less the last two)"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        count = (seq_len + 2) // JOINED
        drawn = [rng.integers(len(kinds), size=(batch_size, count)) for kinds in (SIZES, COLOURS, SHAPES)]
        places = np.sort(rng.permuted(np.tile(np.arange(self.places), (batch_size, 1)), axis=1)[:, :count])
        picture = np.zeros((batch_size, self.places, PATCH))
        picture[np.arange(batch_size)[:, None], places] = patches()[tuple(drawn)]
        picture += self.noise * rng.standard_normal(picture.shape)
        words = np.empty((batch_size, count, JOINED), dtype=np.int64)
        words[...] = [WORDS.index(word) for word in ("a", "small", "red", "circle", "left", "of")]
        words[..., 1:4] += np.stack(drawn, axis=-1)
        words = words.reshape(batch_size, -1)[:, :seq_len]
        inputs = np.zeros((batch_size, seq_len, self.input_size))
        inputs[:, 0, : self.feedback] = picture.reshape(batch_size, -1)
        inputs[:, 1:, self.feedback :] = np.eye(len(WORDS))[words[:, :-1]]
        return Batch(inputs, words, judged=words >= WORDS.index(SIZES[0]))

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The strip from left to right, and the sentence about it."""
        right = [WORDS[word] for word in batch.targets[index]]
        said = [WORDS[int(each.argmax())] if np.isfinite(each).all() else "?" for each in output]
        shapes = iter(" ".join(right).removeprefix("a ").split(" left of a "))
        lit = batch.inputs[index, 0, : self.feedback].reshape(self.places, PATCH)
        filled = np.sort(np.argsort(-np.abs(lit).sum(axis=1))[: (len(right) + 2) // JOINED])
        strip = [next(shapes) if place in filled else "·" for place in range(self.places)]
        return Sample(" | ".join(strip), " ".join(right), " ".join(said))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return compare(
            tables, "cell in ['gru', 'lstm']", "cell == 'rnn'", lambda up, down: up.accuracy.min() > down.accuracy.max()
        )


def patches() -> NDArray[np.float64]:
    """The pixels of every size, colour and shape: (2, 4, 4, 75), row by row, red, green and blue."""
    drawn = [[[pixel == "#" for pixel in both[size] if pixel != " "] for both in SHAPES.values()] for size in (0, 1)]
    lit = np.array(drawn, dtype=float)[:, None, :, :, None] * np.array([*COLOURS.values()])[None, :, None, None, :]
    return lit.reshape(len(SIZES), len(COLOURS), len(SHAPES), PATCH)
