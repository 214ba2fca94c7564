from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from harness.bench.__main__ import main

TINY = ["--repeats", "1", "--cells", "rnn", "--shapes", "2,5,3,4"]


@pytest.mark.slow
def test_the_benchmark_keeps_all_settings_and_names_the_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TINY, "--ways", "c", "--out", str(tmp_path)]) == 0
    steps = pd.read_csv(tmp_path / "steps.csv")
    assert set(steps.way) == {"a", "c"}
    assert (steps.ms_q25 <= steps.ms).all()
    assert (steps.ms <= steps.ms_q75).all()
    best = steps.loc[steps.groupby("way").ms.idxmin()]
    assert steps[steps.taken].way.tolist() == ["a", "c"]
    assert set(steps[steps.taken].index) == set(best.index)
    said = capsys.readouterr().out
    loop = best[best.way == "c"].iloc[0]
    assert f"(×{loop.ms / best[best.way == 'a'].ms.iloc[0]:.2f})" in said
    assert f" {loop.processes}×{loop.threads}, CPU {loop.cpu_ms:.1f} " in said
    assert said.splitlines()[-1] == str(tmp_path)
    memory = pd.read_csv(tmp_path / "memory.csv")
    assert (memory.MB_stored <= memory.MB).all()
    assert memory.MB_stored.iloc[0] == pytest.approx(2 * 2 * 5 * 3 * 4 * 4 / 1e6)  # 2 H floats per sample and step
    assert (tmp_path / "machine.json").exists()


@pytest.mark.slow
def test_any_cells_are_compared_with_a_loop_over_their_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--repeats", "1", "--shapes", "2,5,3,4", "--out", str(tmp_path)]
    assert main(["--cells", "rnn_r*", "module", "feedforward", *sizes]) == 0
    steps, made = pd.read_csv(tmp_path / "steps.csv"), pd.read_csv(tmp_path / "compile.csv").set_index("cell")
    assert list(zip(steps.cell, steps.way, strict=True)) == [
        (cell, way) for cell in ("rnn_relu", "module", "feedforward") for way in "ac"
    ]
    assert steps.taken.all()
    assert (made.compile_s > 0).all()
    header, _, *rows = (tmp_path / "cells.md").read_text().splitlines()
    assert header.startswith("| cell | factor | factor, CPU | ours, ms | loop, ms | ours, CPU ms | loop, CPU ms | ")
    found = steps[steps.cell == "feedforward"].set_index("way")
    ms, cpu = found.ms, found.cpu_ms
    assert rows[2].startswith(
        f"| `feedforward` | {ms.c / ms.a:.1f} | {cpu.c / cpu.a:.1f} "
        f"| {ms.a:.1f} | {ms.c:.0f} | {cpu.a:.1f} | {cpu.c:.0f} |"
    )
    assert f"(×{ms.c / ms.a:.2f})" in capsys.readouterr().out


def test_a_cell_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cells", "rnn", "lstn", "--out", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("harness.bench: --cells lstn: no such cell; valid: all, a pattern, or of ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--shapes", "9,100,32"], ["--shapes", "9,0,32,64"], ["--ways", "xy"], ["--repeats", "0"],
        ["--device", "tpu"],
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    *_, last = capsys.readouterr().err.strip().splitlines()
    assert "valid: " in last


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TINY, "--device", "cuda", "--out", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("harness.bench: device=cuda: not usable here: ")
    assert not list(tmp_path.iterdir())


def test_the_help_needs_no_heavy_library() -> None:
    code = (
        "import sys, runpy; before = set(sys.modules); sys.argv[1:] = ['--help']\n"
        "import harness; known = set(sys.modules)\n"
        "try: runpy.run_module('harness.bench', run_name='__main__')\n"
        "except SystemExit: print('|', *(set(sys.modules) - known))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.partition("|")[2].split()
    assert "harness.bench.ways" in loaded
    assert not {"torch", "jax", "pandas", "rich", "matplotlib"} & set(loaded)
