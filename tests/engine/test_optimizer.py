from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from harness.engine.optimizer import OPTIMIZERS, MemberOptimizer

TORCHS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
}


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
        ours.step([True] * 3)
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
        packed.step([True] * len(packed.flat))
        alone.step([True])
    assert torch.equal(packed.flat, alone.flat)


def test_an_optimiser_does_not_load_the_compiler_of_torch() -> None:
    code = (
        "import sys, torch; from harness.engine.optimizer import MemberOptimizer as M\n"
        "M(torch.zeros(1, 2), 'adam', [0.1], [1.0]).step([True]); sys.exit('torch._dynamo' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
