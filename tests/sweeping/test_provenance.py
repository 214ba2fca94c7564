"""What a sweep notes of itself, and what of a file that anybody may have written counts."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from harness.base.hashes import short_hash
from harness.plugins.registry import registry
from harness.sweeping.provenance import (
    FILE,
    asking,
    commands_of,
    note_provenance,
    plugins_of,
    read_provenance,
    resuming,
    sweep_id,
    with_command,
)

CONFIG = OmegaConf.create(
    {"seed": 0, "report": {"language": "zh"}, "hydra": {"runtime": {"choices": {"study": "dish"}}}}
)


def test_the_first_sitting_notes_command_study_versions_and_machine(tmp_path: Path) -> None:
    note_provenance(tmp_path, CONFIG, ["-m", "seed=0,1"], resumes=False)
    found = read_provenance(tmp_path)
    assert found["command"] == "python -m harness -m seed=0,1"
    assert (found["arguments"], found["commands"], found["study"]) == (["-m", "seed=0,1"], [["-m", "seed=0,1"]], "dish")
    assert {"harness", "python", "torch", "numpy"} <= set(found["versions"])
    assert set(found["machine"]) == {"system", "processor", "cores"}
    assert found["plugins"] == registry().code()
    assert found["language"] == "zh"
    assert "resumed" not in found
    assert OmegaConf.load(tmp_path / "multirun.yaml") == CONFIG
    assert (tmp_path / FILE).read_text().startswith('{\n  "id": ')  # a person may want to read it


def test_later_sittings_add_when_they_began_and_what_they_ask_for(tmp_path: Path) -> None:
    note_provenance(tmp_path, CONFIG, ["-m", "seed=0"], resumes=False)
    first = read_provenance(tmp_path)
    note_provenance(tmp_path, CONFIG, ["-m", "seed=0"], resumes=True)
    note_provenance(tmp_path, CONFIG, ["-m", "seed=7"], resumes=True)  # said anew, whatever it is
    assert read_provenance(tmp_path)["commands"] == [["-m", "seed=0"]]
    note_provenance(tmp_path, CONFIG, ["-m", "seed=1"], resumes=False)
    found = read_provenance(tmp_path)
    assert found["commands"] == [["-m", "seed=0"], ["-m", "seed=1"]]
    assert len(found["resumed"]) == 3
    assert {key: found[key] for key in ("id", "started", "arguments")} == {
        key: first[key] for key in ("id", "started", "arguments")
    }


@pytest.mark.parametrize("text", ["no json", "[1]", "", None])
def test_what_cannot_be_read_says_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    assert read_provenance(tmp_path) == {}
    assert sweep_id(tmp_path) == short_hash(f"{socket.gethostname()}:{tmp_path.resolve()}")


def test_a_sweep_is_told_apart_by_its_own_word_wherever_it_lies(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / FILE).write_text(json.dumps({"id": "0123"}))
        assert sweep_id(tmp_path / place) == "0123"


@pytest.mark.parametrize(
    ("known", "commands"),
    [
        ({"commands": [["-m", "a=1"], ["b=2"]]}, [["-m", "a=1"], ["b=2"]]),
        ({"arguments": ["-m"]}, [["-m"]]),  # of earlier versions
        ({}, []),
        ({"commands": "-m"}, []),
        ({"commands": ["-m"]}, []),
        ({"commands": [["-m"], "a"]}, []),
        ({"commands": [["-m", 1]]}, []),
        ({"commands": [["-m"], ["a", None]]}, []),
        ({"commands": {"-m": ["a"]}}, []),
    ],
)
def test_commands_are_lists_of_words(known: dict[str, object], commands: list[list[str]]) -> None:
    assert commands_of(known) == commands


def test_a_command_takes_the_place_of_one_that_asks_for_the_same() -> None:
    before = [["-m", "seed=0", "hydra/launcher=slurm"], ["-m", "seed=1"]]
    assert with_command(before, ["-m", "seed=2"]) == [*before, ["-m", "seed=2"]]
    again = ["-m", "seed=1", "++sweep.fail_fast=true", "hydra.sweep.dir=out"]
    assert with_command(before, again) == [before[0], again]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("hydra/launcher=joblib", False), ("+hydra/launcher=joblib", False), ("hydra.launcher.n_jobs=2", False),
        ("++sweep.take_over=true", False), ("checkpoint.minutes=3", False), ("keep.best=true", False),
        ("tracker=mlflow", False), ("hydra.sweep.dir=out", False), ("hydra.run.dir=out", False),
        ("seed=0", True), ("-m", True), ("sweepers=1", True), ("hydra/sweeper=optuna", True), ("+study=dish", True),
    ],
)  # fmt: skip
def test_words_on_where_and_how_say_nothing_of_the_runs(word: str, says: bool) -> None:
    assert asking([word]) == ([word] if says else [])


def test_plugins_of_earlier_versions_have_no_hashes() -> None:
    assert plugins_of({"plugins": {"a.py": "12"}}) == {"a.py": "12"}
    assert plugins_of({"plugin_files": ["a.py"]}) == {"a.py": ""}
    assert plugins_of({"plugins": "a.py"}) == plugins_of({}) == {}


def test_the_command_that_goes_on_can_be_pasted() -> None:
    assert resuming(Path("my results/0")) == "python -m harness 'resume=my results/0'"
