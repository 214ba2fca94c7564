"""Every figure: it draws whatever tables hold, and what it draws is what they hold."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas

from harness.analysis.groups import by_setting
from harness.figures import Figure
from harness.figures.drawing.rows import memory_profiles
from harness.figures.drawing.style import COLOURS, averaged_over, palette
from harness.plugins.registry import registry
from harness.report.rendering import INK, styled, svg_and_png
from harness.tables.tables import Tables
from tests.helpers.made_tables import made_tables

STANDARD = [
    plugin for plugin in registry().of_kind("figure") if not (plugin.target.probes or plugin.target.experiments)
]
FIGURES = [plugin.name for plugin in STANDARD if plugin.name != "accuracy_by_option"]
"""Those that draw any table; the others have tests of their own."""


def figure(name: str) -> Figure:
    found: Figure = registry().get("figure", name)()
    return found


def draw(name: str, tables: Tables) -> Canvas | None:
    """Draw and save with every warning an error: a missing glyph, an empty slice, a bad limit."""
    with warnings.catch_warnings(), styled():
        warnings.simplefilter("error")
        drawn = figure(name).draw(tables)
        if drawn is not None:
            drawn.savefig(io.BytesIO(), format="png", dpi=40)
    assert plt.get_fignums() == []
    return drawn


def panel(drawn: Canvas, title: str) -> Axes:
    (axis,) = [axis for axis in drawn.axes if axis.get_title() == title]
    return axis


def lines(axis: Axes, cell: str) -> Iterator[np.ndarray]:
    """Data of the drawn lines of a cell, as (n, 2) arrays."""
    for line in axis.lines:
        if line.get_color() == COLOURS[cell] and line.get_linestyle() == "-":
            yield np.asarray(line.get_xydata())


SMALL = {"lengths": (10,), "scales": (0.9,)}

ABSURD = {
    "one run": {"cells": ("rnn",), "lengths": (8,), "scales": (1.0,), "seeds": (0,)},
    "one probe": {"steps": (0,)},
    "one time step": {"cells": ("rnn",), "lengths": (5,), "factor": lambda cell, scale: 0.0},
    "undefined": {"factor": lambda cell, scale: np.nan, "accuracy": lambda *_: np.nan},
    "infinite": {"factor": lambda cell, scale: np.inf},
    "zeros": {"factor": lambda cell, scale: 0.0},
    "extremes": {"lengths": (300,), "factor": lambda cell, scale: 10.0 if cell == "rnn" else 0.1},
    "diverged": {"status": "diverged"},
    "unknown cells": {"cells": ("rnn",), "experiment": "other"},
}


@pytest.mark.parametrize("case", ABSURD)
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_absurd_tables_without_a_warning(name: str, case: str) -> None:
    with np.errstate(all="ignore"):
        tables = made_tables(**{**SMALL, **ABSURD[case]})
    drawn = draw(name, tables)
    assert drawn is not None or case == "undefined"


@pytest.mark.parametrize("name", FIGURES)
def test_without_outcomes_there_is_no_figure(name: str) -> None:
    assert draw(name, made_tables(status="failed")) is None
    assert draw(name, made_tables(cells=())) is None


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_holds_six_cells_five_scales_and_four_lengths(name: str) -> None:
    many = made_tables(cells=tuple(COLOURS), lengths=(10, 20, 40, 80), scales=(0.8, 0.9, 1.0, 1.1, 1.2), steps=(0, 9))
    drawn = draw(name, many)
    assert drawn is not None
    assert drawn.get_size_inches()[0] <= 16


@pytest.mark.parametrize("name", ["gradient_profile_init", "learning_curves"])
def test_more_panels_than_can_be_read_are_left_out_with_a_remark(name: str) -> None:
    scales = tuple(np.linspace(0.5, 1.4, 10).round(1))
    drawn = draw(name, made_tables(cells=("rnn",), lengths=tuple(range(6, 26, 2)), scales=scales, seeds=(0,)))
    assert drawn is not None
    assert len(drawn.axes) == 36
    titles = [axis.get_title() for axis in drawn.axes if axis.get_title()]
    assert (titles[0], titles[-1]) == ("weight scale 0.5", "weight scale 1.4")
    assert drawn.get_supxlabel() == (
        "6 of 10 lengths are shown, without 8, 12, 18, 22; 6 of 10 weight scales are shown, without 0.6, 0.8, 1.1, 1.3"
    )


def test_many_tiles_are_left_out_with_a_remark() -> None:
    scales = tuple(np.linspace(0, 1, 101).round(2))
    drawn = draw(
        "accuracy_map", made_tables(cells=("rnn", "lstm"), lengths=(6,), scales=scales, seeds=(0,), steps=(0,))
    )
    assert drawn is not None
    assert len(panel(drawn, "rnn").get_xticks()) == 28
    assert drawn.get_supxlabel() == "28 of 101 weight scales are shown, without 73 others"


def test_many_points_are_drawn_as_an_image() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,))
    many = pd.concat([tables.runs] * 2000)
    drawn = draw("accuracy_vs_grad_ratio", Tables({**tables, "runs": many}))
    assert drawn is not None
    points = drawn.axes[0].collections[0]
    assert len(points.get_offsets()) == 4000
    assert points.get_rasterized()


def test_the_last_probe_is_each_runs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the rows of a run come in several pieces, and probes in any order."""
    monkeypatch.setattr("harness.figures.drawing.rows.AT_ONCE", 7)
    tables = made_tables(cells=("rnn", "lstm"), lengths=(10,), scales=(0.9,))
    runs = tables.runs
    gradients = tables.gradients[(tables.gradients.step < 20) | (tables.gradients.run_id != runs.run_id[1])]
    gradients = gradients.assign(grad_norm=gradients.step + gradients.lag / 100).sample(frac=1, random_state=0)
    for trained, steps in ((True, [20, 10, 20, 20]), (False, [0, 0, 0, 0])):
        rows = memory_profiles(Tables({**tables, "gradients": gradients}), runs, trained).sort_values(["run", "lag"])
        assert rows.run.tolist() == np.repeat(range(4), 10).tolist()
        np.testing.assert_allclose(rows.grad_norm, np.repeat(steps, 10) + np.tile(np.arange(10), 4) / 100)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_says_what_it_is_and_how_to_read_it(name: str) -> None:
    assert len(figure(name).title) > 5
    assert len(figure(name).caption) > 80


def test_a_profile_line_is_the_tables_gradient_on_a_log_scale() -> None:
    drawn = draw("gradient_profile_trained", made_tables(lengths=(20,)))
    assert drawn is not None
    (line,) = lines(panel(drawn, "weight scale 0.9"), "rnn")
    np.testing.assert_array_equal(line[:, 0], np.arange(20))
    np.testing.assert_allclose(line[:, 1], np.arange(20) * np.log10(0.9), atol=1e-12)


def test_a_gradient_of_exactly_zero_is_marked_at_the_lower_edge() -> None:
    drawn = draw("gradient_profile_init", made_tables(lengths=(10,)))
    assert drawn is not None
    axis = panel(drawn, "weight scale 0.9")
    marks = [line for line in axis.lines if line.get_marker() == "v" and len(line.get_xdata())]
    assert [line.get_color() for line in marks] == [COLOURS["feedforward"]]
    np.testing.assert_array_equal(marks[0].get_xdata(), np.arange(1, 10))


def with_gradients(tables: Tables, change: Callable[[pd.DataFrame], pd.Series]) -> Tables:
    """The tables with another grad_norm."""
    return Tables({**tables, "gradients": tables.gradients.assign(grad_norm=change)})


def test_a_median_of_zero_is_a_marker_even_if_some_runs_are_above_zero() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(1.0,), seeds=(0, 1, 2))
    first = tables.runs.run_id[0]
    drawn = draw("gradient_profile_init", with_gradients(tables, lambda g: g.grad_norm * (g.run_id == first)))
    assert drawn is not None
    line, marks = (line for line in drawn.axes[0].lines if line.get_color() == COLOURS["rnn"])
    assert np.isnan(np.asarray(line.get_ydata(), dtype=float)).all()
    np.testing.assert_array_equal(marks.get_xdata(), np.arange(10))


def test_cells_that_are_zero_have_markers_at_different_heights() -> None:
    drawn = draw("gradient_profile_init", made_tables(**SMALL, factor=lambda cell, scale: 0.0))
    assert drawn is not None
    heights = [line.get_ydata()[0] for line in drawn.axes[0].lines if line.get_marker() == "v"]
    assert len(heights) == len(set(heights)) == 3


def test_one_run_that_explodes_does_not_flatten_the_others() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,), seeds=(0, 1, 2))
    first = tables.runs.run_id[0]
    drawn = draw(
        "gradient_profile_init",
        with_gradients(tables, lambda g: g.grad_norm.where(g.run_id != first, 1e300)),
    )
    assert drawn is not None
    assert drawn.axes[0].get_ylim()[1] < 3


@pytest.mark.parametrize("factor", [0.999, 1.0, 0.8, 1e-9, 1e9])
def test_powers_of_ten_are_whole_and_named_once(factor: float) -> None:
    drawn = draw(
        "gradient_profile_init",
        made_tables(cells=("rnn",), lengths=(10,), scales=(1.0,), factor=lambda cell, scale: factor),
    )
    assert drawn is not None
    axis = drawn.axes[0]
    exponents = [float(tick) for tick in axis.get_yticks()]
    assert len(exponents) >= 2
    assert [label.get_text() for label in axis.get_yticklabels()] == [f"$10^{{{each:.0f}}}$" for each in exponents]
    assert all(each.is_integer() for each in exponents)


def test_cells_that_are_not_finite_are_named() -> None:
    drawn = draw("gradient_profile_init", made_tables(cells=("rnn",), factor=lambda cell, scale: np.nan))
    assert drawn is not None
    assert "not finite: rnn" in {text.get_text() for axis in drawn.axes for text in axis.texts}


def test_accuracy_map_shows_mean_accuracies_and_hatches_guessing() -> None:
    tables = made_tables()
    drawn = draw("accuracy_map", tables)
    assert drawn is not None
    axis = panel(drawn, "rnn")
    expected = tables.runs[tables.runs.cell == "rnn"].pivot_table(
        index="seq_len", columns="weight_scale", values="accuracy"
    )
    np.testing.assert_allclose(axis.collections[0].get_array(), 100 * expected.astype(float))
    hatched = {(patch.get_x(), patch.get_y()) for patch in axis.patches if patch.get_hatch()}
    assert hatched == {(0, 2), (1, 2), (2, 2)}  # all scales at the third length, 40


@pytest.mark.parametrize("name", ["accuracy_map", "decay_map"])
def test_what_is_written_in_a_tile_can_be_read(name: str) -> None:
    drawn = draw(name, made_tables(scales=(0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)))
    assert drawn is not None
    for axis in drawn.axes[:-1]:
        for colour, text in zip(axis.collections[0].get_facecolor(), axis.texts, strict=True):
            assert contrast(to_rgb(colour), to_rgb(text.get_color())) >= 4.5


def contrast(*colours: tuple[float, float, float]) -> float:
    """The contrast of two colours by WCAG 2."""
    low, high = np.sort(linear(np.asarray(colours)) @ [0.2126, 0.7152, 0.0722])
    return float((high + 0.05) / (low + 0.05))


def test_decay_map_writes_the_factor_per_step() -> None:
    drawn = draw("decay_map", made_tables(lengths=(10,)))
    assert drawn is not None
    assert [text.get_text() for text in panel(drawn, "rnn").texts] == ["0.9", "1", "1.1"]
    assert [text.get_text() for text in panel(drawn, "feedforward").texts] == ["0", "0", "0"]


def test_decay_maps_of_different_tables_have_the_same_colours() -> None:
    mild = draw("decay_map", made_tables(cells=("rnn",), lengths=(10,), scales=(0.9, 1.0)))
    wild = draw("decay_map", made_tables(cells=("rnn",), lengths=(10,), scales=(0.9, 5.0)))
    assert mild is not None
    assert wild is not None
    first = [drawn.axes[0].collections[0].get_facecolor()[0] for drawn in (mild, wild)]
    np.testing.assert_array_equal(*first)
    bar = mild.axes[-1]
    assert bar.get_ylim() == pytest.approx((-np.log(2), np.log(2)))
    assert [label.get_text() for label in bar.get_yticklabels()] == ["0.5", "0.6", "0.8", "1", "1.25", "1.6", "2"]


def names(drawn: Canvas | None) -> set[str]:
    """What the legends of a figure name."""
    assert drawn is not None
    return {text.get_text() for each in drawn.legends for text in each.get_texts()}


@pytest.mark.parametrize(
    ("figure", "name", "drawn", "missing"),
    [
        ("gradient_profile_init", "exactly 0", {"cells": ("feedforward", "rnn")}, {"cells": ("rnn",)}),
        ("gradient_over_training", "exactly 0", {"cells": ("feedforward", "rnn")}, {"cells": ("rnn",)}),
        ("gradient_over_training", "not finite", {"factor": lambda cell, scale: np.inf}, {"cells": ("rnn",)}),
        ("accuracy_map", "not above chance", {}, {"accuracy": lambda *_: 1.0}),
    ],
)
def test_a_legend_names_only_what_is_drawn(
    figure: str, name: str, drawn: dict[str, Any], missing: dict[str, Any]
) -> None:
    assert name in names(draw(figure, made_tables(**drawn)))
    assert name not in names(draw(figure, made_tables(**missing)))


def test_a_legend_names_the_cue_and_chance_only_where_runs_have_one() -> None:
    tables = made_tables(**SMALL)
    bare = Tables({**tables, "runs": tables.runs.assign(cue_step=np.nan, chance=np.nan)})
    for name, word in (("gradient_profile_init", "the cue"), ("learning_curves", "chance")):
        assert word in names(draw(name, tables))
        assert word not in names(draw(name, bare))


@pytest.mark.parametrize("name", FIGURES)
def test_a_single_length_or_weight_scale_is_not_named(name: str) -> None:
    drawn = draw(name, made_tables(**SMALL))
    assert drawn is not None
    said = {axis.get_title() for axis in drawn.axes} | {text.get_text() for axis in drawn.axes for text in axis.texts}
    said |= {label for axis in drawn.axes for label in (axis.get_xlabel(), axis.get_ylabel())}
    assert not any("weight scale" in each or each.endswith("steps") for each in said)


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


def test_gradient_over_training_shows_the_longest_run_of_the_first_seed() -> None:
    tables = with_gradients(made_tables(cells=("rnn",), scales=(0.9,)), lambda g: g.grad_norm * (1 + g.step))
    drawn = draw("gradient_over_training", tables)
    assert drawn is not None
    (mesh,) = panel(drawn, "rnn").collections
    lag, step = np.arange(40)[::-1, None], np.array([0, 10, 20])
    np.testing.assert_allclose(mesh.get_array(), lag * np.log10(0.9) + np.log10(1 + step))
    assert drawn.get_supxlabel() == "40 steps, one run each: seed 0"


def test_gradient_over_training_takes_another_seed_where_the_first_has_failed() -> None:
    tables = made_tables()
    lost = (tables.runs.cell == "rnn") & (tables.runs.seed == 0)
    runs = tables.runs.assign(status=tables.runs.status.mask(lost, "failed"))
    drawn = draw("gradient_over_training", Tables({**tables, "runs": runs}))
    assert drawn is not None
    assert len(panel(drawn, "rnn, weight scale 1").collections) == 1
    assert drawn.get_supxlabel() == "40 steps, one run each: seed 0 or 1"


@pytest.mark.parametrize("name", ["accuracy_map", "decay_map"])
def test_maps_side_by_side_share_their_rows_where_a_cell_lacks_a_length(name: str) -> None:
    all_lengths, two = made_tables(cells=("rnn",)), made_tables(cells=("lstm",), lengths=(20, 40))
    both = Tables({table: pd.concat([all_lengths[table], two[table]], ignore_index=True) for table in two})
    drawn = draw(name, both)
    assert drawn is not None
    assert [label.get_text() for label in panel(drawn, "rnn").get_yticklabels()] == ["10", "20", "40"]
    missing = [text.get_position()[1] for text in panel(drawn, "lstm").texts if text.get_text() == "–"]
    assert missing == [0.5, 0.5, 0.5]
    for axis in (panel(drawn, "rnn"), panel(drawn, "lstm")):
        assert axis.collections[0].get_array().shape == (3, 3)


def test_what_is_averaged_over_is_said() -> None:
    assert averaged_over(made_tables().runs) == "each over 2 runs that differ in seed"
    assert averaged_over(made_tables(seeds=(0,)).runs) == ""
    wider = made_tables().runs.assign(hidden_size=lambda runs: runs.seq_len)  # differs, but never within a setting
    assert averaged_over(wider) == "each over 2 runs that differ in seed"


def test_colours_belong_to_cells_whatever_else_is_drawn() -> None:
    few, many = palette(["mine", "lstm"]), palette(["mine", "rnn", "lstm"])
    assert few.items() <= many.items()
    assert len(set(palette([*COLOURS, "a", "b", "c"]).values())) == len(COLOURS) + 3


SEEN = {
    "all colours": np.eye(3),
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
"""What becomes of linear RGB in the eyes of readers who lack a kind of cone (Machado et al. 2009)."""


@pytest.mark.parametrize("eyes", SEEN)
def test_two_further_cells_are_told_apart_from_all_others(eyes: str) -> None:
    """By their distance in OKLab, in which black and white are 1 apart."""
    colours = [*palette([*COLOURS, "a", "b"]).values()]
    places = oklab(linear(np.array([to_rgb(each) for each in colours])) @ np.transpose(SEEN[eyes]))
    for own in (-1, -2):
        others = np.delete(places, own, axis=0)
        assert np.linalg.norm(others - places[own], axis=1).min() > 0.12


def linear(colours: np.ndarray) -> np.ndarray:
    """Colours of sRGB by the light they send out."""
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def oklab(colours: np.ndarray) -> np.ndarray:
    """Linear RGB in a space in which distances are what is seen."""
    cones = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    lab = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    return np.asarray(np.cbrt(colours.clip(0, 1) @ np.transpose(cones)) @ np.transpose(lab))


def test_svg_follows_dark_mode_and_png_is_on_white() -> None:
    with styled():
        drawn = figure("accuracy_map").draw(made_tables())
        assert drawn is not None
    svg, png = svg_and_png(drawn)
    assert "prefers-color-scheme:dark" in svg
    assert svg.count(INK) == 2  # in the style, for light mode and for print
    assert "currentColor" in svg
    image = plt.imread(io.BytesIO(png))
    np.testing.assert_array_equal(image[0, 0], 1.0)


def test_settings_with_no_finished_run_are_no_groups() -> None:
    assert by_setting(made_tables().runs).runs.eq(2).all()


def test_accuracy_by_option_joins_the_means_of_each_cell_where_an_option_varies() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(1.0,), seeds=(0, 1, 2, 3))
    assert draw("accuracy_by_option", tables) is None
    runs = tables.runs.assign(**{"experiment.pairs": [1, 1, 2, 2]}, accuracy=[1.0, 0.8, 0.4, 0.2])
    drawn = draw("accuracy_by_option", Tables({**tables, "runs": runs}))
    assert drawn is not None
    (axis,) = drawn.axes
    means = [line for line in axis.lines if line.get_linestyle() == "-" and line.get_color() == COLOURS["rnn"]]
    np.testing.assert_allclose(means[-1].get_ydata(), [0.9, 0.3])
    assert [text.get_text() for text in axis.get_xticklabels()] == ["1", "2"]


def test_accuracy_by_option_draws_the_chance_of_each_value() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(1.0,), seeds=(0, 1, 2, 3))
    runs = tables.runs.assign(**{"experiment.pairs": [1, 1, 2, 3]}, chance=[0.25, 0.25, 0.0625, 0.031])
    drawn = draw("accuracy_by_option", Tables({**tables, "runs": runs}))
    assert drawn is not None
    segments = [np.asarray(line.get_xydata()) for line in drawn.axes[0].lines if line.get_linestyle() == "--"]
    assert [segment[:, 1].tolist() for segment in segments] == [[0.25] * 2, [0.0625] * 2, [0.031] * 2]
    assert [segment[:, 0].mean() for segment in segments] == [0, 1, 2]
    assert all(segment[0, 0] > place - 0.5 for place, segment in enumerate(segments))
