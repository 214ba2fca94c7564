from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.base.errors import UserError
from harness.bench import stopwatch
from harness.bench.start import COMMANDS, Command, measure_start
from harness.bench.stopwatch import IMPORTS, KERNELS, PARTS, START, Stopwatch, found
from harness.bench.sweep import measure_sweep

QUICK = ["cell=rnn", "seq_len=10", "weight_scale=0.9,1.1", "hidden_size=8", "train.steps=6", "train.batch_size=4",
         "engine.compile=true"]  # fmt: skip


def test_the_functions_to_be_timed_are_there() -> None:
    for names in PARTS.values():
        for name in names:
            assert callable(found(name)[2])


@pytest.mark.parametrize(
    "name", ["harness.nosuch:run", "harness.training.pack:nosuch", "harness.training.pack:run.nosuch"]
)
def test_a_function_that_has_gone_is_named_before_the_sweep_begins(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stopwatch.PARTS, "evaluation", [name])
    with pytest.raises(UserError, match=f"^{name} is not there"):
        measure_sweep(QUICK, tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


@pytest.mark.slow
def test_a_sweeps_parts_add_up_to_the_time_it_takes(tmp_path: Path) -> None:
    begin = time.perf_counter()
    frame = measure_sweep(QUICK, tmp_path / "sweep")
    took = time.perf_counter() - begin
    assert frame.part.tolist() == list(PARTS)
    assert (frame.seconds >= 0).all()
    assert frame.seconds.sum() == pytest.approx(took, abs=1, rel=0.1)
    calls = frame.set_index("part").calls
    assert all(calls[part] > 0 for part, names in PARTS.items() if names)
    assert calls["optimiser and clipping"] == calls["around the kernels (loss, Python)"] == 6
    assert calls[KERNELS] >= 12  # a step goes forward and back
    assert (tmp_path / "sweep" / "report.html").exists()


def test_a_sweep_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^the sweep ends with exit code 1: harness: cell=nosuch"):
        measure_sweep(["cell=nosuch"], tmp_path / "sweep")


def test_at_every_moment_one_part_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    watch = Stopwatch(now[0])

    def work() -> None:
        now[0] += 1.0

    def take(part: str, *inside: str) -> None:
        watch.timed(part, lambda: [work(), *(take(each) for each in inside)])()

    take("rest of the jobs", "evaluation", KERNELS)
    take("evaluation", KERNELS, IMPORTS)
    times = {part: own["seconds"] for part, own in watch.times().items()}
    # Kernels within an evaluation belong to it; imports are imports wherever they happen.
    assert (times["rest of the jobs"], times["evaluation"], times[KERNELS], times[IMPORTS]) == (1, 3, 1, 1)
    assert times[START] == 0


def test_quick_commands_are_timed_and_must_end_as_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(COMMANDS):
        monkeypatch.delitem(COMMANDS, name)
    monkeypatch.setitem(COMMANDS, "nothing", Command(["-c", ""]))
    monkeypatch.setitem(COMMANDS, "busy", Command(["-c", "sum(range(10**7))"]))
    frame = measure_start(repeats=1).set_index("command")
    assert frame.cpu["busy"] > frame.cpu["nothing"] > 0
    monkeypatch.setitem(COMMANDS, "a typo", Command(["-c", "raise SystemExit('no such thing')"], code=0))
    with pytest.raises(UserError, match=r"^a typo ends with exit code 1 instead of 0: no such thing$"):
        measure_start(repeats=1)
