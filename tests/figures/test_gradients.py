"""Profiles and maps of gradients show what the tables of gradients hold."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from harness.figures.drawing import rows as drawing_rows
from harness.figures.drawing.rows import memory_profiles
from harness.tables import Tables
from tests.helpers.drawn import SMALL, THIN, colour, draw, lines, names, panel, with_gradients
from tests.helpers.made_tables import made_tables


def test_the_last_probe_is_each_runs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the rows of a run come in several pieces, and probes in any order."""
    monkeypatch.setattr(drawing_rows, "AT_ONCE", 7)
    tables = made_tables(cells=("rnn", "lstm"), lengths=(10,), scales=(0.9,))
    runs = tables.runs
    rows = tables.transport[(tables.transport.step < 20) | (tables.transport.run_id != runs.run_id[1])]
    transport = rows.assign(grad_norm=rows.step + rows.lag / 100).sample(frac=1, random_state=0)
    for trained, steps in ((True, [20, 10, 20, 20]), (False, [0, 0, 0, 0])):
        rows = memory_profiles(Tables({**tables, "transport": transport}), runs, trained).sort_values(["run", "lag"])
        assert rows.run.tolist() == np.repeat(range(4), 10).tolist()
        np.testing.assert_allclose(rows.grad_norm, np.repeat(steps, 10) + np.tile(np.arange(10), 4) / 100)


def test_a_runs_profile_is_that_of_its_own_top_layer_also_beside_runs_of_more_layers() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,), steps=(0,))
    runs = tables.runs.assign(num_layers=[1, 2])
    one = tables.transport[tables.transport.part == "h"]
    transport = pd.concat([one.assign(layer=layer, grad_norm=float(layer)) for layer in (1, 2)])
    rows = memory_profiles(Tables({**tables, "runs": runs, "transport": transport}), runs, True)
    assert rows.groupby("run").grad_norm.agg(list).to_dict() == {0: [1.0] * 10, 1: [2.0] * 10}


def test_a_profile_line_is_the_tables_gradient_on_a_log_scale() -> None:
    drawn = draw("gradient_profile_trained", made_tables(lengths=(20,)))
    assert drawn is not None
    (line,) = lines(panel(drawn, "weight scale 0.9"), "rnn")
    np.testing.assert_array_equal(line[:, 0], np.arange(20))
    np.testing.assert_allclose(line[:, 1], np.arange(20) * np.log10(0.9), atol=1e-12)


def test_a_gradient_of_exactly_zero_is_marked_at_the_lower_edge() -> None:
    breaking_off = made_tables(lengths=(10,), factor=lambda cell, scale: 0.0 if cell != "lstm" else 0.9)
    drawn = draw("gradient_profile_init", breaking_off)
    assert drawn is not None
    axis = panel(drawn, "weight scale 0.9")
    marks = [line for line in axis.lines if line.get_marker() == "v" and len(line.get_xdata())]
    # Of a cell without memory it is no news.
    assert [line.get_color() for line in marks] == [colour("rnn")]
    np.testing.assert_array_equal(marks[0].get_xdata(), np.arange(1, 10))


def test_a_median_of_zero_is_a_marker_even_if_some_runs_are_above_zero() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(1.0,), seeds=(0, 1, 2))
    first = tables.runs.run_id[0]
    drawn = draw("gradient_profile_init", with_gradients(tables, lambda g: g.grad_norm * (g.run_id == first)))
    assert drawn is not None
    own = [line for line in drawn.axes[0].lines if line.get_color() == colour("rnn") and line.get_linewidth() > THIN]
    line, marks = own
    assert np.isnan(np.asarray(line.get_ydata(), dtype=float)).all()
    np.testing.assert_array_equal(marks.get_xdata(), np.arange(10))


def test_cells_that_are_zero_have_markers_at_different_heights() -> None:
    drawn = draw("gradient_profile_init", made_tables(**SMALL, factor=lambda cell, scale: 0.0))
    assert drawn is not None
    heights = [line.get_ydata()[0] for line in drawn.axes[0].lines if line.get_marker() == "v"]
    assert len(heights) == len(set(heights)) == 2


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
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    exponents = [float(tick) for tick in axis.get_yticks()]
    assert len(exponents) >= 2
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["10" + f"{each:.0f}".translate(raised) for each in exponents]
    assert all(each.is_integer() for each in exponents)


def test_cells_that_are_not_finite_are_named() -> None:
    drawn = draw("gradient_profile_init", made_tables(cells=("rnn",), factor=lambda cell, scale: np.nan))
    assert drawn is not None
    assert "not finite: rnn" in {text.get_text() for axis in drawn.axes for text in axis.texts}


def test_gradient_over_training_shows_the_longest_run_of_the_first_seed() -> None:
    tables = with_gradients(made_tables(cells=("rnn",), scales=(0.9,)), lambda g: g.grad_norm * (1 + g.step))
    drawn = draw("gradient_over_training", tables)
    assert drawn is not None
    (mesh,) = panel(drawn, "rnn").collections
    lag, step = np.arange(40)[::-1, None], np.array([0, 10, 20])
    np.testing.assert_allclose(mesh.get_array(), lag * np.log10(0.9) + np.log10(1 + step))
    assert drawn.get_supxlabel() == "40 steps, one run each: seed 0"


def test_gradient_over_training_takes_another_seed_where_the_first_has_failed() -> None:
    tables = made_tables(cells=("rnn", "lstm"))
    lost = (tables.runs.cell == "rnn") & (tables.runs.seed == 0)
    runs = tables.runs.assign(status=tables.runs.status.mask(lost, "failed"))
    drawn = draw("gradient_over_training", Tables({**tables, "runs": runs}))
    assert drawn is not None
    assert len(panel(drawn, "rnn, weight scale 1").collections) == 1
    assert drawn.get_supxlabel() == "40 steps, one run each: seed 0 or 1"


def test_theory_and_bound_are_thin_lines_that_begin_where_the_gradient_does() -> None:
    tables = made_tables(cells=("rnn",), lengths=(20,), scales=(0.9,))
    rates = {"decay_rate_theory": math.log(0.8), "decay_rate_bound_init": math.log(0.9), "decay_rate_bound": np.nan}
    drawn = draw("gradient_profile_init", Tables({**tables, "runs": tables.runs.assign(**rates)}))
    assert {"theory", "bound ‖W‖γ"} <= names(drawn)
    for style, factor in (("--", 0.8), ("-.", 0.9)):
        (line,) = [line for line in drawn.axes[0].lines if line.get_linestyle() == style]
        np.testing.assert_allclose(line.get_xydata(), [[0, 0], [19, 19 * math.log10(factor)]], atol=1e-12)
    assert not {"theory", "bound ‖W‖γ"} & names(draw("gradient_profile_trained", tables))


def test_results_without_theory_are_drawn_as_they_were() -> None:
    tables = made_tables(**SMALL)
    older = tables.runs.drop(columns=["decay_rate_theory", "decay_rate_bound", "decay_rate_bound_init"])
    assert "theory" not in names(draw("gradient_profile_init", Tables({**tables, "runs": older})))


def test_gradient_over_training_says_from_which_step_on_there_are_fewer_samples() -> None:
    tables = made_tables(lengths=(20,), scales=(0.9,))
    gradients = tables.gradients.assign(samples=np.minimum(16, 26 - tables.gradients.t))
    drawn = draw("gradient_over_training", Tables({**tables, "gradients": gradients}))
    assert drawn is not None
    said = " ".join(text.get_text() for text in drawn.findobj(lambda artist: hasattr(artist, "get_text")))
    assert "samples differ in length: from step 11 on, means are over fewer of them, 6 at the least" in said
