"""Heat maps show and write what the table of runs holds."""

from __future__ import annotations

import gc

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb

from harness.report.rendering import styled
from harness.tables import Tables
from tests.helpers.colours import contrast
from tests.helpers.drawn import draw, figure, panel
from tests.helpers.made_tables import made_tables


def test_many_tiles_are_left_out_with_a_remark() -> None:
    scales = tuple(np.linspace(0, 1, 101).round(2))
    drawn = draw(
        "accuracy_map", made_tables(cells=("rnn", "lstm"), lengths=(6,), scales=scales, seeds=(0,), steps=(0,))
    )
    assert drawn is not None
    assert len(panel(drawn, "rnn").get_xticks()) == 28
    assert drawn.get_supxlabel() == "28 of 101 weight scales are shown, without 73 others"


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
    drawn = draw(name, made_tables(scales=(0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)), laid_out=True)
    assert drawn is not None
    for axis in drawn.axes[:-1]:
        for colour, text in zip(axis.collections[0].get_facecolor(), axis.texts, strict=True):
            assert contrast(to_rgb(colour), to_rgb(text.get_color())) >= 4.5


@pytest.mark.parametrize("name", ["accuracy_map", "decay_map"])
def test_a_map_that_waits_for_being_saved_holds_no_images(name: str) -> None:
    def renderers() -> int:
        """Those that there are in this process; each has room for all pixels of its figure."""
        return sum(isinstance(each, RendererAgg) for each in gc.get_referrers(RendererAgg))

    gc.collect()
    before = renderers()
    with styled():
        drawn = figure(name).draw(made_tables(cells=("rnn",), lengths=(6, 7), scales=(0.9, 1.0), seeds=(0,)))
    assert drawn is not None
    assert renderers() <= before


def test_decay_map_writes_the_factor_per_step() -> None:
    drawn = draw("decay_map", made_tables(lengths=(10,)))
    assert drawn is not None
    assert [text.get_text() for text in panel(drawn, "rnn").texts] == ["0.9", "1", "1.1"]
    assert "feedforward" not in {axis.get_title() for axis in drawn.axes}  # no factor without memory


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
