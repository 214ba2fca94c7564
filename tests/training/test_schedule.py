from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
import pytest
import torch
from torch.optim import lr_scheduler

from harness.settings.members import members
from harness.settings.settings import Train
from harness.training.pack import run
from harness.training.schedule import schedule_of
from tests.conftest import Config


def torchs(train: Train) -> list[float]:
    """The learning rate of every step, by torch's own schedules one after the other."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=train.lr)
    length, warmup = train.steps - train.warmup, train.warmup
    after: Any = {
        "constant": lambda: lr_scheduler.ConstantLR(optimizer, factor=1.0),
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimizer, T_max=length),
        "step": lambda: lr_scheduler.StepLR(optimizer, train.step_size or -(-length // 3), train.gamma or 0.1),
    }[train.schedule]()
    schedule = after
    if warmup:
        rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
        schedule = lr_scheduler.SequentialLR(optimizer, [rise, after], milestones=[warmup])
    found = []
    for _ in range(train.steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SequentialLR calls its schedules in a way that torch deprecates
            schedule.step()
    return found


@pytest.mark.parametrize("warmup", [0, 1, 7])
@pytest.mark.parametrize(
    "options",
    [
        {"schedule": "constant"},
        {"schedule": "cosine"},
        {"schedule": "step"},
        {"schedule": "step", "step_size": 4, "gamma": 0.5},
    ],
)
def test_the_learning_rate_is_that_of_torchs_schedules(options: dict[str, Any], warmup: int) -> None:
    train = Train(steps=29, lr=0.02, warmup=warmup, **options)
    factor = schedule_of(train)
    assert [train.lr * factor(step) for step in range(29)] == pytest.approx(torchs(train), rel=1e-9)


def test_the_first_step_of_a_warm_up_moves_and_the_first_after_it_is_full() -> None:
    factor = schedule_of(Train(steps=10, warmup=3))
    assert [factor(step) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_members_with_schedules_of_their_own_learn_what_each_learns_alone(config: Config) -> None:
    schedules, warmups = ["constant", "cosine", "step"], [0, 3]
    train = {"steps": 9, "lr": 0.05, "optimizer": "sgd", "momentum": 0.5}
    small: dict[str, Any] = {"engine": {"compile": True}, "probe": {"every": 3}}
    pack = members(config(train={**train, "schedule": schedules, "warmup": warmups}, **small))
    together = run(pack)["curves"]
    losses = set()
    for schedule in schedules:
        for warmup in warmups:
            (alone,) = members(config(train={**train, "schedule": schedule, "warmup": warmup}, **small))
            found = together[together.run_id == alone.run_id].reset_index(drop=True)
            pd.testing.assert_frame_equal(found, run([alone])["curves"], check_exact=True)
            losses.add(found.loss.iloc[-1])
    assert len(losses) == 6
