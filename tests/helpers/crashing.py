"""A small sweep that is stopped dead at one of its file operations, and looked at, and gone on with.

``python -m tests.helpers.crashing DIR FIRST STEP`` does so at operation FIRST, FIRST + STEP, … up to the last, and
prints a JSON line for each. All that takes long to import is imported once; every command is a fork of this process.
"""

from __future__ import annotations

import builtins
import gc
import io
import itertools
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import harness
import harness.command_line.main
import harness.command_line.reporting
import harness.report.pictures
import harness.report.renderers
import harness.sweeping.progress
import harness.sweeping.sitting
import harness.sweeping.worker
from harness.base.errors import UserError
from harness.sweeping.provenance import commands_of, read_provenance
from harness.tables.gather import gather
from tests.conftest import EMPTY
from tests.helpers import preloaded  # noqa: F401
from tests.helpers.sweeps import assert_same

STOPPED = 77
"""The exit code of a process that was stopped."""

RUN = ["-m", "hidden_size=3", "seq_len=5", "train.steps=4", "train.batch_size=2", "probe.batch_size=2", "probe.every=2"]
FIRST = [*RUN, "engine.compile=false", "checkpoint.every=2", "cell=rnn", "seed=0,1"]
SECOND = [*RUN, "engine.compile=false", "checkpoint.every=2", "cell=rnn,gru", "seed=0,1,2"]
"""A sweep, and the command that enlarges it."""


def forked(work: Callable[[], Any]) -> int:
    """Do something in a process of its own; returns its exit code, 1 where it has raised."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        work()
    except SystemExit as error:
        os._exit(error.code if isinstance(error.code, int) else 1)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def command(directory: Path, *words: str) -> None:
    """``python -m harness …``, without a word on the terminal and with one figure."""
    sys.argv = ["harness", *words, *([] if words[0].startswith("resume=") else [f"hydra.sweep.dir={directory}"])]
    sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    harness.command_line.main.main()


def stop_at(number: int, directory: Path) -> None:
    """Stop this process before the operation of this number that writes something below the directory."""
    count = itertools.count(1)
    own = os.path.abspath(directory)

    def counted(function: Callable[..., Any], writes: Callable[..., bool] = lambda *rest, **named: True) -> Any:
        def wrapped(path: Any, *rest: Any, **named: Any) -> Any:
            inside = isinstance(path, str | os.PathLike) and os.path.abspath(os.fspath(path)).startswith(own)
            if (inside or "dir_fd" in named) and writes(*rest, **named) and next(count) == number:
                os._exit(STOPPED)
            return function(path, *rest, **named)

        return wrapped

    def to_write(mode: str = "r", *rest: object, **named: object) -> bool:
        return set(mode) & set("wax+") != set()

    builtins.open = io.open = counted(io.open, to_write)  # type: ignore[misc]
    for name in ("replace", "rename", "mkdir", "unlink", "remove", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))


def both(directory: Path) -> None:
    """The sweep and its enlargement; ends where the first does not come to its end."""
    for words in (FIRST, SECOND):
        try:
            command(directory, *words)
        except SystemExit as error:
            if error.code:
                raise


def finish(directory: Path) -> None:
    """Go on with a sweep that was stopped, and ask for what it was not yet asked for.

    Raises:
        AssertionError: a command does not come to its end.
    """
    for asked in range(2):
        if commands_of(read_provenance(directory)):
            assert forked(lambda: command(directory, f"resume={directory}")) == 0, "resume"
        if len(commands_of(read_provenance(directory))) == asked:
            words = (FIRST, SECOND)[asked]
            assert forked(lambda words=words: command(directory, *words)) == 0, words  # type: ignore[misc]


def seen(directory: Path, copy: Path) -> dict[str, list[str]]:
    """The finished runs that readers find, `harness.load` and ``python -m harness.report``, all of them whole."""
    found: dict[str, list[str]] = {}
    for reader, read in (("load", harness.load), ("report", lambda folder: gather(folder, skip_damaged=True))):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(directory, copy)
        try:
            tables = read(copy)
        except UserError as error:
            if not re.search("no results here|no finished jobs", str(error)):
                raise
            found[reader] = []
            continue
        assert not tables.left_out, tables.left_out
        found[reader] = sorted(tables.runs.run_id[tables.runs.status == "ok"])
        for name in ("curves", "gradients", "samples"):
            own = tables[name][tables[name].run_id.isin(found[reader])]
            rows = own.groupby("run_id").size()
            assert sorted(rows.index) == found[reader], name
            assert rows.nunique() <= 1, (name, rows.to_dict())
    shutil.rmtree(copy, ignore_errors=True)
    return found


def main() -> None:
    """Stop a sweep again and again."""
    root, number, stride = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    harness.sweeping.progress.WRITE_EVERY = 1e9  # as many operations in every sweep, however fast
    plain = harness.report.pictures.draw_all
    harness.report.build.draw_all = lambda folder, wanted: plain(folder, wanted[:1])  # type: ignore[attr-defined]
    harness.report.renderers.svg_and_png = lambda canvas: EMPTY  # a picture's files count, not what is in them
    gc.freeze()  # or each fork goes through all of this in search of what can be thrown away
    whole = root / "whole"
    assert forked(lambda: both(whole)) == 0

    broken = root / "broken"

    def stopped() -> None:
        stop_at(number, broken)
        both(broken)

    def look() -> None:
        print(json.dumps({"operation": number, **seen(broken, root / "copy")}), flush=True)

    while True:
        shutil.rmtree(broken, ignore_errors=True)
        code = forked(stopped)
        if code == 0:
            break
        assert code == STOPPED, f"operation {number}: exit code {code}"
        if broken.exists():
            assert forked(look) == 0, f"operation {number}"
        finish(broken)
        assert forked(lambda: assert_same(whole, broken)) == 0, f"operation {number}"
        number += stride


if __name__ == "__main__":
    main()
