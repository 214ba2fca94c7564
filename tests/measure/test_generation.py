"""Answers that are fed back, and texts that are gone on with, against networks whose answers are known in advance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from harness.experiment import Batch, Classes, Continuation, Experiment
from harness.measure.evaluation import evaluate
from harness.measure.generation import answered_alone, continued, fed_back
from harness.settings.settings import Settings
from harness.tasks.data import Data
from harness.training.building import build, streams
from tests.conftest import Config
from tests.helpers.counting import Counting, settings

FEEDBACK = 2
"""The place of class 0 among the inputs."""


class Naming(Experiment):
    """Two steps of listening, and then three answers, each of which is the next input; tokens or vectors."""

    name: ClassVar[str] = "naming"
    claim: ClassVar[str] = "It can be said."
    vectors: bool = False

    @property
    def input_size(self) -> int:
        return FEEDBACK + 3 + 1  # what is heard, the answers, and a mark

    @property
    def outputs(self) -> Classes:
        return Classes(3)

    @property
    def feedback(self) -> int:
        return FEEDBACK

    def chance(self, seq_len: int) -> float:
        return 1 / 3

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        answers = rng.integers(3, size=(batch_size, 3))
        tokens = np.concatenate([rng.integers(2, size=(batch_size, 2)), np.full((batch_size, 1), 5)], axis=1)
        tokens = np.concatenate([tokens, answers[:, :-1] + FEEDBACK], axis=1)
        if not self.vectors:
            return Batch(tokens, answers)
        inputs = np.eye(6)[tokens]
        inputs[:, :, 0] += 0.25  # what is heard goes on while it speaks
        return Batch(inputs, answers)


def naming(config: Config, vectors: bool = False) -> tuple[list[Settings], Data]:
    made = settings(config, Naming(vectors=vectors), seq_len=5, seed=[0, 1], dtype="float64")
    return made, streams(made, "eval").held_out(9, torch.float64)


def outputs(*classes: int) -> torch.Tensor:
    """Logits (1, B, 3) that say these classes."""
    return torch.nn.functional.one_hot(torch.tensor([classes]), 3).double() - 0.5


def test_a_token_that_is_fed_back_is_the_answers_own(config: Config) -> None:
    _, data = naming(config)
    found = fed_back(data.samples(0, 3).only([0]), 4, outputs(2, 0, 1), FEEDBACK)
    assert found.tolist() == [[4, 2, 3]]


def test_in_a_vector_the_answer_takes_the_place_of_the_right_one_and_the_rest_stays(config: Config) -> None:
    _, data = naming(config, vectors=True)
    part = data.samples(0, 3).only([1])
    before = part.inputs.clone()
    found = fed_back(part, 4, outputs(2, 0, 1), FEEDBACK)
    assert found.tolist() == [[
        [0.25, 0, 0, 0, 1, 0],
        [0.25, 0, 1, 0, 0, 0],
        [0.25, 0, 0, 1, 0, 0],
    ]]  # fmt: skip
    assert torch.equal(part.inputs, before)


@pytest.mark.parametrize("vectors", [False, True])
def test_what_is_answered_alone_equals_a_run_on_ones_own_answers_step_by_step(config: Config, vectors: bool) -> None:
    made, data = naming(config, vectors)
    network = build(made, torch.float64)
    network.flat += 0.7 * torch.randn(network.flat.shape, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        found = answered_alone(network, data, FEEDBACK)
        inputs = data.inputs.clone()
        for place, step in enumerate((3, 4, 5)):
            logits = network.outputs(inputs, [step])[:, :, 0]
            torch.testing.assert_close(found[:, :, place], logits, rtol=1e-12, atol=1e-12)
            if step == 5:
                break
            said = logits.argmax(-1)
            if vectors:
                inputs[:, step, :, FEEDBACK : FEEDBACK + 3] = torch.nn.functional.one_hot(said, 3).double()
            else:
                inputs[:, step] = FEEDBACK + said
        assert not torch.equal(inputs, data.inputs)
        losses, right, first = evaluate(network, made[0].experiment, data)
    taught = data.loss(network.outputs(data.inputs, data.scored))
    torch.testing.assert_close(losses, taught)
    assert torch.equal(right, (found.argmax(-1) == data.targets).sum(2))
    torch.testing.assert_close(first, found[:, :4])


def test_answers_that_are_fed_back_must_follow_each_other(config: Config) -> None:
    made, data = naming(config)
    with pytest.raises(ValueError, match=r"scored: \[3, 5\]; valid with feedback: consecutive steps"):
        answered_alone(build(made, torch.float64), replace(data, scored=[3, 5]), FEEDBACK)


class Writing(Counting):
    """Counting, with a continuation of one's choice."""

    name: ClassVar[str] = "writing"
    heat: float = 0.0
    start: int = 3

    @property
    def continuation(self) -> Continuation:
        return Continuation(length=6, temperature=self.heat, prompt=self.start)


def written(config: Config, seeds: list[int], change: Any = None, **options: Any) -> tuple[torch.Tensor, Data, Any]:
    made = settings(config, Writing(**options), hidden_size=8, dtype="float64", seed=seeds)
    network = build(made, torch.float64)
    if change:
        change(network)
    data = streams(made, "eval").held_out(7, torch.float64)
    with torch.no_grad():
        return continued(network, made[0].experiment, seeds, data), data, network


def stronger(network: Any) -> None:
    network.flat.mul_(4)


def test_at_temperature_zero_the_likeliest_token_is_written_each_time(config: Config) -> None:
    found, data, network = written(config, [0, 1], stronger)
    assert found.shape == (2, 4, 6)  # of the first four samples
    inputs = data.inputs[:, :3, :4]
    with torch.no_grad():
        for step in range(6):
            token = network.outputs(inputs, [3 + step])[:, :, 0].argmax(-1)
            assert torch.equal(found[:, :, step], token)
            inputs = torch.cat([inputs, token[:, None]], dim=1)
    assert len(found.unique()) > 1


def test_tokens_are_drawn_with_the_shares_of_the_softmax_at_the_temperature(config: Config) -> None:
    """A network whose logits are the biases alone writes every token with the same shares, whatever came before."""
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0, 0.5], dtype=torch.float64)

    def fixed(network: Any) -> None:
        network.flat.zero_()
        network.weights["readout.bias"].copy_(logits)

    seeds = list(range(150))
    for heat in (1.0, 2.0):
        found, _, _ = written(config, seeds, fixed, heat=heat)
        expected = torch.softmax(logits / heat, 0)
        shares = torch.bincount(found.flatten(), minlength=5) / found.numel()
        torch.testing.assert_close(shares.double(), expected, rtol=0, atol=4 * 0.5 / found.numel() ** 0.5)
    one, _, _ = written(config, [7, 8], fixed, heat=1.0)
    other, _, _ = written(config, [8], fixed, heat=1.0)
    assert torch.equal(one[1], other[0])  # who writes beside it changes nothing
    assert not torch.equal(one[0], one[1])


def test_the_beginning_that_is_gone_on_with_has_the_length_that_the_task_says(config: Config) -> None:
    lengths = {start: written(config, [0], stronger, start=start)[0] for start in (1, 5)}
    assert lengths[1].shape == lengths[5].shape == (1, 4, 6)
    assert not torch.equal(lengths[1], lengths[5])
