"""Batches that are drawn ahead of their turn: the same ones, and nobody notices."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from harness.base.errors import UserError
from harness.experiment import Batch
from harness.settings.settings import Settings
from harness.tasks.ahead import Batches
from harness.tasks.drawn import Drawn, smallest
from harness.tasks.streams import Streams
from harness.training.pack import run
from tests.conftest import Config
from tests.helpers.counting import Counting, settings
from tests.helpers.far_device import FAR, far_device

SEEDS = [4, 2, 4]


def draw(streams: Streams, length: int) -> Drawn:
    return streams.draw(5, torch.float64, length)


def batches(windows: int = 1, ahead: bool = True) -> Batches:
    return Batches(Streams(Counting(n_windows=windows), 6, SEEDS, "train"), draw, ahead)


def inputs(of: Batches, length: int, following: int | None) -> torch.Tensor:
    return of.next(length, following).inputs


@pytest.mark.parametrize("windows", [1, 3])
def test_they_are_those_that_come_in_turn_also_after_some_were_put_back(windows: int) -> None:
    ahead, in_turn = batches(windows), batches(windows, ahead=False)
    lengths = [6] * 8 if windows > 1 else [6, 3, 5, 6, 2, 4, 6, 3]
    for step, (length, following) in enumerate(zip(lengths, [*lengths[1:], None], strict=True)):
        found, expected = inputs(ahead, length, following), inputs(in_turn, length, None)
        assert torch.equal(found, expected)
        assert ahead.at_a_beginning == in_turn.at_a_beginning == ((step + 1) % windows == 0)
        if step in (2, 4):  # as for a checkpoint, or where members leave
            ahead.undo()
            assert ahead.streams.state == in_turn.streams.state
        if step == 4:
            for each in (ahead, in_turn):
                each.streams = each.streams.only([2, 1])
    ahead.undo()
    assert ahead.streams.state == in_turn.streams.state


def test_one_is_drawn_while_nobody_waits_for_it_and_none_after_the_last() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(streams: Streams, length: int) -> Drawn:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            assert go_on.wait(60)
        return draw(streams, length)

    found = Batches(batches().streams, slow, ahead=True)
    found.next(6, 6)
    assert begun.wait(60)
    go_on.set()
    found.next(6, None)
    assert "drawing ahead" not in [each.name for each in threading.enumerate()]


def test_who_closes_waits_for_what_is_being_drawn() -> None:
    go_on = threading.Event()

    def slow(streams: Streams, length: int) -> Drawn:
        if threading.current_thread() is not threading.main_thread():
            assert go_on.wait(60)
        return draw(streams, length)

    found = Batches(batches().streams, slow, ahead=True)
    found.next(6, 6)
    threading.Timer(0.02, go_on.set).start()
    found.close()
    assert "drawing ahead" not in [each.name for each in threading.enumerate()]


def test_members_of_one_seed_have_the_same_batches_and_each_those_of_its_own() -> None:
    together = inputs(batches(), 6, None)
    with far_device():  # where every seed is sent once
        there = Streams(Counting(), 6, SEEDS, "train", str(FAR)).draw(5, torch.float64, 6).on(FAR)
        assert torch.equal(there.inputs.cpu(), together)
        assert torch.equal(there.targets.cpu(), batches().next(6, None).targets)
    for member, seed in enumerate(SEEDS):
        alone = Streams(Counting(), 6, [seed], "train").draw(5, torch.float64, 6).on(torch.device("cpu"))
        assert torch.equal(together[member], alone.inputs[0])


class Third(Counting):
    """Counting whose third batch is wrong."""

    name: ClassVar[str] = "third"
    drawn: ClassVar[int] = 0

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        found = super().sample(rng, batch_size, seq_len)
        Third.drawn += 1
        return Batch(found.inputs + 5 * (Third.drawn >= 3), found.targets)


def test_what_is_wrong_with_a_batch_is_said_at_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Third, "drawn", 0)
    found = Batches(Streams(Third(), 6, [0], "train"), draw, ahead=True)
    found.next(6, 6)
    found.next(6, 6)
    with pytest.raises(UserError, match="experiment third: sample"):
        found.next(6, 6)


class Stop(Exception):
    pass


def test_a_run_that_is_interrupted_leaves_no_thread_behind(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def tick(step: int) -> None:
        raise Stop

    monkeypatch.setattr("harness.training.pack.check_present", lambda device: None)
    monkeypatch.setattr("harness.training.pack.EVAL_SAMPLES", 4)
    made: list[Settings] = settings(config, Counting(), seq_len=3, hidden_size=2)
    with far_device(), pytest.raises(Stop):
        run([each.model_copy(update={"device": str(FAR)}) for each in made], tick)
    assert "drawing ahead" not in [each.name for each in threading.enumerate()]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 255], np.uint8), ([0, 256], np.int16), ([-1, 255], np.int16), ([0, 40_000], np.int32),
        ([0, 1 << 40], np.int64), ([0.0, 1.0], np.float64), ([True], np.bool_), ([], np.float64),
    ],
)  # fmt: skip
def test_whole_numbers_are_sent_in_the_smallest_type_that_holds_them(values: list[Any], kind: type) -> None:
    found = smallest(np.array(values))
    assert found.dtype == kind
    assert found.tolist() == values
