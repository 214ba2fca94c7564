"""One bit against noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.experiments.latch import Latch
from tests.helpers.claims import assert_borne_out, borne_out, trained
from tests.helpers.tasks import draw


def test_without_noise_the_first_inputs_are_the_class_and_the_others_nothing() -> None:
    batch = draw(Latch(noise=0, length=2), 50, 6)
    for row, (bit,) in zip(batch.inputs[..., 0].tolist(), batch.targets.tolist(), strict=True):
        assert row == [{0: -1, 1: 1}[bit]] * 2 + [0] * 4
    assert batch.cue.tolist() == [[1, 2]] * 50
    assert {*batch.targets.ravel().tolist()} == {0, 1}


def test_the_rest_is_noise_of_the_stated_size_that_does_not_know_the_class() -> None:
    batch = draw(Latch(noise=0.5), 20_000, 6)
    one = batch.targets[:, 0] == 1
    later = batch.inputs[:, 3:, 0]
    assert later.std() == pytest.approx(0.5, rel=0.02)
    assert later[one].mean() == pytest.approx(later[~one].mean(), abs=0.02)
    assert batch.inputs[one, :3].mean() == pytest.approx(1, abs=0.02)
    assert one.mean() == pytest.approx(Latch().chance(6), abs=0.02)
    # The loss of always answering one half.
    assert -np.log(0.5) == pytest.approx(Latch().chance_loss(6))


@pytest.mark.slow
def test_most_runs_hold_the_bit_from_full_scale_and_lose_it_from_half_scale() -> None:
    runs = trained(
        Latch, "rnn", seq_len=60, hidden_size=32, weight_scale=[0.5, 1.0], seed=[0, 1, 2, 3],
        train={"steps": 350, "lr": 0.003},
    )  # fmt: skip
    assert_borne_out(Latch, runs)


def test_the_claim_needs_both_scales() -> None:
    runs = pd.DataFrame({"weight_scale": [0.5, 1.0], "accuracy": [0.5, 1.0], "solved": [False, True]})
    runs = runs.assign(cell="rnn", seq_len=60, status="ok", chance=0.5)
    assert borne_out(Latch, runs) is True
    assert borne_out(Latch, runs.assign(solved=True)) is False
    assert borne_out(Latch, runs[1:]) is None
