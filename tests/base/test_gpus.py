"""One job per GPU: processes that are on one lock it, with stand-ins for what only a GPU has."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from harness.base import gpus
from harness.base.errors import UserError
from harness.base.gpus import settle_on_gpu


@pytest.fixture
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A machine with two GPUs that nobody is on; which of them this process was told to use, one after another."""
    found: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", found.append)
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(gpus, "_held", {})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield found
    for lock in gpus._held.values():
        if lock is not None:
            lock.close()


def other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this is another process: what was held stays so, by a handle that it knows nothing of."""
    monkeypatch.setattr(gpus, "_held", {})


def test_every_process_gets_a_gpu_of_its_own_while_there_are_enough(
    settled: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = gpus._held
    settle_on_gpu("cuda")
    settle_on_gpu("cuda")  # the next job of the same process stays where it is
    other_process(monkeypatch)
    second = gpus._held
    settle_on_gpu("cuda")
    assert settled == [0, 0, 1]
    assert not caplog.messages
    other_process(monkeypatch)
    with caplog.at_level(logging.WARNING):
        settle_on_gpu("cuda")
    assert caplog.messages == [
        f"another job is on GPU {settled[-1]}, which this one shares: both take longer, unless MPS runs"
    ]
    for held in (first, second):
        for lock in held.values():
            assert lock is not None
            lock.close()
    other_process(monkeypatch)
    settle_on_gpu("cuda")
    assert settled[-1] == 0  # whoever was there has ended


def test_a_gpu_that_is_named_is_the_one_and_another_ones_number_is_refused(
    settled: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    settle_on_gpu("cuda:1")
    settle_on_gpu("cuda:0")
    settle_on_gpu("cuda:1")
    assert settled == [1, 0, 1]
    assert not caplog.messages
    with pytest.raises(UserError, match=r"^device=cuda:2: no such device here; valid: cpu, cuda, cuda:0, cuda:1$"):
        settle_on_gpu("cuda:2")


def test_a_gpu_is_the_same_whatever_number_a_process_sees_it_by(
    settled: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 1")
    settle_on_gpu("cuda")
    other_process(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    settle_on_gpu("cuda:1")
    assert settled == [0, 1]
    (one,) = tmp_path.glob("*-gpu-3.lock")
    with one.open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not list(tmp_path.glob("*-gpu-[12].lock"))
