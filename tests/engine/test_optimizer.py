from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.engine.optimizer import OPTIMIZERS, MemberOptimizer

TORCHS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
}


def all_of(members: int) -> Tensor:
    return torch.ones(members, dtype=torch.bool)


def gradients(dtype: torch.dtype) -> list[Tensor]:
    """Of three members over some steps, from very small to very large ones, with exact zeros."""
    generator = torch.Generator().manual_seed(1)
    sizes = torch.tensor([1e-12, 1.0, 1e6], dtype=dtype)[:, None]
    drawn = [torch.randn(3, 77, generator=generator, dtype=dtype) * sizes for _ in range(12)]
    return [values.where(values.abs() > 0.1 * sizes, 0) for values in drawn]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_move_as_torchs_own_optimiser_moves_them_to_the_bit(name: str, dtype: torch.dtype) -> None:
    weights, lr = torch.zeros(3, 77, dtype=dtype), [1.0, 1.0, 1.0]
    expected = torch.nn.Parameter(weights.clone())
    ours = MemberOptimizer(weights, name, lr, [None] * 3)
    theirs = TORCHS[name]([expected], lr=1.0, foreach=False)
    for grad in gradients(dtype):
        # Each step starts from zeros: what is compared is the move, not what is left of it beside larger weights.
        weights.zero_()
        expected.data.zero_()
        ours.grad.copy_(grad)
        expected.grad = grad.clone()
        ours.step(all_of(3))
        theirs.step()
        assert torch.equal(weights, expected)
        assert weights.any()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_member_moves_the_same_alone_or_packed_and_after_others_have_left(name: str) -> None:
    def optimizer(members: list[int]) -> MemberOptimizer:
        lr, limits = [0.1, 0.01, 1e-7], [None, 0.5, 1.0]
        return MemberOptimizer(torch.ones(3, 77)[members], name, [lr[k] for k in members], [limits[k] for k in members])

    packed, alone = optimizer([0, 1, 2]), optimizer([1])
    for step, grad in enumerate(gradients(torch.float32)):
        if step == 6:
            packed.keep([1], packed.flat[[1]])
        packed.grad.copy_(grad if step < 6 else grad[[1]])
        alone.grad.copy_(grad[[1]])
        packed.step(all_of(len(packed.flat)))
        alone.step(all_of(1))
    assert torch.equal(packed.flat, alone.flat)


def test_an_optimiser_does_not_load_the_compiler_of_torch() -> None:
    code = (
        "import sys, torch; from harness.engine.optimizer import MemberOptimizer as M\n"
        "M(torch.zeros(1, 2), 'adam', [0.1], [1.0]).step(torch.ones(1, dtype=torch.bool))\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "own"),
    [
        *((name, {}) for name in OPTIMIZERS),
        *((name, {"weight_decay": [0.3, None, 0.01]}) for name in OPTIMIZERS),
        ("sgd", {"momentum": [0.9, 0.0, 0.5]}),
        ("sgd", {"momentum": [0.0, 0.9, 0.99], "weight_decay": [0.1, 0.2, 0.0]}),
    ],
)
def test_members_with_values_of_their_own_go_where_torch_takes_each_alone(name: str, own: dict[str, Any]) -> None:
    """From weights that are not zero, over many steps. What is None is torch's default."""
    rates, start = [0.1, 0.003, 0.02], torch.linspace(-2, 2, 3 * 77, dtype=torch.float64).view(3, 77)
    ours = MemberOptimizer(start.clone(), name, rates, [None] * 3, **own)
    alone = [torch.nn.Parameter(row.clone()) for row in start]
    chosen = [{key: each[k] for key, each in own.items() if each[k] is not None} for k in range(3)]
    theirs = [TORCHS[name]([alone[k]], lr=rates[k], **chosen[k]) for k in range(3)]
    for grad in gradients(torch.float64):
        ours.grad.copy_(grad)
        clipped = ours.step(all_of(3))
        assert clipped.tolist() == [False] * 3
        for weight, optimizer, given in zip(alone, theirs, grad, strict=True):
            weight.grad = given.clone()
            optimizer.step()
        torch.testing.assert_close(ours.flat, torch.stack([weight.data for weight in alone]), rtol=1e-12, atol=1e-15)


def test_values_are_clipped_as_torch_clips_them_and_the_norm_after_them() -> None:
    limits, norms = [0.5, None, 0.1, 0.5, 2.0], [None, 1.0, 0.25, None, 1e6]
    given = torch.tensor([[3.0, -0.2, 0.4], [3, 4, 0], [1, -2, 3], [torch.inf, torch.nan, -1], [1, -2, 0]]).double()
    ours = MemberOptimizer(torch.zeros_like(given), "sgd", [1.0] * 5, norms, limits)
    ours.grad.copy_(given)
    assert ours.step(all_of(5)).tolist() == [True, True, True, True, False]
    for member, (limit, norm) in enumerate(zip(limits, norms, strict=True)):
        weight = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
        weight.grad = given[member].clone()
        if limit is not None:
            torch.nn.utils.clip_grad_value_([weight], limit)
        if norm is not None:
            torch.nn.utils.clip_grad_norm_([weight], norm)
        torch.testing.assert_close(-ours.flat[member], weight.grad, rtol=1e-5, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_weight_that_is_not_trained_does_not_decay(name: str) -> None:
    trained = torch.tensor([True, False, True])
    optimizer = MemberOptimizer(torch.ones(2, 3), name, [0.1] * 2, [None] * 2, weight_decay=[0.5] * 2, trained=trained)
    optimizer.step(all_of(2))
    assert optimizer.flat[:, 1].tolist() == [1, 1]
    assert (optimizer.flat[:, [0, 2]] < 1).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_values_that_do_nothing_leave_every_bit_as_it_is_also_beside_others(name: str) -> None:
    def made(**own: Any) -> MemberOptimizer:
        flat = torch.linspace(-2, 2, 2 * 77).view(2, 77).clone()
        return MemberOptimizer(flat, name, [0.1, 0.01], [1.0, None], **own)

    without = made(weight_decay=[0.0, 0.0])
    beside = made(clip_value=[None, 0.1], momentum=[0.0, 0.9], weight_decay=[0.0, 0.1])
    for grad in gradients(torch.float32):
        for optimizer in (without, beside):
            optimizer.grad.copy_(grad[1:])
            optimizer.step(all_of(2), None if optimizer is without else [1.0, 0.5])
    assert torch.equal(without.flat[0], beside.flat[0])
    assert not torch.equal(without.flat[1], beside.flat[1])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_after_the_first_member_has_left_the_others_keep_their_own_values_and_averages(name: str) -> None:
    rates, limits, values = [0.3, 0.01, 0.05], [0.1, None, 5.0], [None, 0.7, 3.0]
    momentum, decay = [0.3, 0.9, 0.6], [0.1, 0.01, 0.2]

    def made(members: list[int]) -> MemberOptimizer:
        flat = torch.arange(3.0, dtype=torch.float64)[members, None].repeat(1, 77)
        own: list[Any] = [[each[k] for k in members] for each in (rates, limits, values, momentum, decay)]
        return MemberOptimizer(flat, name, *own)

    packed, alone = made([0, 1, 2]), {1: made([1]), 2: made([2])}
    for step, grad in enumerate(gradients(torch.float64)):
        if step == 4:
            packed.keep([1, 2], packed.flat[[1, 2]])
        if step == 8:
            packed.keep([1], packed.flat[[1]])
        rows = [0, 1, 2] if step < 4 else [1, 2] if step < 8 else [2]
        packed.grad.copy_(grad[rows])
        clipped = packed.step(all_of(len(rows))).tolist()
        for k, own in alone.items():
            own.grad.copy_(grad[[k]])
            (limited,) = own.step(all_of(1)).tolist()
            if k in rows:
                assert clipped[rows.index(k)] == limited
                assert torch.equal(packed.flat[rows.index(k)], own.flat[0])


def test_a_member_that_is_at_rest_does_not_move_and_the_others_do() -> None:
    for name in OPTIMIZERS:
        optimizer = MemberOptimizer(torch.ones(3, 4), name, [0.1] * 3, [None] * 3)
        optimizer.grad.copy_(torch.tensor([[1.0], [torch.nan], [torch.inf]]).expand(3, 4))
        optimizer.step(torch.tensor([True, False, False]))
        assert (optimizer.flat[0] < 1).all()
        assert (optimizer.flat[1:] == 1).all()


def test_without_limits_nothing_is_said_to_be_clipped() -> None:
    optimizer = MemberOptimizer(torch.zeros(2, 3), "sgd", [1.0] * 2, [None] * 2)
    clipped = optimizer.step(all_of(2))
    assert (clipped.dtype, clipped.tolist()) == (torch.bool, [False, False])


def test_a_gradient_beyond_its_limit_is_scaled_to_it_and_others_are_left_as_they_are() -> None:
    """As `torch.nn.utils.clip_grad_norm_` does, but for the 1e-6 that it adds to the norm."""
    limits = [1.0, 5.0, 5.0 + 1e-9, None, 2.5]
    optimizer = MemberOptimizer(torch.zeros(5, 2, dtype=torch.float64), "sgd", [1.0] * 5, limits)
    optimizer.grad.copy_(torch.tensor([3.0, 4.0], dtype=torch.float64).expand(5, 2))  # of norm 5
    assert optimizer.step(all_of(5)).tolist() == [True, False, False, False, True]
    torch.testing.assert_close(
        optimizer.flat,
        -torch.tensor([[0.6, 0.8], [3, 4], [3, 4], [3, 4], [1.5, 2]], dtype=torch.float64), rtol=1e-15, atol=0,
    )  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_goes_on_from_its_state(name: str) -> None:
    one = MemberOptimizer(torch.ones(3, 77), name, [0.1] * 3, [None] * 3)
    two = MemberOptimizer(torch.ones(3, 77), name, [0.1] * 3, [None] * 3)
    for step, grad in enumerate(gradients(torch.float32)):
        if step == 5:
            two.flat.copy_(one.flat)
            two.restore(one.state)
            averages = {key: value.clone() for key, value in one.state["averages"].items()}
            two.restore({"steps": one.state["steps"], "averages": averages})
        for optimizer in (one, two) if step >= 5 else (one,):
            optimizer.grad.copy_(grad)
            optimizer.step(all_of(3))
    assert torch.equal(one.flat, two.flat)
