"""Runs and sweeps from Python: the same as the command line's, to the bit."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.base.errors import UserError
from harness.cells import Cell, Parameter, State, Weights
from harness.cells.functions import tanh
from harness.plugins.registry import registry
from harness.training.pack import Pack
from tests.helpers.sweeps import SHORT, assert_same, command

pytestmark = pytest.mark.usefixtures("empty_pictures")

SMALL: dict[str, Any] = {
    "hidden_size": 4,
    "seq_len": 8,
    "train": {"steps": 4, "batch_size": 4},
    "probe": {"every": 2, "batch_size": 4},
}
"""As `SHORT`."""


class Slow(Cell):
    """A cell as somebody defines it in a notebook."""

    name = "slow_one"
    rate: float = 0.5

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "recurrent": Parameter((hidden_size, hidden_size), "recurrent"),
        }

    def step(self, w: Weights, x: Any, s: State) -> dict[str, Any]:
        return {"h": (1 - self.rate) * s.h + self.rate * tanh(x @ w.input + s.h @ w.recurrent)}


@pytest.fixture(autouse=True)
def no_class_of_another_test() -> Any:
    """Classes that a test hands over are forgotten after it."""
    yield
    registry.cache_clear()


@pytest.mark.slow
def test_a_sweep_is_the_command_lines_to_the_bit(tmp_path: Path) -> None:
    """The same run_ids, numbers, order and report; the user's logging is as before."""
    words = ["-m", "cell=rnn,lstm", "weight_scale=0.9,1.1", *SHORT, "hydra.sweep.dir=typed"]
    done = command(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    found = harness.sweep(cell=["rnn", "lstm"], weight_scale=[0.9, 1.1], directory=tmp_path / "called", **SMALL)
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)
    assert_same(tmp_path / "typed", tmp_path / "called")
    assert found.report() == tmp_path / "called" / "report.html"
    assert found.report().exists()


@pytest.mark.slow
def test_a_class_of_ones_own_runs_and_is_told_apart_when_it_is_defined_anew(tmp_path: Path) -> None:
    found = harness.sweep(cell=["rnn", Slow], directory=tmp_path / "out", **SMALL)
    assert found.runs.status.tolist() == ["ok", "ok"]
    again = harness.sweep(cell=Slow, directory=tmp_path / "out", **SMALL)  # is done already
    assert len(again.runs) == 2

    class Slower(Slow):
        name = "slow_one"

        def step(self, w: Weights, x: Any, s: State) -> dict[str, Any]:
            return {"h": 0.9 * s.h + 0.1 * tanh(x @ w.input + s.h @ w.recurrent)}

    with pytest.raises(UserError, match="cell slow_one has changed since runs were done here"):
        harness.sweep(cell=Slower, directory=tmp_path / "out", **SMALL)


def test_bad_input_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    for settings, said in [
        ({"cell": "lsmt"}, "cell=lsmt: unknown cell (did you mean 'lstm'?)"),
        ({"nosuch": 1}, "nosuch: unknown setting"),
        ({"train": {"lr": [-1.0, 1.0]}}, "train.lr=-1.0: input should be greater than 0"),
        ({"study": "nosuch"}, "nosuch"),
    ]:
        with pytest.raises(UserError) as error:
            harness.sweep(directory=tmp_path / "out", **settings)
        assert said in str(error.value)
        assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="no sweep to go on with here"):
        harness.sweep(resume=tmp_path)
    with pytest.raises(UserError, match="a mapping of settings, or keywords"):
        harness.sweep("lstm")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=rf"plugins=\[{Path.cwd()}/mine.py\]: no such file"):
        harness.sweep(plugins="mine.py")
    with pytest.raises(UserError, match=r"valid: one value, or harness\.sweep"):
        harness.run(cell=["rnn", "lstm"])


@pytest.mark.slow
def test_an_interrupted_sweep_goes_on_with_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {"cell": ["rnn", "lstm"], "seed": range(2), **SMALL}
    harness.sweep(directory=tmp_path / "whole", **asked)
    plain = Pack.take_gradient
    steps = []

    def interrupted(pack: Pack) -> Any:
        steps.append(pack.settings.cell.name)
        if steps.count("lstm") == 3:
            raise KeyboardInterrupt
        return plain(pack)

    with monkeypatch.context() as patch:
        patch.setattr(Pack, "take_gradient", interrupted)
        with pytest.raises(KeyboardInterrupt):
            harness.sweep(directory=tmp_path / "cut", **asked)
    assert set(harness.load(tmp_path / "cut").runs.cell) == {"rnn"}
    found = harness.sweep(resume=tmp_path / "cut")
    assert found.runs.cell.tolist() == ["rnn", "rnn", "lstm", "lstm"]
    assert_same(tmp_path / "whole", tmp_path / "cut")


def test_one_run_has_the_defaults_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    found = harness.run({"train.lr": 0.01}, cell="gru", **SMALL)
    assert (root.handlers, root.level) == (handlers, level)
    (run,) = found.runs.to_dict("records")
    assert (run["cell"], run["train.lr"], run["status"]) == ("gru", 0.01, "ok")
    assert found.directories[0].parent == Path("results/recall_dish")


def test_runs_that_fail_stand_in_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(pack: Pack) -> Any:
        raise RuntimeError("no oven")

    monkeypatch.setattr(Pack, "take_gradient", broken)
    found = harness.run(directory=tmp_path, **SMALL)
    assert found.runs.reason.tolist() == ["RuntimeError: no oven"]


@pytest.mark.slow
def test_other_processes_are_given_the_class(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    here = harness.sweep(cell=["rnn", Slow], directory=tmp_path / "here", **SMALL)
    there = harness.sweep(cell=["rnn", Slow], directory=tmp_path / "there", launcher="joblib", **SMALL)
    assert here.runs.run_id.tolist() == there.runs.run_id.tolist()
    assert_same(tmp_path / "here", tmp_path / "there")
