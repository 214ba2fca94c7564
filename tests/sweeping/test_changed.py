"""Plugins that have changed since runs were done: the user decides whether what is done counts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.base.errors import UserError
from harness.plugins.registry import registry
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.sweeping.changed import settle_changes
from harness.sweeping.jobs import Job
from harness.sweeping.plan import done, extend_plan, forget_unasked, missing, read_plan
from harness.tables.gather import gather
from harness.tables.jobs import publish
from harness.tables.storage import read_table, write_table
from harness.training.rows import failed
from tests.conftest import Config
from tests.plugins.test_plugins import CELL
from tests.sweeping.test_launching import ok


@pytest.fixture
def run(config: Config, tmp_path: Path) -> Settings:
    """A run that is done in a directory, from a time when its cell had one option less."""
    (found,) = members(config(cell="lstm"))
    tables = {name: frame.replace({"run_id": {found.run_id: "old"}}) for name, frame in ok([found]).items()}
    tables["runs"] = tables["runs"].drop(columns="cell.forget_bias")
    publish(tmp_path / "jobs" / "0" / "tables", tables, [found])
    extend_plan(tmp_path, [Job([], [found], [found], "0", 1)])
    gather(tmp_path)
    return found


def test_a_new_option_is_named_and_nothing_is_done_anew_without_a_word(run: Settings, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cell\.forget_bias has become an option \(default 1.0\).*sweep\.take_over"):
        settle_changes(tmp_path, [run], done(tmp_path), take_over=False)


def test_what_is_taken_over_has_its_name_and_option_of_today_and_stands_there_once(
    run: Settings, tmp_path: Path
) -> None:
    assert run.run_id in settle_changes(tmp_path, [run], done(tmp_path), take_over=True)
    assert done(tmp_path) == {run.run_id}
    tables = gather(tmp_path, planned=read_plan(tmp_path))
    assert tables.runs.run_id.tolist() == [run.run_id]
    assert tables.runs["cell.forget_bias"].tolist() == [1.0]
    assert settle_changes(tmp_path, [run], done(tmp_path), take_over=False) == {run.run_id}


@pytest.fixture
def own_cell(tmp_path: Path, config: Config) -> Iterator[tuple[Path, Settings]]:
    """A plugin file in use, and a run of it that is done."""
    path = tmp_path / "mine.py"
    path.write_text(CELL.format(name="sine"))
    registry().add_files([path])
    (found,) = members(config(cell="sine"))
    publish(tmp_path / "jobs" / "0" / "tables", ok([found]), [found])
    (tmp_path / "provenance.json").write_text(json.dumps({"plugins": registry().code()}))
    yield path, found
    registry.cache_clear()


def test_an_edited_plugin_is_named_whether_its_runs_are_asked_for_again_or_not(
    own_cell: tuple[Path, Settings], config: Config, tmp_path: Path
) -> None:
    path, run = own_cell
    others = members(config(cell="sine", seed=5))
    assert settle_changes(tmp_path, [run], done(tmp_path), take_over=False) == {run.run_id}
    path.write_text(path.read_text() + "\n# a word more\n")
    for asked in ([run], others, [run, *others]):
        with pytest.raises(UserError, match=rf"{path} has changed since runs were done here.*sweep\.take_over=true"):
            settle_changes(tmp_path, asked, done(tmp_path), take_over=False)
        assert settle_changes(tmp_path, asked, done(tmp_path), take_over=True) == {run.run_id}


def test_a_plugin_of_which_every_run_has_failed_may_be_mended(own_cell: tuple[Path, Settings], tmp_path: Path) -> None:
    path, run = own_cell
    shutil.rmtree(tmp_path / "jobs")
    publish(tmp_path / "jobs" / "0" / "tables", failed([run], "ZeroDivisionError"), [run])
    path.write_text(path.read_text() + "\n# mended\n")
    assert settle_changes(tmp_path, [run], done(tmp_path), take_over=False) == set()


def test_a_run_that_has_an_option_which_is_gone_is_no_run_of_today(run: Settings, tmp_path: Path) -> None:
    path = tmp_path / "jobs" / "0" / "tables" / "runs.parquet"
    write_table(path, read_table(path).assign(**{"cell.gone": 1}))
    assert settle_changes(tmp_path, [run], done(tmp_path), take_over=False) == {"old"}


def test_an_option_with_another_value_is_another_run(run: Settings, config: Config, tmp_path: Path) -> None:
    (other,) = members(config(cell={"name": "lstm", "forget_bias": 3.0}))
    assert settle_changes(tmp_path, [other], done(tmp_path), take_over=False) == {"old"}


def test_runs_that_no_command_asks_for_any_more_are_not_missed(run: Settings, tmp_path: Path) -> None:
    extend_plan(tmp_path, [Job([], [run.model_copy(update={"seed": 9})], [], "1", 1)])
    forget_unasked(tmp_path, {run.run_id})
    left = missing(tmp_path)
    assert left is not None
    assert left.planned == 1
