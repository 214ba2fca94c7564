"""Settings that have an effect are taken, and those that have none as they stand together are refused, to the step."""

from __future__ import annotations

from typing import Any

import pytest

from harness.base.errors import UserError
from harness.settings.members import members
from tests.conftest import Config

TOKENS = {"experiment": "parity", "seq_len": 8}
VECTORS = {"experiment": "adding", "seq_len": 8}


def train(**settings: Any) -> dict[str, Any]:
    return {**TOKENS, "train": {"steps": 6, **settings}}


@pytest.mark.parametrize(
    "settings",
    [
        TOKENS,
        VECTORS,
        {**TOKENS, "input_scale": 0.5},
        {**TOKENS, "embedding_size": 3},
        train(momentum=0.9, optimizer="sgd"),
        train(optimizer="sgd"),
        train(warmup=5),
        train(schedule="step", step_size=5),
        train(schedule="step", step_size=2, warmup=3),
        train(schedule="step", gamma=0.5),
        train(curriculum="uniform", shortest=3),
        train(curriculum="growing", growth=0.5),
        train(curriculum="growing_uniform", growth=0.5, shortest=3),
        train(orthogonal_penalty=0.1),
        train(gradient_penalty=0.1),
        {**TOKENS, "dropout": 0.1, "num_layers": 2},
        train(k2=7),
        train(k2=7, k1=7),
        train(k2=3, k1=1),
        {**TOKENS, "cell": "echo_state"},
    ],
)
def test_what_has_an_effect_is_taken(config: Config, settings: dict[str, Any]) -> None:
    assert len(members(config(**settings))) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({**VECTORS, "embedding_size": 3}, "embedding_size=3: experiment=adding gives real vectors"),
        (train(momentum=0.9, optimizer="rmsprop"), "train.momentum=0.9: not for train.optimizer=rmsprop"),
        (train(warmup=6), "train.warmup=6: no shorter than train.steps=6"),
        (train(schedule="step", step_size=6), "train.step_size=6: no drop in 6 steps"),
        (train(schedule="step", step_size=3, warmup=3), "train.step_size=3: no drop in 3 steps"),
        (train(step_size=2), "train.step_size=2: not for train.schedule=constant"),
        (train(gamma=0.5), "train.gamma=0.5: not for train.schedule=constant"),
        (train(shortest=3), "train.shortest=3: not for train.curriculum=none"),
        (train(curriculum="uniform", growth=0.5), "train.growth=0.5: not for train.curriculum=uniform"),
        ({**train(orthogonal_penalty=0.1), "cell": "echo_state"}, "train.orthogonal_penalty=0.1: cell=echo_state"),
        ({**train(gradient_penalty=0.1), "cell": "echo_state"}, "train.gradient_penalty=0.1: cell=echo_state trains"),
        (train(gradient_penalty=0.1, k2=3), "train.gradient_penalty=0.1: not with train.k2=3"),
        ({**TOKENS, "dropout": 0.1}, "dropout=0.1: acts between layers, and there is one"),
        (train(k1=2), "train.k1=2: not with train.k2=null"),
        (train(k1=4, k2=3), "train.k1=4: not with train.k2=3"),
        (train(k2=8), "train.k2=8: no way back is longer with seq_len=8"),
    ],
)
def test_what_has_none_is_refused(config: Config, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as raised:
        members(config(**settings))
    assert str(raised.value).startswith(said)


def test_of_several_empty_lists_the_first_setting_is_named(config: Config) -> None:
    with pytest.raises(UserError, match=r"^weight_scale=\[\]: an empty list"):
        members(config(seed=[], weight_scale=[]))
