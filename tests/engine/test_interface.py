"""What all scans share: memory that is kept, pieces of what arrives, tokens as vectors."""

from __future__ import annotations

import pytest
import torch

from harness.cells import Named
from harness.engine.scan.interface import (
    Buffers,
    GradFromAbove,
    StepGradients,
    check_tokens,
    is_tokens,
    one_hot,
    states_buffers,
)


def test_memory_is_kept_as_long_as_it_is_large_enough() -> None:
    buffers = Buffers(torch.zeros(1, dtype=torch.float32))
    first = buffers("a", (2, 3))
    assert (first.shape, first.dtype, buffers.bytes) == ((2, 3), torch.float32, 24)
    first.fill_(7)
    assert buffers("a", (3, 2)).data_ptr() == first.data_ptr()
    smaller = buffers("a", (5,))
    assert (smaller.data_ptr(), smaller.shape) == (first.data_ptr(), (5,))
    assert buffers("b", (2, 3)).data_ptr() != first.data_ptr()  # each name has its own
    assert buffers.bytes == 48
    larger = buffers("a", (7,))
    assert larger.data_ptr() != first.data_ptr()
    assert first.eq(7).all()  # who still holds the old memory finds in it what was there
    assert buffers.bytes == 52
    assert buffers("a", (0,)).numel() == 0


def test_what_enters_from_above_is_cut_at_the_borders_of_a_span() -> None:
    above = GradFromAbove([2, 3, 6, 7], torch.arange(4.0).view(1, 4, 1, 1))

    def between(begin: int, end: int) -> tuple[list[int], list[float]]:
        cut = above.between(begin, end)
        assert (cut.values.shape[0], *cut.values.shape[2:]) == (1, 1, 1)
        return list(cut.steps), cut.values.flatten().tolist()

    assert between(0, 7) == ([2, 3, 6, 7], [0, 1, 2, 3])
    assert between(0, 3) == ([2, 3], [0, 1])
    assert between(2, 6) == ([1, 4], [1, 2])
    assert between(3, 5) == ([], [])
    assert between(6, 9) == ([1], [3])


def test_the_room_for_gradients_of_a_span_is_part_of_the_whole_room() -> None:
    norms, totals = torch.zeros(2, 5, 3, dtype=torch.float64), torch.zeros(2, 5, 3, 4)
    for given in (Named({"h": totals}), Named()):
        cut = StepGradients(Named({"h": norms}), given).between(1, 4)
        cut.norms["h"].add_(1)
        assert cut.totals.keys() == given.keys()
        for value in cut.totals.values():
            value.add_(1)
    assert norms[0, :, 0].tolist() == [0, 2, 2, 2, 0]
    assert totals[1, :, 2, 3].tolist() == [0, 1, 1, 1, 0]


def test_tokens_are_whole_numbers_and_stand_for_vectors() -> None:
    tokens = torch.tensor([[[0, 2]], [[1, 0]]])
    assert is_tokens(tokens)
    assert not is_tokens(torch.zeros(1, 1, 1, 3))
    found = one_hot(tokens, 3, torch.float32)
    assert found.dtype == torch.float32
    assert found.tolist() == [[[[1, 0, 0], [0, 0, 1]]], [[[0, 1, 0], [1, 0, 0]]]]


def test_tokens_beyond_the_rows_of_a_weight_are_refused_and_those_within_are_not() -> None:
    check_tokens(torch.tensor([[[0, 4]]]), 5)
    check_tokens(torch.zeros(1, 0, 2, dtype=torch.int64), 5)
    for wrong in (-1, 5):
        with pytest.raises(ValueError, match=f"tokens from {min(wrong, 3)} to {max(wrong, 3)}; valid: 0 to 4"):
            check_tokens(torch.tensor([[[3, wrong]]]), 5)
    with pytest.raises(ValueError, match=r"tokens of torch\.int16; valid: torch\.int64"):
        check_tokens(torch.tensor([[[3]]], dtype=torch.int16), 5)


def test_states_have_room_for_every_step_and_begin_with_the_first() -> None:
    start = Named({"h": torch.ones(2, 3, 4), "c": torch.full((2, 3, 1), 2.0)})
    states = states_buffers(["h", "c"], torch.zeros(2, 5, 3, 7), start, Buffers(torch.zeros(1)))
    assert {part: tuple(value.shape) for part, value in states.items()} == {"h": (2, 6, 3, 4), "c": (2, 6, 3, 1)}
    assert states["h"][:, 0].eq(1).all()
    assert states["c"][:, 0].eq(2).all()
    tokens = torch.zeros(2, 5, 3, dtype=torch.int64)
    assert states_buffers(["c"], tokens, start, Buffers(torch.zeros(1)))["c"].shape == (2, 6, 3, 1)
