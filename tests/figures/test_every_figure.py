"""Every figure draws whatever tables hold, and no more than can be read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.figures import averaged_over
from harness.report.rendering import styled
from harness.tables import Tables
from tests.helpers.drawn import FIGURES, SMALL, draw, figure, names
from tests.helpers.made_tables import made_tables

ABSURD = {
    "one run": {"cells": ("rnn",), "lengths": (8,), "scales": (1.0,), "seeds": (0,)},
    "one probe": {"steps": (0,)},
    "one time step": {"cells": ("rnn",), "lengths": (5,), "factor": lambda cell, scale: 0.0},
    "undefined": {"factor": lambda cell, scale: np.nan, "accuracy": lambda *_: np.nan},
    "infinite": {"factor": lambda cell, scale: np.inf},
    "zeros": {"factor": lambda cell, scale: 0.0},
    "extremes": {"lengths": (300,), "factor": lambda cell, scale: 10.0 if cell == "rnn" else 0.1},
    "diverged, of an unknown task": {"status": "diverged", "cells": ("rnn",), "experiment": "other"},
}


DIFFERENT = [name for name in FIGURES if name != "gradient_profile_trained"]
"""Those that share no code: that one is `gradient_profile_init` of another moment."""


@pytest.mark.parametrize("case", ABSURD)
@pytest.mark.parametrize("name", DIFFERENT)
def test_every_figure_draws_absurd_tables_without_a_warning(name: str, case: str) -> None:
    with np.errstate(all="ignore"):
        tables = made_tables(**{**SMALL, **ABSURD[case]})
    drawn = draw(name, tables, laid_out=True)
    assert drawn is not None or case == "undefined"


@pytest.mark.parametrize("name", FIGURES)
def test_without_outcomes_there_is_no_figure(name: str) -> None:
    assert draw(name, made_tables(status="failed")) is None
    assert draw(name, made_tables(cells=())) is None


SIX = ("feedforward", "linear", "rnn", "rnn_relu", "gru", "lstm")


@pytest.fixture(scope="module")
def many() -> Tables:
    return made_tables(cells=SIX, lengths=(10, 80), scales=(0.8, 0.9, 1.0, 1.1, 1.2), steps=(0, 9))


@pytest.mark.parametrize("name", DIFFERENT)
def test_every_figure_holds_six_cells_five_scales_and_two_lengths(name: str, many: Tables) -> None:
    drawn = draw(name, many, laid_out=True)
    assert drawn is not None
    assert drawn.get_size_inches()[0] <= 16


@pytest.mark.parametrize("name", ["gradient_profile_init", "learning_curves"])
def test_more_panels_than_can_be_read_are_left_out_with_a_remark(name: str) -> None:
    scales = tuple(np.linspace(0.5, 1.4, 10).round(1))
    tables = made_tables(cells=("rnn",), lengths=tuple(range(6, 26, 2)), scales=scales, seeds=(0,))
    with styled():
        drawn = figure(name).draw(tables)  # not saved: so many panels take seconds
    assert drawn is not None
    assert len(drawn.axes) == 36
    titles = [axis.get_title() for axis in drawn.axes if axis.get_title()]
    assert (titles[0], titles[-1]) == ("weight scale 0.5", "weight scale 1.4")
    assert drawn.get_supxlabel() == (
        "6 of 10 lengths are shown, without 8, 12, 18, 22; 6 of 10 weight scales are shown, without 0.6, 0.8, 1.1, 1.3"
    )


@pytest.mark.parametrize(
    ("figure", "name", "drawn", "missing"),
    [
        (
            "gradient_profile_init",
            "exactly 0",
            {"cells": ("rnn",), "factor": lambda *_: 0.0},
            {"cells": ("feedforward", "rnn")},
        ),
        (
            "gradient_over_training",
            "exactly 0",
            {"cells": ("rnn",), "factor": lambda *_: 0.0},
            {"cells": ("feedforward", "rnn")},
        ),
        ("gradient_over_training", "not finite", {"factor": lambda cell, scale: np.inf}, {"cells": ("rnn",)}),
        ("accuracy_map", "not above chance", {"lengths": (40,)}, {"accuracy": lambda *_: 1.0}),
    ],
)
def test_a_legend_names_only_what_is_drawn(
    figure: str, name: str, drawn: dict[str, Any], missing: dict[str, Any]
) -> None:
    assert name in names(draw(figure, made_tables(**{**SMALL, **drawn})))
    assert name not in names(draw(figure, made_tables(**{**SMALL, **missing})))


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


def test_what_is_averaged_over_is_said() -> None:
    assert averaged_over(made_tables().runs) == "each over 2 runs that differ in seed"
    assert averaged_over(made_tables(seeds=(0,)).runs) == ""
    wider = made_tables().runs.assign(hidden_size=lambda runs: runs.seq_len)  # differs, but never within a setting
    assert averaged_over(wider) == "each over 2 runs that differ in seed"
