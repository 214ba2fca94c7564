"""The error is multiplied by W at every step on its way back: what is left of it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis import finished, together
from harness.experiment import Batch, Experiment, Tables, Values, Verdict
from harness.experiment import gettext as _
from harness.figures import Figure, canvas, decades, grid, ink, power, whole_powers

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Canvas

TOLERANCE = 0.04
EXACT = 1e-9
"""Largest relative deviation that rounding in float64 explains, over thousands of steps."""


class WeightProduct(Experiment):
    """The error is multiplied by W at every step: with 0.9 it vanishes, with 1.1 it explodes.

        t       1     2   3   4
        number  0.31  0   0   0  ->  0.31           gradient at t: w^(T-t) times that at T

    A number, uniform in [-1, 1), comes first and is asked for at the end. The network is h_t = x_t · W_x + h_{t-1} · W.
    With one unit (`hidden_size=1 init=identity`, the default) W is the number w = weight_scale. For a matrix use
    `hidden_size=32`: the identity or an orthogonal matrix times w changes the length of every vector by |w|, so that
    the norm of the gradient is exactly |w|^(T-t) times that at T as well. (Of other matrices this holds only in the
    long run and on average; they are measured, and not judged.) Nothing needs to be trained for this: train.steps=0,
    in float64, in which 0.9^1000 = 2e-46 is an ordinary number.

    Without memory the best answer is the mean, 0: squared error 1/3, and within 0.04 with probability 0.04.

    Source: the numbers 0.9 and 1.1 are those of the Chinese tutorial "什么是 LSTM 循环神经网络" (Morvan Zhou, 2016);
    their theory is in Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
    """

    name = "weight_product"
    claim = "In a linear network the gradient that arrives at step t is |w|^(T-t) times the last one, to rounding."
    defaults = {"cell": "linear", "hidden_size": 1, "init": "identity", "dtype": "float64", "train.steps": 0,
                "seq_len": 100}  # fmt: skip
    sweep = {"seq_len": "20,100,500", "weight_scale": "0.9,1,1.1", "hidden_size": "1,32",
             "init": "identity,orthogonal"}  # fmt: skip

    @property
    def input_size(self) -> int:
        return 1

    @property
    def outputs(self) -> Values:
        return Values(tolerance=TOLERANCE)

    def chance(self, seq_len: int) -> float:
        return TOLERANCE

    def chance_loss(self, seq_len: int) -> float:
        return 1 / 3

    def min_seq_len(self) -> int:
        return 2

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        inputs = np.zeros((batch_size, seq_len, 1))
        inputs[:, 0] = rng.uniform(-1, 1, (batch_size, 1))
        return Batch(inputs, targets=inputs[:, 0])

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        rows = products(tables)
        if not len(rows):
            return None
        worst, last = rows.deviation.max(), rows[rows.lag == rows.lag.max()].drop_duplicates("weight_scale")
        said = "; ".join(f"w = {row.weight_scale:g}: {row.measured:.3g}" for row in last.itertuples())
        off = _("{count} runs differ from |w|^(T-t) by at most {share} of it.")
        left = _("What is left of 1 after {steps} steps: {factors}.")
        numbers = [
            off.format(count=rows.run_id.nunique(), share=f"{worst:.1g}"),
            left.format(steps=f"{rows.lag.max():.0f}", factors=said),
        ]
        return Verdict(bool(worst < EXACT), together(numbers))


def products(tables: Tables) -> pd.DataFrame:
    """What is left of the gradient at every lag before training, where |w|^lag is the exact answer.

    Columns beside settings and lag: ``measured`` and ``exact``, relative to lag 0, and ``deviation``, |measured /
    exact - 1|. Lags whose exact value has no number in float64 are left out, and so are runs without a gradient.
    """
    runs = finished(tables.runs)
    runs = runs[(runs.cell == "linear") & runs.init.isin(["identity", "orthogonal"]) & (runs.dtype == "float64")]
    rows = tables.gradients[(tables.gradients.part == "h") & (tables.gradients.step == 0)]
    settings = ["run_id", "weight_scale", "hidden_size", "init", "seq_len", "num_layers"]
    # Below the top layer the gradient has as many ways up as there are steps: a sum, no single product.
    rows = rows.merge(runs[settings], on="run_id").query("layer == num_layers")
    rows = rows.astype({"grad_norm": float, "weight_scale": float, "lag": float})  # empty tables have no types
    last = rows.run_id.map(rows[rows.lag == 0].set_index("run_id").grad_norm).astype(float)
    with np.errstate(all="ignore"):
        exact: NDArray[np.float64] = (rows.weight_scale.abs() ** rows.lag).to_numpy()
        rows = rows.assign(measured=rows.grad_norm / last, exact=exact)
        rows["deviation"] = (rows.measured / rows.exact - 1).abs()
    usable = np.isfinite(exact) & (exact > np.finfo(float).tiny) & np.isfinite(last) & (last > 0)
    return rows[usable]


class WeightProductFigure(Figure):
    """Measured gradients on the exact curves |w|^(T-t), and how far they are off."""

    name = "weight_product"
    title = "What is left of the error, measured and exact"
    caption = (
        "Above: what is left of an error of 1 after so many steps back. Lines are |w| to that power. Marks are what "
        "was measured: circles with one unit, crosses with a matrix. Below: the largest relative difference of the "
        "two, in all runs with that w. The dotted line is the precision of one multiplication in float64."
    )
    order = 5
    experiments = ("weight_product",)

    def draw(self, tables: Tables) -> Canvas | None:
        """One colour per w, at the longest length."""
        from matplotlib.lines import Line2D

        rows = products(tables)
        rows = rows[(rows.seq_len == rows.seq_len.max()) & np.isfinite(rows.measured) & (rows.measured > 0)]
        if not len(rows):
            return None
        figure = canvas(8, 6)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        marks = {True: "o", False: "x"}
        for place, (w, here) in enumerate(rows.groupby("weight_scale")):
            line = here.drop_duplicates("lag").sort_values("lag")
            above.plot(line.lag, np.log10(line.exact), color=f"C{place}", label=f"w = {w:g}")
            for scalar, some in here.groupby(here.hidden_size == 1):
                points = some.drop_duplicates("lag").sort_values("lag")
                points, mark = points[:: max(1, len(points) // 20)], marks[bool(scalar)]
                above.plot(points.lag, np.log10(points.measured), mark, color=f"C{place}", fillstyle="none")
            worst = here.groupby("lag").deviation.max()
            below.plot(worst.index, worst.where(worst > 0), ".", markersize=2.5, color=f"C{place}")
        ticks = whole_powers(*decades(np.log10(rows.measured.to_numpy(float))))
        above.set_yticks(ticks, [power(tick) for tick in ticks])
        below.axhline(np.finfo(float).eps, color=ink(), linestyle=":", linewidth=1)
        below.set(yscale="log", ylabel=_("relative difference"), xlabel=_("lag (steps before the end)"))
        above.set(ylabel=_("gradient relative to the last step"))
        for axis in (above, below):
            grid(axis)
        shapes = [
            Line2D([], [], marker=mark, color=ink(), linestyle="none", fillstyle="none",
                   label=_("one unit") if scalar else _("a matrix"))
            for scalar, mark in marks.items() if (rows.hidden_size.eq(1) == scalar).any()
        ]  # fmt: skip
        above.legend(handles=[*above.get_legend_handles_labels()[0], *shapes], frameon=False)
        return figure
