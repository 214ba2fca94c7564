"""Texts for readers are in simple English: short sentences, common words."""

from __future__ import annotations

import re
from typing import Any

import pytest
import textstat

from harness.analysis.sentences import findings, findings_by_family
from harness.plugins.finding import import_file
from tests.helpers.made_tables import made_tables
from tests.helpers.sweeps import ROOT

MOST_WORDS = 25
"""Of a sentence."""

MOST_GRADE = 9.0
"""Of a text, by Flesch and Kincaid: years of school after which it is easily read."""

LEAST_WORDS = 30
"""Of shorter texts a single technical word decides the grade."""


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """All that reports say, patterns with a short word for each field."""
    catalogue: Any = import_file("make_catalogues", ROOT / "docs" / "make_catalogues.py").texts()
    found = [text for each in catalogue for text in ([each.id] if isinstance(each.id, str) else each.id) if text]
    return [re.sub(r"\{\{?\w+\}\}?", "ten", text) for text in found]


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.?!])\s+", text)


def test_no_sentence_is_long(texts: list[str]) -> None:
    long = {each: words for text in texts for each in sentences(text) if (words := len(each.split())) > MOST_WORDS}
    assert len(texts) > 300
    assert not long


def test_long_texts_need_few_years_of_school(texts: list[str]) -> None:
    grades = {text: textstat.flesch_kincaid_grade(text) for text in texts if len(text.split()) >= LEAST_WORDS}
    assert len(grades) > 30
    assert {text: grade for text, grade in grades.items() if grade > MOST_GRADE} == {}


def test_short_texts_need_few_years_of_school_taken_together(texts: list[str]) -> None:
    short = [text.rstrip(".") + "." for text in texts if 6 <= len(text.split()) < LEAST_WORDS]
    assert textstat.flesch_kincaid_grade(" ".join(short)) < MOST_GRADE


def test_findings_are_as_simple_once_their_numbers_are_in() -> None:
    few = findings(made_tables())
    many = findings_by_family(made_tables(cells=["rnn", "lstm", "gru", "leaky", "brc", "nbr", "atr", "sgu", "dsgu",
                                                 "ran", "star"], lengths=(6, 8)))  # fmt: skip
    said = [*few, *(sentence for own in many.values() for sentence in own)]
    assert len(said) > 30
    assert max(len(each.split()) for finding in few for each in sentences(finding)) <= MOST_WORDS
    assert textstat.flesch_kincaid_grade(" ".join(said)) < MOST_GRADE


def test_the_measure_tells_simple_from_difficult() -> None:
    simple = "The gradient fades. Each step back halves it."
    difficult = (
        "Notwithstanding considerable methodological heterogeneity, multiplicative attenuation characterises the "
        "propagation of sensitivities throughout successive temporal iterations of recurrent architectures."
    )
    assert textstat.flesch_kincaid_grade(simple) < MOST_GRADE < textstat.flesch_kincaid_grade(difficult)
