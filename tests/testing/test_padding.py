"""Padding: declared it is nothing, and a check that meets one that is not says so."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import pytest
from pydantic import Field

from harness.base.seeds import stream
from harness.experiment import Batch, Classes, Experiment
from harness.testing import ContractError, check_experiment
from harness.testing._padding import AFTER, SILENCE, padded_after, padded_before


class FirstBit(Experiment):
    """The first of a row of bits of varying length, asked for at the row's end."""

    name: ClassVar[str] = "first_bit"
    claim: ClassVar[str] = "It is kept."
    padded: Literal["left", "right", "declared", "nowhere"] = Field("right", description="where rows are padded")
    real: bool = Field(False, description="vectors, not tokens")

    @property
    def input_size(self) -> int:
        return 3

    @property
    def outputs(self) -> Classes:
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 0.5

    def min_seq_len(self) -> int:
        return 4

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        steps = np.arange(1, seq_len + 1)
        lengths = rng.integers(2, seq_len + 1, size=batch_size)
        if self.padded == "nowhere":
            lengths[:] = seq_len
        start = seq_len - lengths if self.padded == "left" else np.zeros_like(lengths)
        inside = (steps > start[:, None]) & (steps <= (start + lengths)[:, None])
        tokens = np.where(inside, rng.integers(2, size=(batch_size, seq_len)), 2)
        first = tokens[np.arange(batch_size), start][:, None]
        inputs = np.eye(3)[tokens] if self.real else tokens
        if self.padded == "declared":
            return Batch(inputs, first, lengths=lengths)
        ends = steps == (start + lengths)[:, None]
        return Batch(inputs, np.repeat(first, seq_len, axis=1), mask=ends, cue=start + 1)


@pytest.mark.parametrize("real", [False, True])
def test_padding_is_seen_on_either_side(real: bool) -> None:
    found = {}
    for where in ("left", "right", "declared", "nowhere"):
        batch = FirstBit(padded=where, real=real).sample(stream(0, "test"), 50, 9)
        found[where] = padded_before(batch), padded_after(batch)
    nothing = {"declared": (False, None), "nowhere": (False, None)}
    assert found == {"left": (True, None), "right": (False, AFTER), **nothing}


def test_what_goes_on_after_the_last_answer_is_no_padding() -> None:
    rng = np.random.default_rng(0)
    tokens, asked = rng.integers(3, size=(50, 9)), rng.integers(1, 10, size=(50, 1))
    assert not padded_after(Batch(tokens, tokens, mask=np.arange(1, 10) == asked))


def test_what_comes_before_as_well_may_be_silence() -> None:
    tokens, asked = np.zeros((50, 9), dtype=np.int64), np.random.default_rng(0).integers(3, 10, size=(50, 1))
    tokens[:, 0] = 1
    assert padded_after(Batch(tokens, tokens, mask=np.arange(1, 10) == asked)) == SILENCE


def test_the_check_refuses_padding_that_could_be_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.testing._counting.SAMPLES", 4000)
    with pytest.raises(ContractError, match=r"sample: after the last output that counts.*valid: Batch\(lengths=…\)"):
        check_experiment(FirstBit(), steps=0)


@pytest.mark.slow
def test_the_check_warns_of_padding_on_the_left_and_takes_what_is_declared() -> None:
    with pytest.warns(UserWarning, match="padding on the left"):
        check_experiment(FirstBit(padded="left"))
    check_experiment(FirstBit(padded="declared"))
