"""A job: what it is called, how much it is, and what a launch of it is composed from."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.settings.members import members
from harness.sweeping.jobs import Job, numbered
from tests.conftest import Config


def job(config: Config, *seeds: int, composed: int | None = None, **changes: object) -> Job:
    runs = members(config(seed=list(seeds), **changes))
    return Job(["cell=rnn"], runs, runs, "3", composed or len(runs))


def test_a_launch_does_what_is_left_of_a_job_in_its_directory(config: Config) -> None:
    each = job(config, 0, 1, 2)
    assert each.launch_overrides() == ["cell=rnn", "hydra.sweep.subdir=jobs/3"]
    one, two, three = each.ids
    assert each.doing([each.runs[0], each.runs[2]]).launch_overrides() == [
        "cell=rnn", f"+sweep.only=['{one}','{three}']", "hydra.sweep.subdir=jobs/3",
    ]  # fmt: skip
    more = job(config, 0, 1, 2, composed=5)  # of the configuration's runs, two stand in another job
    assert more.launch_overrides()[1] == f"+sweep.only=['{one}','{two}','{three}']"


def test_halves_hold_everything_once(config: Config) -> None:
    five = job(config, 0, 1, 2, 3, 4)
    assert [[run.seed for run in half.todo] for half in five.halves()] == [[0, 1], [2, 3, 4]]
    assert all(half.runs == five.runs and half.name == "3" for half in five.halves())


def test_the_work_of_a_job_is_what_it_has_to_do(config: Config) -> None:
    small = job(config, 0, 1)  # 6 training steps, and the measurement before them
    assert small.work == 2 * 7 * 8 * 1 * (1 + 1) * 6
    assert small.doing(small.runs[:1]).work == small.work / 2
    assert job(config, 0, 1, num_layers=3).work == 3 * small.work
    assert job(config, 0, 1, seq_len=16).work == 2 * small.work
    assert job(config, 0, 1, train={"steps": 13}).work == 2 * small.work
    assert job(config, 0, 1, cell="lstm").work == 3 * small.work  # four gates and two parts


def test_labels_and_folders_name_the_job(config: Config) -> None:
    each = job(config, 0)
    assert each.label == "recall_dish rnn seq_len=8"
    assert each.folder(Path("sweep")) == Path("sweep/jobs/3")


@pytest.mark.parametrize(
    ("seeds", "found"),
    [
        ([[0, 1], [2]], {"0": [0, 1], "1": [2]}),
        ([[0, 0, 1], [1, 2]], {"0": [0, 1], "1": [2]}),
        ([[0, 1], [1, 0], [2]], {"0": [0, 1], "1": [2]}),
    ],
)
def test_jobs_are_numbered_and_every_run_stands_in_the_first_that_has_it(
    config: Config, seeds: list[list[int]], found: dict[str, list[int]]
) -> None:
    jobs = numbered([job(config, *each) for each in seeds])
    assert {each.name: [run.seed for run in each.runs] for each in jobs} == found
    assert all(each.todo == each.runs for each in jobs)
