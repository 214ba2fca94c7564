"""Settings in Python as the words that mean the same on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from harness.api.words import words_of
from harness.base.errors import UserError
from harness.cells.gated.lstm import LSTM


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cell": "lstm", "seq_len": 20}, ["cell=lstm", "seq_len=20"]),
        ({"cell": ["rnn", LSTM]}, ["cell=rnn,lstm"]),
        ({"seed": range(3), "weight_scale": (0.9, 1.1)}, ["seed=0,1,2", "weight_scale=0.9,1.1"]),
        ({"train": {"lr": [0.1, 1e-05]}, "train.clip_norm": None}, ["train.lr=0.1,1e-05", "train.clip_norm=null"]),
        ({"train": {"stop_solved": True}}, ["train.stop_solved=true"]),
        ({"weight_scale": np.linspace(0, 1, 3)}, ["weight_scale=0.0,0.5,1.0"]),
        ({"weight_scale": np.float64(0.9), "seq_len": np.int32(7)}, ["weight_scale=0.9", "seq_len=7"]),
        ({"seed": pd.Series([4, 2])}, ["seed=4,2"]),
        ({"probes": ["gates"]}, ["probes=[gates]"]),
        ({"eval": {"seq_len": [20, 40]}}, ["eval.seq_len=[20,40]"]),
        ({"eval.seq_len": 40}, ["eval.seq_len=[40]"]),
        ({"eval.seq_len": []}, ["eval.seq_len=[]"]),
        ({"plugins": [Path("a,b.py")]}, ["plugins=['a,b.py']"]),
        ({"experiment.path": "C:\\it's here"}, ["experiment.path='C:\\it\\'s here'"]),
    ],
)
def test_settings_are_said_in_hydras_words(settings: dict[str, Any], words: list[str]) -> None:
    assert words_of(settings, several=True)[0] == words


def test_one_run_takes_lists_of_one_value_and_settings_that_are_lists() -> None:
    given = {"cell": "lstm", "seed": [3], "probes": ["gates", "jacobian"], "eval.seq_len": (20, 40)}
    words = ["cell=lstm", "seed=3", "probes=[gates,jacobian]", "eval.seq_len=[20,40]"]
    assert words_of(given, several=False)[0] == words


def test_classes_among_the_values_are_found() -> None:
    assert words_of({"cell": [LSTM, "rnn"]}, several=True)[1] == [LSTM]


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1))
def test_any_text_comes_through_hydras_grammar_as_it_is(text: str) -> None:
    (word,), _ = words_of({"experiment.text": text}, several=True)
    assert str(OverridesParser.create().parse_override(word).value()) == text


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans() | st.none())
def test_any_number_comes_through_hydras_grammar_as_it_is(value: float | None) -> None:
    (word,), _ = words_of({"train.lr": value}, several=True)
    found = OverridesParser.create().parse_override(word).value()
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("settings", "several", "said"),
    [
        ({"seed": []}, True, "seed=[]: an empty list; valid: a value, or a list of values"),
        ({"seed": {1, 2}}, True, "seed: a set has no order; valid: a value, or a list of values"),
        ({"seed": [0, 1]}, False, "seed=[0, 1]: several values are a sweep; valid: one value, or harness.sweep"),
        ({"cell": object}, True, "cell=<class 'object'>: a type; valid: numbers, texts, true or false, None, plugins"),
    ],
)
def test_what_is_no_setting_is_refused_in_one_line(settings: dict[str, Any], several: bool, said: str) -> None:
    with pytest.raises(UserError) as error:
        words_of(settings, several)
    assert str(error.value) == said
