"""Translations, made once more by a parser that knows Chinese word by word."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments import translate
from harness.experiments.translate import Translate
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw

DICTIONARY = {
    "我": "I", "你": "you", "他": "he", "她": "she", "昨天": "yesterday", "今天": "today", "早上": "this morning",
    "上周": "last week", "学校": "at school", "家里": "at home", "公园里": "in the park", "火车上": "on the train",
    "卖了": "sold", "丢了": "lost", "弄坏了": "damaged", "带来了": "brought", "两": "two", "三": "three", "五": "five",
    "书": "book", "椅子": "chair", "衬衫": "shirt", "照片": "photo", "那": "that",
}  # fmt: skip
KINDS = {
    "who": "我 你 他 她", "when": "昨天 今天 早上 上周", "where": "学校 家里 公园里 火车上",
    "did": "卖了 丢了 弄坏了 带来了", "many": "两 三 五 那", "what": "书 椅子 衬衫 照片",
}  # fmt: skip


def translated(clause: list[str]) -> str:
    part = {kind: DICTIONARY[word] for kind, words in KINDS.items() for word in clause if word in words.split()}
    plural = "" if part["many"] == "that" else "s"
    return f"{part['who']} {part['did']} {part['many']} {part['what']}{plural} {part['where']} {part['when']}"


@pytest.mark.parametrize("feed_back", [False, True])
@pytest.mark.parametrize("seq_len", [17, 20, 35])
def test_the_answer_is_the_translation(feed_back: bool, seq_len: int) -> None:
    task = Translate(feed_back=feed_back)
    batch = draw(task, 60, seq_len)
    for index in range(60):
        row = batch.inputs[index].tolist()
        asked = row.index(translate.MARKER)
        words = [translate.CHINESE[token] for token in row[:asked] if token != translate.BLANK]
        clauses = [each.split() for each in " ".join(words).split("，")]
        right = np.eye(len(translate.ENGLISH))[batch.targets[index]]
        shown = task.show(batch, index, right)
        assert shown.expected == shown.answered == ", ".join(map(translated, clauses)) + "."
        assert shown.text == "，".join(map("".join, clauses)) + "。"
        assert row[batch.cue[index, 0] - 1] == translate.CHINESE.index(words[0])
        after = batch.targets[index, :-1] + len(translate.CHINESE)
        assert row[asked + 1 :] == (after.tolist() if feed_back else [translate.BLANK] * (len(row) - asked - 1))
    assert batch.judged.sum(axis=1).tolist() == [7 * task.clauses(seq_len)] * 60


def test_verbs_come_last_with_ba_and_its_measure_word_does_not_confuse_them() -> None:
    batch = draw(Translate(), 300, 17)
    found = set()
    for row in batch.inputs:
        words = [translate.CHINESE[token] for token in row[:9] if token < len(translate.CHINESE)]
        verb = next(place for place, word in enumerate(words) if word in KINDS["did"].split())
        assert (verb == len(words) - 1) == ("那" in words)
        found.add((words.count("把"), "椅子" in words, "那" in words))
    assert found == {(0, False, False), (1, True, False), (1, False, True), (2, True, True)}


@pytest.mark.parametrize("clauses", [1, 2])
def test_chance_is_that_of_always_saying_the_same(clauses: int) -> None:
    seq_len = 18 * clauses - 1
    batch = draw(Translate(), 8000, seq_len)
    often = np.stack([np.bincount(column, minlength=len(translate.ENGLISH)) for column in batch.targets.T]) / 8000
    judged = batch.judged[0]
    # Fed back, a network without memory answers every sentence alike: at best with each step's commonest word.
    assert often.max(axis=1)[judged].mean() == pytest.approx(Translate().chance(seq_len), abs=0.01)
    constant = often[0].max() + often[1:][judged[1:]].sum(axis=0).max()
    assert constant / judged.sum() == pytest.approx(Translate(feed_back=False).chance(seq_len), abs=0.01)


def test_every_word_is_one_token() -> None:
    assert len(set(translate.CHINESE)) == len(translate.CHINESE)
    assert len(set(translate.ENGLISH)) == len(translate.ENGLISH)


@pytest.mark.slow
def test_an_lstm_translates_what_a_plain_rnn_mixes_up() -> None:
    runs = trained(Translate, ["rnn", "lstm"], seq_len=17, hidden_size=64, train={"steps": 600})
    assert_borne_out(Translate, runs)
    found = runs.groupby("cell").accuracy
    assert found.min()["lstm"] > 0.95 > found.max()["rnn"]
