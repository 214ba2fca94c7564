from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from harness.bench.__main__ import WAYS, check, main, make_task
from harness.bench.peers import cell_loop, fused, jax_scan, ours


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_jax_computes_the_same_losses_and_norms_over_several_steps(cell: str) -> None:
    pytest.importorskip("jax", reason="JAX is an optional extra: pip install '.[bench]'")
    task = make_task(cell, (2, 6, 4, 5))
    ways = {"a": ours(task, probing=True), "e": jax_scan(task)}
    for _ in range(3):
        check({way: step() for way, step in ways.items()})


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_torchs_ways_compute_the_same_losses_and_norms(cell: str) -> None:
    task = make_task(cell, (2, 6, 4, 5))
    ways = {"a": ours(task, probing=True), "b": ours(task, probing=False), "c": cell_loop(task), "d": fused(task)}
    # Later steps differ: torch trains two biases where one would do, so that their sum moves twice as fast.
    check({way: step() for way, step in ways.items()})


def test_a_way_that_computes_something_else_is_caught() -> None:
    one, other = (make_task("rnn", (2, steps, 4, 5)) for steps in (6, 7))
    with pytest.raises(AssertionError, match="way c: its losses"):
        check({"a": (ours(one, probing=True)()[0], None), "c": cell_loop(other)()})
    losses = torch.zeros(2)
    with pytest.raises(AssertionError, match="way e: its norms"):
        check({"a": (losses, torch.ones(2, 3, 4)), "e": (losses, torch.full((2, 3, 4), 1.1))})


def test_the_benchmark_keeps_a_table_and_the_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--repeats", "1", "--cells", "rnn", "--shapes", "2,5,3,4", "--ways", "bcdf", "--out", str(tmp_path)]
    assert main(arguments) == 0
    frame = pd.read_parquet(tmp_path / "bench.parquet")
    assert frame.columns.tolist() == ["cell", *"KTBH", *"abcdf", "samples/s", "MB", "MB stored"]
    assert (frame[list("abcdf")] > 0).all(axis=None)
    assert (tmp_path / "machine.json").exists()
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path)
    assert set(WAYS) == set("abcdef")


@pytest.mark.parametrize(
    "arguments", [["--shapes", "9,100,32"], ["--shapes", "9,0,32,64"], ["--ways", "xy"], ["--repeats", "0"]]
)
def test_bad_arguments_are_refused_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    *_, last = capsys.readouterr().err.strip().splitlines()
    assert "valid: " in last
