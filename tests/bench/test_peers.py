from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.bench.peers import BUILD
from harness.bench.task import Task, make_task
from harness.bench.ways import WAYS, Problem

CELLS = ["rnn", "gru", "lstm"]


def a_task(cell: str) -> Task:
    return make_task(Problem(cell, (2, 6, 4, 5)))


def assert_same(found: tuple[Any, Any], expected: tuple[Any, Any]) -> None:
    for own, ours in zip(found, expected, strict=True):
        if own is not None:
            torch.testing.assert_close(own.double(), ours.double(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_jax_computes_the_same_losses_and_norms_over_several_steps(cell: str) -> None:
    pytest.importorskip("jax", reason="JAX is an optional extra: pip install '.[bench]'")
    ours, jax = (BUILD[way](a_task(cell)) for way in "ae")
    for _ in range(3):
        assert_same(jax(), ours())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("way", "bcd")
def test_the_other_ways_compute_the_same_losses_and_norms(cell: str, way: str) -> None:
    # Later steps differ: torch trains two biases where one would do, so that their sum moves twice as fast.
    assert_same(BUILD[way](a_task(cell))(), BUILD["a"](a_task(cell))())


@pytest.mark.parametrize("cell", ["linear_attention", "echo_state", "feedforward", "module"])
def test_a_loop_over_the_cells_own_step_computes_the_same_losses_and_norms(cell: str) -> None:
    ours, loop = (BUILD[way](make_task(Problem(cell, (2, 6, 4, 8)))) for way in "ac")
    for _ in range(2):
        assert_same(loop(), ours())


def test_members_have_the_same_weights_and_data_alone_as_with_others() -> None:
    problem = Problem("gru", (3, 6, 4, 5))
    all_members, last = make_task(problem), make_task(problem, [2])
    assert torch.equal(last.network.flat[0], all_members.network.flat[2])
    assert torch.equal(last.inputs[0], all_members.inputs[2])
    assert torch.equal(last.targets[0], all_members.targets[2])


def test_every_way_in_words_is_one_in_code() -> None:
    assert list(BUILD) == list(WAYS)
