"""The picture on the first screen, against tables in which the gradient is a power of a known factor."""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.report.bars import FLOOR
from harness.report.way_back import HEAD, TAIL, Way, way_back
from harness.tables.tables import Tables
from tests.helpers.made_tables import made_tables


def ways(tables: Tables) -> list[Way]:
    found = way_back(tables)
    assert found is not None
    return found.ways


def with_samples(tables: Tables, **columns: Any) -> Tables:
    return Tables({**tables, "samples": tables["samples"].assign(**columns)})


def test_bars_are_filled_by_the_power_of_ten_of_what_arrives() -> None:
    factors = {"rnn": 0.5, "lstm": 0.99}
    best, worst = ways(made_tables(scales=(1.0,), factor=lambda cell, _: factors.get(cell, 0.0)))
    assert (best.who, worst.who) == ("lstm", "rnn")
    for way in (best, worst):
        assert way.steps == len(way.boxes) == 40
        for lag, box in enumerate(reversed(way.boxes)):
            power = lag * math.log10(factors[way.who])
            assert box.fill == pytest.approx(max(0.0, 1 - power / FLOOR), abs=1e-3)
            assert not box.more
        assert way.boxes[:HEAD] == way.head
        assert way.boxes[-TAIL:] == way.tail
        assert way.left_out == 40 - HEAD - TAIL


def test_more_than_at_the_answer_is_full_and_marked() -> None:
    (way,) = ways(made_tables(cells=("rnn",), scales=(1.1,), lengths=(10,), factor=lambda *_: 1.5))
    assert [box.fill for box in way.head] == [1.0] * 10
    assert [box.more for box in way.head] == [True] * 9 + [False]


def test_boxes_say_what_the_sample_reads_and_the_cue_what_it_receives() -> None:
    best, worst = ways(made_tables(scales=(0.9,)))
    assert [(box.word, box.gloss) for box in best.head[:2]] == [("今天", "today"), ("我要做", "I make")]
    # The cue is step 3 of 40: 0.9^37.
    assert worst.arrives == "37 steps back, “红烧排骨” receives 0.02 times the gradient of the answer."
    assert (best.right, worst.right) == (True, False)
    assert worst.answered == "辣子鸡 spicy chicken"
    assert worst.accuracy == "Of all its answers, 13 % are right (2 runs)."


@pytest.mark.parametrize("words", ["", None])
def test_without_words_boxes_say_the_step(words: str | None) -> None:
    (best, _) = ways(with_samples(made_tables(), words=words))
    assert [box.word for box in (*best.head, *best.tail)] == ["step 1", "step 2", "step 3", "step 39", "step 40"]


def test_tables_of_before_there_were_words_have_a_picture() -> None:
    made = made_tables()
    older = Tables({**made, "samples": made["samples"].drop(columns=["words", "glosses"])})
    assert ways(older)[0].head[0].word == "step 1"
    without = Tables({name: made[name] for name in made if name != "samples"})
    assert ways(without)[0].answered == ""


def test_a_sample_is_chosen_that_shows_what_the_accuracies_say() -> None:
    made = made_tables(seeds=(0, 1))
    lucky = made["runs"].query("cell == 'rnn' and seed == 0").run_id
    samples = made["samples"].copy()
    samples.loc[samples.run_id.isin(lucky), ["answered", "accuracy"]] = ["by luck", 1.0]
    _, worst = ways(Tables({**made, "samples": samples}))
    assert worst.answered == "辣子鸡 spicy chicken"


def test_untrained_networks_are_said_to_be() -> None:
    for steps, words in (((0,), "before any training"), ((0, 10), "after training")):
        found = way_back(made_tables(steps=steps))
        assert found is not None
        assert found.when == words


@pytest.mark.parametrize("changes", [{"status": "failed"}, {"cells": ("feedforward",)}])
def test_without_a_network_that_remembers_there_is_no_picture(changes: dict[str, Any]) -> None:
    assert way_back(made_tables(**changes)) is None


def test_very_long_samples_and_words_stay_small() -> None:
    made = with_samples(made_tables(scales=(0.9,), seeds=(0,)), words="\n".join(["x" * 1000] * 10_000), glosses="")
    best, _ = ways(made)
    assert best.steps == 10_000
    assert best.boxes == []
    assert len(str(best)) < 10_000
