"""Curves and points of accuracy show what the tables hold."""

from __future__ import annotations

import numpy as np

from harness.tables import Tables
from tests.helpers.drawn import colour, draw, lines, panel
from tests.helpers.made_tables import made_tables


def test_many_points_are_drawn_as_an_image() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,))
    many = tables.runs.loc[tables.runs.index.repeat(2000)]
    drawn = draw("accuracy_vs_grad_ratio", Tables({**tables, "runs": many}))
    assert drawn is not None
    points = drawn.axes[0].collections[0]
    assert len(points.get_offsets()) == 4000
    assert points.get_rasterized()


def test_chance_that_depends_on_the_length_has_a_line_for_each() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10, 20), scales=(1.0,))
    both = Tables({**tables, "runs": tables.runs.assign(chance=1 / tables.runs.seq_len)})
    for name, find in (("accuracy_vs_grad_ratio", lambda axes: axes[0]), ("accuracy_map", lambda axes: axes[-1])):
        drawn = draw(name, both)
        assert drawn is not None
        levels = {line.get_ydata()[0] for line in find(drawn.axes).lines if line.get_linestyle() in ("--", "-")}
        assert levels == ({0.1, 0.05} if name == "accuracy_vs_grad_ratio" else {10, 5})


def test_learning_curves_show_the_median_over_seeds() -> None:
    drawn = draw("learning_curves", made_tables(lengths=(40,), cells=("rnn",)))
    assert drawn is not None
    (line,) = lines(panel(drawn, "weight scale 1"), "rnn")
    np.testing.assert_allclose(line, [[0, 0.13], [10, 0.13], [20, 0.13]])


def test_scatter_shows_every_run_and_puts_zero_on_the_edge() -> None:
    tables = made_tables()
    drawn = draw("accuracy_vs_grad_ratio", tables)
    assert drawn is not None
    for axis in drawn.axes:
        points = np.asarray(axis.collections[0].get_offsets())
        assert len(points) == len(tables.runs)
        ratios = tables.runs.grad_ratio.to_numpy()
        np.testing.assert_allclose(points[ratios > 0, 0], np.log10(ratios[ratios > 0]))
        assert points[ratios == 0, 0].max() < points[ratios > 0, 0].min()


def test_scatter_puts_infinity_on_the_edge_and_says_what_it_leaves_out() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,))
    runs = tables.runs.assign(grad_ratio_init=[np.inf, 0.1], grad_ratio=[np.nan, 0.1])
    drawn = draw("accuracy_vs_grad_ratio", Tables({**tables, "runs": runs}))
    assert drawn is not None
    before, after = drawn.axes
    assert before.get_xticklabels()[-1].get_text() == "inf"
    assert before.get_xticks()[-1] == np.asarray(before.collections[0].get_offsets())[:, 0].max()
    assert len(after.collections[0].get_offsets()) == 1
    assert drawn.get_supxlabel() == "without a ratio or an accuracy, not shown: 1 run after training"


def test_accuracy_by_option_joins_the_means_of_each_cell_where_an_option_varies() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(1.0,), seeds=(0, 1, 2, 3))
    assert draw("accuracy_by_option", tables) is None
    runs = tables.runs.assign(**{"experiment.pairs": [1, 1, 2, 2]}, accuracy=[1.0, 0.8, 0.4, 0.2])
    drawn = draw("accuracy_by_option", Tables({**tables, "runs": runs}), laid_out=True)
    assert drawn is not None
    (axis,) = drawn.axes
    means = [line for line in axis.lines if line.get_linestyle() == "-" and line.get_color() == colour("rnn")]
    np.testing.assert_allclose(means[-1].get_ydata(), [0.9, 0.3])
    assert [text.get_text() for text in axis.get_xticklabels()] == ["1", "2"]


def test_accuracy_by_option_joins_no_means_over_other_settings() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(1.0,), seeds=range(8))
    options = {"experiment.pairs": [1, 1, 2, 2] * 2, "experiment.keys": [8] * 4 + [16] * 4}
    runs = tables.runs.assign(**options, accuracy=[1.0, 0.8, 0.4, 0.2, 0.5, 0.5, 0.3, 0.1])
    drawn = draw("accuracy_by_option", Tables({**tables, "runs": runs}))
    assert drawn is not None
    by_keys, by_pairs = sorted(drawn.axes, key=lambda axis: axis.get_xlabel())
    for axis, wanted, names in (
        (by_pairs, [[0.9, 0.3], [0.5, 0.2]], ["keys=8", "keys=16"]),
        (by_keys, [[0.9, 0.5], [0.3, 0.2]], ["pairs=1", "pairs=2"]),
    ):
        means = [line.get_ydata() for line in axis.lines if line.get_linestyle() == "-"]
        np.testing.assert_allclose(means, wanted)
        assert [text.get_text() for text in axis.get_legend().get_texts()] == names
        marks = [line.get_marker() for line in axis.lines if line.get_linestyle() == "None"]
        assert len(set(marks)) == 2
    assert drawn.get_supxlabel() == "each over 2 runs that differ in seed"


def test_accuracy_by_option_says_which_versions_it_leaves_out() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=tuple(np.arange(1, 9) / 8), seeds=(0, 1))
    runs = tables.runs.assign(**{"experiment.pairs": [1, 2] * 8})
    drawn = draw("accuracy_by_option", Tables({**tables, "runs": runs}))
    assert drawn is not None
    assert drawn.get_supxlabel() == "6 of 8 choices of weight_scale are shown beside experiment.pairs"
    names = [text.get_text() for text in drawn.axes[0].get_legend().get_texts()]
    assert (names[0], names[-1], len(names)) == ("weight_scale=0.125", "weight_scale=1", 6)


def test_accuracy_by_option_draws_the_chance_of_each_value() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(1.0,), seeds=(0, 1, 2, 3))
    runs = tables.runs.assign(**{"experiment.pairs": [1, 1, 2, 3]}, chance=[0.25, 0.25, 0.0625, 0.031])
    drawn = draw("accuracy_by_option", Tables({**tables, "runs": runs}))
    assert drawn is not None
    segments = [np.asarray(line.get_xydata()) for line in drawn.axes[0].lines if line.get_linestyle() == "--"]
    assert [segment[:, 1].tolist() for segment in segments] == [[0.25] * 2, [0.0625] * 2, [0.031] * 2]
    assert [segment[:, 0].mean() for segment in segments] == [0, 1, 2]
    assert all(segment[0, 0] > place - 0.5 for place, segment in enumerate(segments))
