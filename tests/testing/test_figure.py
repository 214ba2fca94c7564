"""Every built-in figure keeps the contract of figures; what does not is caught, and said clearly."""

from __future__ import annotations

from typing import Any

import pytest

from harness.experiment import Tables
from harness.figures import Figure, canvas
from harness.plugins.registry import Plugin, registry
from harness.testing import ContractError, check_figure, small_tables
from tests.helpers.plugins import CHEAP, every

PROBES = {name: CHEAP.get(name, {}) for plugin in registry().of_kind("figure") for name in plugin.target.probes}


@pytest.fixture(scope="module")
def probed() -> Tables:
    """Runs with every probe that a figure draws, each beside the others, and at further lengths.

    Of one length: tables of several are for the tests of figures, and here for `test_a_sound_figure_passes`.
    """
    further = {"engine.compile": True, "seq_len": 8, "eval.seq_len": [8, 16]}
    return small_tables(registry().get("experiment", "recall_dish")(), probes=PROBES, **further)


# That of weight_product is for the linear cell: see its own test.
@pytest.mark.parametrize("plugin", [each for each in every("figure") if each.id != "weight_product"])
def test_figures_keep_the_contract(plugin: Plugin, probed: Tables) -> None:
    tables = None if plugin.target.experiments else probed
    check_figure(plugin.target(), OWN_TABLES[plugin.name]() if plugin.name in OWN_TABLES else tables)


def two_versions() -> Tables:
    """Runs that differ in an option of their experiment."""
    task = registry().get("experiment", "recall_dish")
    return small_tables(task(n_dishes=4), task(n_dishes=8))


def two_noises() -> Tables:
    """Runs over three weight scales and the noise of their task."""
    task = registry().get("experiment", "latch")
    scales = {"weight_scale": [0.8, 1.0, 1.3], "train.steps": 0}
    return small_tables(task(noise=1.0), task(noise=4.0), cells=["rnn"], **scales)


OWN_TABLES = {"accuracy_by_option": two_versions, "edge_of_chaos": two_noises}


class Losses(Figure):
    """The losses of all runs, in a row."""

    name = "losses"
    title = "Losses"
    caption = "Every run's loss."

    def draw(self, tables: Tables) -> Any:
        figure = canvas(3, 3)
        figure.subplots().plot(tables.runs.loss.astype(float).to_numpy())
        return figure


class Shares(Losses):
    """A figure that draws shares, of which none is infinite."""

    name = "shares"

    def draw(self, tables: Tables) -> Any:
        for accuracy in (tables.runs.accuracy, tables.curves.accuracy):
            known = accuracy.astype(float).dropna()
            assert known.between(0, 1).all(), known
        return super().draw(tables)


def test_a_sound_figure_passes() -> None:
    check_figure(Shares())


def test_rows_of_small_tables_are_counted_through(probed: Tables) -> None:
    assert probed.runs.index.tolist() == [*range(len(probed.runs))]


def test_small_tables_have_the_one_length_that_they_are_asked_for(probed: Tables) -> None:
    assert probed.runs.seq_len.tolist() == [8, 8, 8, 8]
    assert probed.runs.run_id.is_unique


class Fragile(Losses):
    """A figure that believes in results."""

    name = "fragile"

    def draw(self, tables: Tables) -> Any:
        int(tables.runs.loss.iloc[0])
        return None


class Careless(Losses):
    """A figure that leaves its columns in the tables."""

    name = "careless"

    def draw(self, tables: Tables) -> Any:
        tables.runs["mine"] = 1
        return None


class Far(Losses):
    """A figure that writes where its numbers are, however far that is."""

    name = "far"

    def draw(self, tables: Tables) -> Any:
        figure = super().draw(tables)
        if len(tables.runs) and not tables.runs.loss.any():
            figure.axes[0].text(1e6, 0, "far away")
        return figure


class Mute(Losses):
    """A figure that says nothing about itself."""

    name = "mute"
    caption = ""

    def draw(self, tables: Tables) -> Any:
        return "picture"


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (Fragile, ["draw of empty tables raises IndexError", "NaN raises ValueError", "infinite raises OverflowError"]),
        (Careless, ["draw changes the tables"]),
        (Far, ["draw of tables whose results are zero raises ValueError: a picture of"]),
        (Mute, ["has no caption", "draw returns str"]),
    ],
)
def test_a_bad_figure_is_caught_with_a_clear_message(figure: Any, words: list[str]) -> None:
    with pytest.raises(ContractError) as caught:
        check_figure(figure())
    for each in words:
        assert each in str(caught.value)
