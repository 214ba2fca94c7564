"""A sine comes in; follow the cosine beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.analysis import finished
from harness.claims import solves_where_it_guesses
from harness.experiment import Batch, Experiment, Sample, Tables, Values, Verdict
from harness.experiment import gettext as _
from harness.figures import GREY, Figure, canvas, grid, ink, legend, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

TOLERANCE = 0.1
STEPS_PER_HALF_TURN = 10
TURN = 2 * STEPS_PER_HALF_TURN
SHOWN_STEPS = TURN  # the last one


class SineToCosine(Experiment):
    """At every step the sine of an angle that grows by π/10 is seen, and its cosine is asked for.

        t       1      2      3      4      5      6        of a window of ``seq_len`` steps
        sin     0.00   0.31   0.59   0.81   0.95   1.00
        cos     1.00   0.95   0.81   0.59   0.31   0.00

    Truncated backpropagation: a sequence is ``n_windows`` windows long, the state is carried from one to the next, the
    gradient is not. A run is judged on the whole length. Right is an answer that is off by at most 0.1.

    A sine s leaves two cosines, ±√(1 - s²), equally likely as every sequence starts at an angle of its own, uniform in
    [0, 2π). Without memory the answer with the least squared error is their mean, 0: the error is E cos² = 1/2, and the
    answer right where both cosines are within the tolerance, with probability (2/π) arcsin 0.1 = 0.064. That is the
    chance level, since it is what learning gets. (Who wanted to be right as often as possible would bet on one sign:
    1/2 + (1/π) arcsin 0.1 = 0.532.) With one step of memory the cosine is linear in the two sines:
    cos a = (cos δ sin a - sin(a - δ)) / sin δ, δ = π/10.

    Source: the PyTorch tutorial "RNN (regression)" (Morvan Zhou, 2017), one of several of his in which a sine becomes
    a cosine: 100 windows of 10 steps over π (in earlier versions with both ends, π/9 apart), a tanh network of 32,
    Adam at 0.02, one sequence at a time, state carried and cut off from the graph. There it is the one sequence from
    angle 0, and nothing is held out; gradients are not clipped. The sweep trains longer and on 32 sequences at once:
    on one, a plain RNN depends on its seed.
    """

    name = "sine_to_cosine"
    claim = (
        "Networks with memory follow the cosine over a hundred windows, though they learn from a few steps at a time. "
        "Without memory, nothing tells its sign."
    )
    defaults = {"seq_len": 10, "hidden_size": 32, "train.lr": 0.02, "train.batch_size": 1, "train.steps": 100}
    sweep = {"cell": "feedforward,rnn,gru,lstm", "seq_len": "2,10", "seed": "0,1,2", "train.steps": 1000,
             "train.batch_size": 32, "probe.every": 100}  # fmt: skip

    n_windows: int = Field(100, ge=1, description="windows of seq_len steps that one sequence is long")

    @property
    def input_size(self) -> int:
        return 1

    @property
    def outputs(self) -> Values:
        return Values(tolerance=TOLERANCE)

    @property
    def windows(self) -> int:
        return self.n_windows

    def chance(self, seq_len: int) -> float:
        return 2 / np.pi * float(np.arcsin(TOLERANCE))

    def chance_loss(self, seq_len: int) -> float:
        return 1 / 2

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return _turning(rng.uniform(0, 2 * np.pi, size=batch_size), seq_len)

    def held_out(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Sequences that start at any step of the turn, and evenly spread between two steps.

        Where between two steps a sequence starts is all that tells it from others in the long run. Spread like this, a
        few sequences stand for all: 0 is right at some steps of three or four out of five.
        """
        within = (rng.uniform() + rng.permutation(batch_size)) / batch_size
        return _turning(np.pi / STEPS_PER_HALF_TURN * (rng.integers(TURN, size=batch_size) + within), seq_len)

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The last turn: sine, cosine, and what the network takes for it."""
        rows = batch.inputs[index, :, 0], batch.targets[index], output[:, 0]
        return Sample(*(" ".join(f"{value:.2f}" for value in row[-SHOWN_STEPS:]) for row in rows))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_guesses(tables, able="cell != 'feedforward'", unable="cell == 'feedforward'")


def _turning(start: NDArray[np.float64], steps: int) -> Batch:
    angle = start[:, None] + np.pi / STEPS_PER_HALF_TURN * np.arange(steps)
    return Batch(inputs=np.sin(angle)[..., None], targets=np.cos(angle))


class Followed(Figure):
    """What each cell takes for the cosine, at the end of the long sequence."""

    name = "followed"
    title = "Following the cosine"
    caption = (
        "The last turn of a held-out sequence. The networks see the sine (dotted) and are asked for the cosine "
        "(circles). Lines are what each cell says, thinner ones above thicker ones. There is a panel for every length "
        "of the windows from which they learned. Each shows the seed that did best on average. Each sine has two "
        "cosines. A network without memory cannot tell which, and does best between them, at 0."
    )
    order = 5
    experiments = ("sine_to_cosine",)

    def draw(self, tables: Tables) -> Canvas | None:
        """A panel per length."""
        from matplotlib.lines import Line2D

        # Runs of one seed saw one sequence.
        runs = finished(tables.runs).drop_duplicates(["cell", "seq_len", "seed"])
        means = runs.groupby(["seq_len", "seed"]).accuracy.mean().reset_index().sort_values("accuracy")
        best = runs.merge(means.drop_duplicates("seq_len", keep="last")[["seq_len", "seed"]])
        samples = tables.read("samples", filters=[("sample", "==", 0)])
        rows = samples.merge(best[["run_id", "cell", "seq_len"]], on="run_id")
        if not len(rows):
            return None
        drawn = best[best.run_id.isin(rows.run_id)].assign(who=lambda each: each.cell)
        lengths, colours = sorted(rows.seq_len.unique()), palette(drawn)
        figure = canvas(1 + 4.2 * len(lengths), 3.4)
        for axis, length in zip(figure.subplots(1, len(lengths), squeeze=False)[0], lengths, strict=True):
            here = rows[rows.seq_len == length].set_index("cell")
            grid(axis)
            _plot(axis, here.text.iloc[0], **SEEN)
            for place, cell in enumerate(each for each in colours if each in here.index):
                _plot(axis, here.answered[cell], color=colours[cell], linewidth=max(1.0, 4.5 - 1.2 * place))
            _plot(axis, here.expected.iloc[0], **ASKED, color=ink())
            axis.set(
                title=_("windows of {steps} steps").format(steps=length),
                xlabel=_("step of the last turn"),
                ylim=(-1.6, 1.6),
            )
            axis.set_xticks(range(0, SHOWN_STEPS + 1, 5))
        known = [
            Line2D([], [], **SEEN, label=_("sine, seen")),
            Line2D([], [], **ASKED, color=ink(), label=_("cosine, asked for")),
        ]
        legend(figure, drawn, known)
        return figure


SEEN: dict[str, Any] = {"linestyle": ":", "color": GREY}
ASKED: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 5, "markerfacecolor": "none"}


def _plot(axis: Axes, numbers: str, **style: Any) -> None:
    values = [float(word) for word in numbers.split()]
    axis.plot(range(1, len(values) + 1), values, **style)
