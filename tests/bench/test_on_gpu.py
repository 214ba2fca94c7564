"""What the benchmark does on a GPU, with stand-ins for what only a GPU has, and on one where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from harness.bench import peers
from harness.bench.__main__ import main
from harness.bench.memory import peak_on_gpu
from harness.bench.peers import Worker
from harness.bench.task import Task, make_task
from harness.bench.ways import Problem

PROBLEM = Problem("lstm", (3, 5, 4, 2))


class Counter:
    """As torch counts a GPU's memory: what is held, and the most since somebody asked to begin anew."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.held = self.peak = 1000
        self.asked: set[str] = set()
        monkeypatch.setattr(torch.cuda, "synchronize", self.asked.add)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", self.reset)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: self.held)
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: self.peak)

    def reset(self, device: str) -> None:
        self.asked.add(device)
        self.peak = self.held

    def take(self, size: int) -> None:
        self.held += size
        self.peak = max(self.peak, self.held)


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    return Counter(monkeypatch)


def test_memory_is_the_peak_above_what_was_held_before(counter: Counter) -> None:
    counter.take(5000)
    counter.take(-5000)

    def call() -> None:
        counter.take(70)
        counter.take(-30)
        counter.take(20)

    assert peak_on_gpu(call, "cuda:1") == 70
    assert counter.asked == {"cuda:1"}


def test_the_memory_of_a_step_is_that_of_the_first_its_capture_and_its_replay(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_this_machine(problem: Problem, own: Any = None, device: str = "cpu") -> Task:
        assert device == "cuda"
        return make_task(problem, own)

    def build(task: Task) -> Callable[[], None]:
        sizes = iter([10, 200, -150, 7])
        return lambda: counter.take(next(sizes))

    monkeypatch.setattr(peers, "make_task", on_this_machine)
    monkeypatch.setitem(peers.BUILD, "a", build)
    stored = 3 * 5 * 4 * 6 * 2 * 4  # members, steps, samples, 6 H numbers, bytes
    assert Worker("a", 1, "cuda").memory(PROBLEM) == (210, stored)


@pytest.fixture
def rounding() -> Iterator[list[Any]]:
    """What multiplies matrices on a GPU, told to round factors to TF32: cuDNN does so where nobody says anything."""
    kinds = [torch.backends.cuda.matmul, torch.backends.cudnn]
    before = [kind.allow_tf32 for kind in kinds]
    for kind in kinds:
        kind.allow_tf32 = True
    yield kinds
    for kind, allowed in zip(kinds, before, strict=True):
        kind.allow_tf32 = allowed


@pytest.mark.parametrize("way", ["a", "d"])
def test_nobody_rounds_factors_to_tf32(rounding: list[Any], way: str) -> None:
    Worker(way, 1, "cuda")
    assert [kind.allow_tf32 for kind in rounding] == [False, False]


@pytest.mark.gpu
@pytest.mark.slow
def test_a_gpu_is_measured_with_its_memory(tmp_path: Path) -> None:
    small = ["--shapes", "4,20,8,16", "--repeats", "1", "--cells", "lstm", "--ways", "abcd"]
    assert main([*small, "--device", "cuda", "--out", str(tmp_path)]) == 0
    memory = pd.read_csv(tmp_path / "memory.csv")
    assert (memory.MB_stored <= memory.MB).all()
    assert set(pd.read_csv(tmp_path / "steps.csv").way) == set("abcd")
