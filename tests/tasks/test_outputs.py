"""What outputs mean: losses by their formulas, what counts as right, and what is said of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.experiment import Classes, Labels, Values
from harness.tasks.outputs import masked_mean

INF, NAN = math.inf, math.nan


def tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_the_loss_of_classes_is_the_negative_logarithm_of_the_targets_share() -> None:
    logits = tensor([[[0.0, math.log(3.0), 0.0], [2.0, 2.0, 2.0]]])
    found = Classes(3).loss(logits, torch.tensor([[1, 0]]))
    assert found.shape == (1, 2)
    assert found.tolist() == [[pytest.approx(-math.log(3 / 5)), pytest.approx(math.log(3))]]


def test_the_loss_of_labels_is_the_mean_over_them() -> None:
    logits = tensor([[[math.log(4.0), -math.log(4.0), 0.0, math.log(4.0)]]])
    found = Labels(4).loss(logits, torch.tensor([[[1, 0, 1, 0]]]))
    expected = -(math.log(0.8) + math.log(0.8) + math.log(0.5) + math.log(0.2)) / 4
    assert found.tolist() == [[pytest.approx(expected)]]


def test_the_loss_of_values_is_the_mean_square_of_the_error() -> None:
    assert Values(0.1).loss(tensor([[[0.5], [2.0]]]), tensor([[1.0, -1.0]])).tolist() == [[0.25, 9.0]]
    assert Values(0.1, n=2).loss(tensor([[[1.0, 4.0]]]), tensor([[[0.0, 1.0]]])).tolist() == [[5.0]]


@pytest.mark.parametrize(
    ("logits", "right"),
    [
        ([0.1, 0.3, 0.2], True),
        ([0.4, 0.3, 0.2], False),
        ([-3.0, -1.0, -2.0], True),
        ([0.0, INF, 0.0], False),  # points at the class, and is no answer
        ([-INF, 1.0, 0.0], False),
        ([NAN, 1.0, 0.0], False),
        ([0.0, NAN, 0.0], False),
    ],
)
def test_a_class_is_right_where_its_finite_logit_is_the_largest(logits: list[float], right: bool) -> None:
    assert Classes(3).right(tensor([[logits]]), torch.tensor([[1]])).tolist() == [[right]]


@pytest.mark.parametrize(
    ("logits", "right"),
    [
        ([0.01, -0.01], True),  # the threshold is a probability of one half: a logit of 0
        ([0.49, -0.49], True),
        ([0.01, 0.01], False),
        ([-0.01, -0.01], False),
        ([3.0, 0.0], True),  # exactly one half is absent
        ([0.0, -1.0], False),
        ([INF, -1.0], False),
        ([1.0, -INF], False),
        ([1.0, NAN], False),
        ([NAN, -1.0], False),
    ],
)
def test_labels_are_right_where_every_finite_logit_is_on_its_side(logits: list[float], right: bool) -> None:
    assert Labels(2).right(tensor([[logits]]), torch.tensor([[[1, 0]]])).tolist() == [[right]]


@pytest.mark.parametrize(
    ("value", "right"),
    [(1.0, True), (1.25, True), (0.75, True), (1.26, False), (0.74, False), (NAN, False), (INF, False), (-INF, False)],
)
def test_values_are_right_within_the_tolerance_and_at_its_edge(value: float, right: bool) -> None:
    assert Values(0.25).right(tensor([[[value]]]), tensor([[1.0]])).tolist() == [[right]]


def test_one_value_of_several_that_is_off_makes_the_answer_wrong() -> None:
    outputs = tensor([[[1.0, 1.0], [1.0, 2.0], [2.0, 1.0]]])
    assert Values(0.5, n=2).right(outputs, torch.ones(1, 3, 2)).tolist() == [[True, False, False]]


def test_outputs_have_the_sizes_and_forms_that_tasks_are_checked_against() -> None:
    assert [(each.size, each.extra, each.dtype) for each in (Classes(7), Labels(3), Values(1.0), Values(1.0, n=2))] == [
        (7, (), "i"), (3, (3,), "i"), (1, (), "f"), (2, (2,), "f"),
    ]  # fmt: skip


def test_what_outputs_decide_and_say() -> None:
    assert Classes(3).say(Classes(3).decide(np.array([0.0, 2.0, 1.0]))) == "1"
    labels = Labels(4)
    assert labels.decide(np.array([0.1, -0.1, 0.0, 5.0])).tolist() == [1, 0, 0, 1]
    assert labels.say(np.array([1, 0, 0, 1])) == "{0, 3}"
    assert labels.say(np.array([0, 0, 0, 0])) == "{}"
    assert Values(0.1).say(Values(0.1).decide(np.array([0.12345]))) == "0.123"
    assert Values(0.1, n=2).say(Values(0.1, n=2).decide(np.array([1.0, -2.0]))) == "1.000, -2.000"


def test_a_masked_mean_takes_what_counts_and_nothing_else() -> None:
    values = torch.tensor([[1.0, 2.0, NAN], [INF, 4.0, 6.0], [1.0, 2.0, 3.0]], requires_grad=True)
    mask = torch.tensor([[True, True, False], [False, True, True], [False, False, False]])
    found = masked_mean(values, mask)
    assert found.tolist() == [1.5, 5.0, 0.0]
    found.sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 0.0]]
