"""Write papers and programs, character by character, after reading Python's own."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from harness.claims import compare
from harness.datasets import OwnFile, about, text_of
from harness.experiment import Batch, Classes, Continuation, Experiment, Sample, Tables, Verdict

CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
PROGRAMS = ["argparse", "ast", "configparser", "datetime", "difflib", "doctest", "inspect", "ipaddress", "pathlib",
            "pickle", "random", "statistics", "subprocess", "tarfile", "textwrap", "threading", "tokenize", "traceback",
            "typing", "uuid", "zipfile"]  # fmt: skip
"""Modules of the standard library, written in Python."""

STRETCH = 2000
HELD_OUT = 10  # one part in ten is for evaluation
SLACK = 0.01  # an evaluation reads a part of the held-out text, on which another table may be a little better
STRAIGHT = str.maketrans("‘’“”–—", "''\"\"--")


class WriteText(OwnFile, Experiment):
    """What is the next character? At every step of real text: a language's reference, or programs.

        t       1  2  3  4  5  6  7  8
        input   T  h  e     ⏎  n  e  x      <- cut anywhere from the text
        answer  h  e     ⏎  n  e  x  t

    ``docs`` is the reference of the Python language as ``help()`` prints it (``pydoc_data.topics``), ``programs`` are
    21 modules of the standard library: some 465 000 and 1 470 000 characters that lie beside every Python, so that
    numbers belong to its version. Of every ten stretches of 2000 characters the last one is held out, for evaluation.
    Characters are ASCII's; curled quotes and long dashes are read as plain ones,
    others as "?". ``path=my.txt`` reads a text of your own instead, in UTF-8, of 20 000 characters or more, with all
    characters that occur in it. The report shows what each run writes after held-out beginnings.

    Without memory one sees the last character alone. What is called chance here is the accuracy, and the loss, of the
    best table from it to the next one, made with the held-out text itself: nobody without memory does better there.

    Source: the Chinese tutorial "什么是循环神经网络 RNN" (Morvan Zhou, 2016): let an RNN write papers, programs; as a
    model of characters Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015 (there networks of
    three layers on Shakespeare and the source of Linux, the former of 512 units each, and in the code to it the state
    is carried from cut to cut; here each starts anew).
    """

    name = "write_text"
    claim = "Every recurrent cell predicts real text better than the best table from a character to the next."
    exact_chance = False  # of real text
    defaults = {"seq_len": 50}
    sweep = {"cell": "feedforward,rnn,gru,lstm", "seq_len": 50, "seed": "0,1", "hidden_size": 96, "train.steps": 500,
             "train.lr": 0.01, "probe.every": 100}  # fmt: skip

    text: Literal["docs", "programs"] = Field("docs", description="what to read and write: docs or programs")
    path: Path | None = Field(None, description="a text of your own to read instead, .txt in UTF-8; null: none")

    @model_validator(mode="after")
    def _readable(self) -> WriteText:
        if self.path is not None:
            own(self.path, self.content)  # what is wrong with a file is said before anything runs
        return self

    @property
    def characters(self) -> str:
        """Those that can be read and written, by their tokens."""
        return CHARACTERS if self.path is None else alphabet(self.path, self.content)

    @property
    def input_size(self) -> int:
        """The characters."""
        return len(self.characters)

    @property
    def outputs(self) -> Classes:
        return Classes(len(self.characters))

    @property
    def continuation(self) -> Continuation:
        return Continuation(length=240, temperature=0.7, prompt=30)

    def chance(self, seq_len: int) -> float:
        pairs = successions(self)
        return float(pairs.max(axis=1).sum() / pairs.sum())

    def chance_loss(self, seq_len: int) -> float:
        pairs = successions(self)
        share = pairs / pairs.sum(axis=1, keepdims=True).clip(min=1)
        return float(-(pairs * np.log(np.where(pairs > 0, share, 1))).sum() / pairs.sum())

    def refuses(self, seq_len: int) -> str | None:
        return None if 1 <= seq_len < STRETCH else f"1 to {STRETCH - 1}"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return cut(rng, stretches(self, held_out=False), batch_size, seq_len)

    def held_out(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Cuts from the text that training never sees."""
        return cut(rng, stretches(self, held_out=True), batch_size, seq_len)

    def show_continued(self, prompt: NDArray[np.int64], continued: NDArray[np.int64]) -> Sample:
        """Line ends are drawn as ⏎."""
        return Sample(self.written(prompt), answered=self.written(continued))

    def written(self, tokens: NDArray[np.int64]) -> str:
        """Tokens as text on one line."""
        characters = self.characters
        return "".join(characters[token] for token in tokens).replace("\n", "⏎")

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return compare(
            tables, "cell in ['rnn', 'gru', 'lstm']", "cell == 'feedforward'",
            lambda up, down: up.beats(down)
            and up.runs.accuracy.min() > up.runs.chance.mean() + SLACK > down.runs.accuracy.mean(),
        )  # fmt: skip


@cache
def stretches(task: WriteText, held_out: bool) -> NDArray[np.int64]:
    """The text that is read, or the held-out one: tokens, in rows of `STRETCH` characters."""
    place = {character: token for token, character in enumerate(task.characters)}
    if task.path is None:
        tokens = np.array([place.get(character, place["?"]) for character in read(task.text).translate(STRAIGHT)])
    else:
        tokens = np.array([place[character] for character in own(task.path, task.content)])
    rows = tokens[: len(tokens) // STRETCH * STRETCH].reshape(-1, STRETCH)
    return rows[(np.arange(len(rows)) % HELD_OUT == HELD_OUT - 1) == held_out]


def read(text: str) -> str:
    """The text as it lies beside Python."""
    if text == "docs":
        from pydoc_data.topics import topics

        return "\n\n".join(topics[name] for name in sorted(topics))
    specs = [importlib.util.find_spec(name) for name in PROGRAMS]
    return "\n\n".join(Path(spec.origin).read_text("utf-8") for spec in specs if spec and spec.origin)


@cache
def own(path: Path, content: str) -> str:
    """A text of the user's own, while it has this content."""
    with about(path):
        return text_of(path, least=HELD_OUT * STRETCH)


@cache
def alphabet(path: Path, content: str) -> str:
    """The characters of a text of the user's own."""
    return "".join(sorted(set(own(path, content))))


def cut(rng: np.random.Generator, rows: NDArray[np.int64], batch_size: int, seq_len: int) -> Batch:
    """Cuts from random places, each within one stretch."""
    row = rng.integers(len(rows), size=(batch_size, 1))
    start = rng.integers(STRETCH - seq_len, size=(batch_size, 1))
    cuts = rows[row, start + np.arange(seq_len + 1)]
    return Batch(cuts[:, :-1], cuts[:, 1:])


@cache
def successions(task: WriteText) -> NDArray[np.int64]:
    """How often each character follows each other one in the held-out text."""
    rows = stretches(task, held_out=True)
    pairs = np.zeros((task.input_size, task.input_size), dtype=np.int64)
    np.add.at(pairs, (rows[:, :-1], rows[:, 1:]), 1)
    return pairs
