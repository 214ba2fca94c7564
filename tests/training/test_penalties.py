"""Penalties in a training: whose they are, and that they do to networks what they are for."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch

from harness.engine.gradient_penalty import gradient_penalty
from harness.engine.orthogonal_penalty import orthogonal_gradient
from harness.settings.members import members
from harness.training.pack import Pack, run
from tests.conftest import Config


def test_penalties_are_each_members_own_and_none_leaves_all_as_it_is(config: Config) -> None:
    """To the bit: a member without penalties beside others is one without penalties alone."""
    train = {"orthogonal_penalty": [None, 0.1], "gradient_penalty": [None, 0.5], "steps": 4}
    small: dict[str, Any] = {"cell": "lstm", "engine": {"compile": True}}
    pack = members(config(train=train, **small))
    together = run(pack)["curves"]
    ends = set()
    for settings in pack:
        (alone,) = members(config(train=settings.train.model_dump(), **small))
        found = together[together.run_id == alone.run_id].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, run([alone])["curves"], check_exact=True)
        ends.add(found.loss.iloc[-1])
    assert len(ends) == 4


def test_the_loss_in_the_tables_is_the_tasks_own(config: Config) -> None:
    """Before the first step nothing has moved yet: members that differ in penalties alone have the same losses."""
    train = {"orthogonal_penalty": [None, 10.0], "gradient_penalty": [None, 10.0]}
    curves = run(members(config(train=train)))["curves"]
    assert curves[curves.step == 0].loss.nunique() == 1
    pack = Pack(members(config(train=train)))
    assert len(set(pack.take_gradient().tolist())) == 1
    assert len({tuple(row) for row in pack.optimizer.grad.tolist()}) == 4


def test_a_weight_of_a_penalty_is_as_exact_as_the_gradient(config: Config) -> None:
    train = {"orthogonal_penalty": [None, 0.1]}
    pack = Pack(members(config(cell="rnn", init="gaussian", dtype="float64", train=train)))
    with torch.no_grad():
        pack.take_gradient()
        plain, penalized = pack.optimizer.grad
        expected = 0.1 * orthogonal_gradient(pack.network)[1]
    assert expected.norm() > 1e-3
    torch.testing.assert_close(penalized - plain, expected, rtol=1e-12, atol=1e-15)


def trained(config: Config, **changes: Any) -> Pack:
    changes["train"] = {"steps": 40, "lr": 0.02, **changes["train"]}
    pack = Pack(members(config(cell="rnn", seq_len=16, seed=5, **changes)))
    for _ in range(40):
        pack.take_gradient()
        pack.move()
    return pack


def test_the_orthogonal_penalty_brings_singular_values_to_1(config: Config) -> None:
    pack = trained(config, init="gaussian", weight_scale=0.7, train={"orthogonal_penalty": [None, 1.0]})
    values = torch.linalg.svdvals(pack.network.weights["layer1.recurrent"])
    away, near = (values - 1).abs().amax(dim=1).tolist()
    assert away > 0.4
    assert near < 0.1


def test_the_gradient_penalty_brings_the_gradients_length_closer_to_being_kept(config: Config) -> None:
    pack = trained(config, weight_scale=0.6, train={"gradient_penalty": [None, 2.0]})
    batch = pack.data.next(32, torch.float32)
    kept = pack.network.step_gradients(batch.inputs, totals=True)
    pack.network.gradients(batch.inputs, batch.scored, batch.loss, pack.optimizer.grad, kept)
    without, with_penalty = gradient_penalty(pack.network, batch.inputs, kept, [0, 1])[0].tolist()
    assert with_penalty < without / 2


def test_a_neighbour_that_diverges_does_not_disturb_a_member_with_penalties(config: Config) -> None:
    train = {"steps": 8, "clip_norm": None, "gradient_penalty": 0.5, "orthogonal_penalty": 0.01, "lr": 0.01}
    wild: dict[str, Any] = {"cell": "rnn_relu", "init": "identity", "seq_len": 40, "engine": {"compile": True}}
    both = run(members(config(weight_scale=[40.0, 1.0], train=train, **wild)))
    assert both["runs"].status.tolist() == ["diverged", "ok"]
    (alone,) = members(config(weight_scale=1.0, train=train, **wild))
    found = both["curves"][both["curves"].run_id == alone.run_id].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, run([alone])["curves"], check_exact=True)
