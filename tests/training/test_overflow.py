"""Gradients that are not finite on the way back, while losses are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.analysis.about_trouble import trouble
from harness.settings.members import members
from harness.tables.reasons import NOT_FINITE, OVERFLOWED
from harness.training.pack import Pack, run
from harness.training.record import Record
from tests.conftest import Config

DOUBLES = {"cell": "linear", "input_scale": 0, "init": "identity"}
"""With a weight of 2 and nothing to read, states stay 0, and the gradient doubles with every step back."""


def found(config: Config, seq_len: int, **changes: Any) -> dict[str, pd.DataFrame]:
    return run(members(config(**{**DOUBLES, "seq_len": seq_len, **changes})))


@pytest.mark.parametrize(
    ("seq_len", "dtype", "reason"),
    [
        (100, "float32", None),  # 2^100 = 1e30
        (200, "float32", OVERFLOWED),  # 2^200 = 2e60
        (200, "float64", None),
        (1100, "float32", NOT_FINITE),  # 2^1100 = 1e331
        (1100, "float64", NOT_FINITE),
    ],
)
def test_it_is_told_whether_double_precision_would_hold_it(
    config: Config, seq_len: int, dtype: str, reason: str | None
) -> None:
    runs = found(config, seq_len, dtype=dtype, weight_scale=2.0, train={"steps": 1})["runs"]
    assert runs.reason.tolist() == [reason]
    assert runs.status.tolist() == ["diverged" if reason else "ok"]
    assert runs.diverged_at.isna().tolist() == [not reason]


@pytest.mark.parametrize("clip_norm", [1.0, None])
def test_a_run_stops_before_it_would_move_and_its_neighbours_do_not_notice(
    config: Config, clip_norm: float | None
) -> None:
    both = found(config, 200, weight_scale=[1.0, 2.0], train={"clip_norm": clip_norm})
    kept, lost = both["runs"].iloc[0], both["runs"].iloc[1]
    assert (lost.diverged_at, lost.steps, kept.status) == (1, 0, "ok")
    untrained = found(config, 200, weight_scale=2.0, train={"steps": 0})["runs"].iloc[0]
    assert lost.loss == pytest.approx(untrained.loss)
    calm = found(config, 200, weight_scale=[1.0, 0.9], train={"clip_norm": clip_norm})
    own = [frames["curves"][frames["curves"].run_id == kept.run_id].reset_index(drop=True) for frames in (both, calm)]
    pd.testing.assert_frame_equal(*own, check_exact=True)


def test_weights_are_those_before_the_step(config: Config) -> None:
    runs = members(config(**DOUBLES, seq_len=200, weight_scale=2.0))
    pack, record = Pack(runs), Record(runs)
    before = pack.network.flat.clone()
    with torch.no_grad():
        outcome = pack.outcome(pack.take_gradient())
        pack.move()
        outcome.note_in(record)
    assert (record.members[0].reason, record.members[0].diverged_at) == (OVERFLOWED, 1)
    assert pack.network.flat.equal(before)


def test_findings_say_it_besides_the_step(config: Config) -> None:
    runs = pd.concat(
        [found(config, length, weight_scale=[2.0, 1.0], train={"steps": 1})["runs"] for length in (200, 1100)]
    )
    said = list(trouble(runs))
    assert said == [
        "2 of 4 runs diverged, at training step 1: linear at weight scale 2.",
        "In 1 of these the gradient overflowed float32 on the way back, while the loss was finite. "
        "dtype=float64 holds it.",
        "In 1 of these the gradient was not finite on the way back, while the loss was. "
        "dtype=float64 does not hold it.",
    ]


def test_a_loss_that_is_not_finite_has_no_such_reason(config: Config) -> None:
    runs = found(config, 200, weight_scale=2.0, input_scale=1.0)["runs"]
    assert runs.status.tolist() == ["diverged"]
    assert not np.isfinite(runs.loss.item())
    assert runs.reason.isna().all()
