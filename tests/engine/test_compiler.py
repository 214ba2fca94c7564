"""Finding a C compiler, and keeping what it makes: what happens where either is broken."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch

from harness.engine.scan import compiled, compiler
from harness.engine.scan.choice import scanner
from harness.engine.scan.compiler import CannotCompile, cache_folder, load
from harness.engine.scan.plan import plan
from harness.settings.members import members
from harness.settings.settings import Engine
from harness.training.pack import run
from tests.conftest import Config
from tests.engine.test_compiled import Sorting, registry_cell

ANSWER = "int answer(void) { return 42; }"


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Nothing compiled yet, in a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not" / "there"))  # as in a new home
    caches = (compiled._kernel, compiled.products_of, compiled._parallel, compiler.warn_once)
    for each in caches:
        each.cache_clear()
    yield cache_folder()
    for each in caches:
        each.cache_clear()


def kernel_of(cell: str) -> compiled.Kernel | None:
    """The kernel of a cell in single precision, on this machine."""
    return compiled.kernel(plan(registry_cell(cell), 3, 4), torch.float32, torch.device("cpu"))


@pytest.fixture
def no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without ``cc`` and ziglang."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def stand_in(folder: Path, name: str, script: str) -> Path:
    """An executable that is called instead of a compiler."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def passing_on(condition: str = "") -> str:
    """A script that refuses what the condition says, and else calls the machine's compiler."""
    return f'{condition}\nexec {shutil.which("cc")} "$@"'


@pytest.mark.parametrize("wanted", ["no-such-compiler", "/bin/false", ""])
def test_without_a_working_compiler_runs_are_the_same_and_one_line_says_why(
    config: Config, wanted: str, no_compiler: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CC", wanted)
    made = config(cell="gru", seed=[0, 1])
    plain = run(members(made))
    assert not caplog.records
    made["engine"]["compile"] = True
    fallen_back = run(members(made))
    for cell in ("rnn", "lstm"):
        assert kernel_of(cell) is None
    (line,) = caplog.messages
    assert "no compiled kernels" in line
    assert "rnn-gradient-harness[compiler]" in line
    for name in ("curves", "gradients"):
        pd.testing.assert_frame_equal(
            plain[name].drop(columns="run_id"), fallen_back[name].drop(columns="run_id"), check_exact=True
        )


def test_a_cell_that_no_kernel_can_be_made_for_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    for compile in (False, True, True):
        for dtype in (torch.float32, torch.float64):
            assert not isinstance(scanner(Sorting(), 2, 3, dtype, torch.device("cpu"), compile), compiled.Kernel)
        assert len(caplog.messages) == compile
    assert caplog.messages[0].startswith("cell sorting runs without a compiled kernel, several times slower: ")


def test_a_cell_that_no_kernel_is_made_for_is_not_compiled_unless_it_is_asked_for(config: Config) -> None:
    long = config(train={"steps": 100_000}, engine={"compile": "auto"})
    (general,), (plain,) = members({**long, "cell": Sorting()}), members(long)
    assert plain.compiled
    assert not general.compiled
    assert general.model_copy(update={"engine": Engine(compile=True)}).compiled


def test_what_cc_names_may_have_arguments_and_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = stand_in(tmp_path, "own", passing_on(f'echo "$1" >> {tmp_path}/first; shift'))
    monkeypatch.setenv("CC", f"{own} '-D SOME=1'")
    assert load(ANSWER).answer() == 42
    assert (tmp_path / "first").read_text().splitlines() == ["-D SOME=1"]


def test_a_compiler_that_does_not_work_is_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/bin/false")
    assert load(ANSWER).answer() == 42


@pytest.mark.parametrize("flag", ["-fopenmp", "-march=native"])
def test_a_compiler_that_refuses_a_flag_makes_the_kernel_without_it(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_cache: Path
) -> None:
    refuse = f'for word in "$@"; do [ "$word" = "{flag}" ] && echo "unknown flag" >&2 && exit 1; done'
    own = stand_in(tmp_path, "own", passing_on(refuse))
    monkeypatch.setattr(compiler, "compilers", lambda: [[str(own)]])
    assert kernel_of("rnn") is not None


def test_a_compiler_that_refuses_the_code_is_quoted() -> None:
    with pytest.raises(CannotCompile, match=r"refuses the kernel: .*error"):
        load("this is no C")


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="needs the extra `compiler`")
def test_ziglang_compiles_where_there_is_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert compiler.compilers() == [[sys.executable, "-m", "ziglang", "cc"]]
    assert kernel_of("rnn") is not None


def test_kernels_are_compiled_once_and_kept(fresh_cache: Path) -> None:
    first = load(ANSWER)
    (kept,) = fresh_cache.iterdir()
    stamp = kept.stat().st_mtime_ns
    second = load(ANSWER)
    assert first.answer() == second.answer() == 42
    assert [path.stat().st_mtime_ns for path in fresh_cache.iterdir()] == [stamp]


def damaged(content: bytes) -> dict[str, bytes]:
    """What may be left of a file."""
    return {"empty": b"", "truncated": content[: len(content) // 2], "altered": content[:-64] + bytes(64)}


@pytest.mark.parametrize("damage", ["empty", "truncated", "altered"])
def test_a_damaged_kernel_is_made_anew_before_it_is_loaded(fresh_cache: Path, damage: str) -> None:
    load(ANSWER)
    (kept,) = fresh_cache.iterdir()
    whole = kept.read_bytes()
    # As another process would leave it: the file itself is still mapped into this one.
    kept.unlink()
    kept.write_bytes(damaged(whole)[damage])
    assert load(ANSWER).answer() == 42
    (kept,) = fresh_cache.iterdir()
    assert kept.read_bytes() == whole


def test_a_whole_file_that_cannot_be_loaded_here_is_made_anew(fresh_cache: Path) -> None:
    load(ANSWER)
    (kept,) = fresh_cache.iterdir()
    key, foreign = kept.name.partition("-")[0], b"made for another system"
    kept.unlink()
    compiler._named(key, foreign).write_bytes(foreign)
    assert load(ANSWER).answer() == 42
    assert len(list(fresh_cache.iterdir())) == 1


def test_where_nothing_can_be_kept_kernels_are_compiled_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert load(ANSWER).answer() == 42
