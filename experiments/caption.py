"""One picture in, a sentence out: "a small red circle left of a large blue square"."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.analysis import finished
from harness.claims import compare
from harness.experiment import Batch, Classes, Experiment, Sample, Tables, Verdict
from harness.figures import GREY, MAX_WIDTH, Figure, ink, palette

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

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
EMPTY, BESIDE = "·", " | "  # of a strip in words


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
        shapes = " ".join(right).removeprefix("a ").split(" left of a ")
        seen = batch.inputs[index, 0, : self.feedback].reshape(self.places, PATCH)
        likeness = seen @ np.stack([patch(shape) for shape in shapes], axis=1)
        ways = combinations(range(self.places), len(shapes))
        filled = max(ways, key=lambda places: likeness[places, range(len(shapes))].sum())
        strip = {**dict.fromkeys(range(self.places), EMPTY), **dict(zip(filled, shapes, strict=True))}
        return Sample(BESIDE.join(strip.values()), " ".join(right), " ".join(said))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return compare(
            tables,
            "cell in ['gru', 'lstm']",
            "cell == 'rnn'",
            lambda up, down: up.beats(down) and up.runs.accuracy.min() > down.runs.accuracy.max(),
        )


class Told(Figure):
    """Held-out pictures, and the sentence that each cell tells of them."""

    name = "told"
    title = "What they say they saw"
    caption = (
        "Held-out pictures: places side by side, each with a shape or empty. The noise that lies on what the networks "
        "see is left out. Below each is the right sentence, and what the best run of each cell said after one look, at "
        "the first step. Every part of it stands under the shape that it is about; wrong words are bold and red. At "
        "the end of a line stands how many of the sizes, colours and shapes are right. The grammar needs no memory. "
        "Mistakes that grow in number from left to right are a picture that is forgotten while speaking."
    )
    order = 55
    experiments = ("caption",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A block for each picture: its shapes, the right sentence, a line per cell."""
        from matplotlib.figure import Figure as Canvas

        found = told(tables)
        if not len(found):
            return None
        cells = palette(tables.runs[tables.runs.cell.isin(found.cell)].assign(who=lambda each: each.cell))
        blocks = [rows.set_index("cell").astype(str) for _, rows in found.groupby("sample")]
        places = max(rows.text.iloc[0].count(BESIDE) + 1 for rows in blocks)
        column = min(COLUMN, (MAX_WIDTH - NAMES - COUNTS) / places)
        block = SHAPE + (len(cells) + 2.5) * LINE
        figure = Canvas(figsize=(NAMES + column * places + COUNTS, block * len(blocks)))
        # One pair of axes whose units are inches: words and shapes are put where they belong.
        axis = figure.add_axes((0, 0, 1, 1))
        for number, rows in enumerate(blocks):
            strip, right = rows.text.iloc[0].split(BESIDE), rows.expected.iloc[0].split()
            lefts = [NAMES + column * place for place in range(len(strip))]
            for left, shape in zip(lefts, strip, strict=True):
                _shape(axis, shape, left, block * number, min(SHAPE, 0.9 * column))
            filled = [left for left, shape in zip(lefts, strip, strict=True) if shape != EMPTY]
            lines = [("right", ink(), right), *((cell, cells[cell], rows.answered[cell].split()) for cell in cells)]
            for line, (name, colour, said) in enumerate(lines):
                y = block * number + SHAPE + (line + 0.9) * LINE
                axis.text(NAMES - 0.15, y, name, color=colour, ha="right", va="center", weight="bold", size=SIZE)
                _sentence(axis, filled, y, said, right, SIZE * column / COLUMN)
                if line:
                    score = f"{sum(told_right(said, right))} of {len(told_right(said, right))}"
                    axis.text(lefts[-1] + column, y, score, va="center", size=SIZE)
        axis.set(xlim=(0, figure.get_figwidth()), ylim=(figure.get_figheight(), 0))
        axis.set_axis_off()
        return figure


PICTURES = 3
"""Most pictures that are shown."""

SIZE = 9.0
ADVANCE = 0.602 / 72
"""Inches that a letter of the monospaced font takes, for each point of its size."""

NAMES, COUNTS, SHAPE, LINE = 0.8, 0.6, 0.7, 0.21
"""Inches: room for names at the left and for counts at the right, the side of a shape, the height of a line."""

COLUMN = len("a small yellow triangle left of ") * SIZE * ADVANCE
WRONG = "#e03131"


def told(tables: Tables) -> pd.DataFrame:
    """What cells said of the same pictures: rows of samples with their cell, from one run of each.

    Runs see the same pictures where seed, length and options are the same. These are the pictures that most cells saw,
    at the longest length, and of each cell the best run on them.
    """
    runs = finished(tables.runs).query("experiment == 'caption'").sort_values("accuracy", ascending=False)
    if "samples" not in tables:
        return runs.head(0)
    samples = tables.read("samples", filters=[("sample", "<", PICTURES)]).sort_values("sample")
    seen = {run: "\n".join(texts) for run, texts in samples.groupby("run_id").text}
    runs = runs.assign(seen=runs.run_id.map(seen))
    ways = runs.groupby("seen", sort=False).agg(cells=("cell", "nunique"), length=("seq_len", "max"))
    most = ways.sort_values(["cells", "length"], ascending=False, kind="stable").head(1)
    same = runs[runs.seen.isin(most.index)].drop_duplicates("cell")
    return samples.merge(same[["run_id", "cell"]], on="run_id")


def told_right(said: list[str], right: list[str]) -> list[bool]:
    """Whether each size, colour and shape of a sentence is right."""
    return [one == other for place, (one, other) in enumerate(zip(said, right, strict=True)) if 0 < place % JOINED < 4]


def _shape(axis: Axes, shape: str, left: float, top: float, side: float) -> None:
    from matplotlib.patches import Rectangle

    extent = (left, left + side, top + side, top)
    axis.imshow(patch(shape).reshape(5, 5, 3), extent=extent, aspect="auto", interpolation="nearest")
    # Black places are seen on dark pages as well.
    axis.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=GREY, linewidth=0.8))


def _sentence(axis: Axes, lefts: list[float], y: float, said: list[str], right: list[str], size: float) -> None:
    """The words of a sentence, six below every shape."""
    for start, left in zip(range(0, len(right), JOINED), lefts, strict=True):
        letters = 0
        for word, wanted in zip(said[start : start + JOINED], right[start : start + JOINED], strict=True):
            colour, weight = (ink(), "normal") if word == wanted else (WRONG, "bold")
            x = left + letters * size * ADVANCE
            axis.text(x, y, word, family="monospace", va="center", size=size, color=colour, weight=weight)
            letters += len(word) + 1


def patches() -> NDArray[np.float64]:
    """The pixels of every size, colour and shape: (2, 4, 4, 75), row by row, red, green and blue."""
    drawn = [[[pixel == "#" for pixel in both[size] if pixel != " "] for both in SHAPES.values()] for size in (0, 1)]
    lit = np.array(drawn, dtype=float)[:, None, :, :, None] * np.array([*COLOURS.values()])[None, :, None, None, :]
    return lit.reshape(len(SIZES), len(COLOURS), len(SHAPES), PATCH)


def patch(shape: str) -> NDArray[np.float64]:
    """The pixels of "small red circle"; black where a place is empty."""
    if shape == EMPTY:
        return np.zeros(PATCH)
    size, colour, form = shape.split()
    return patches()[SIZES.index(size), [*COLOURS].index(colour), [*SHAPES].index(form)]
