"""What a sweep survives: being killed again and again, full disks, damaged files, runs that raise or hang."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pytest

import harness
from harness.sweeping.plan import missing
from harness.sweeping.progress import read_note
from tests.helpers.sweeps import QUICK, assert_same, command, finished_sweep, start, wait_for, when_imported

pytestmark = pytest.mark.slow

SWEEP = [
    "-m", *QUICK, "cell=gru", "seq_len=8,10", "weight_scale=0.9,1.1", "seed=0,1,2",
    "engine.compile=true", # step by step, numbers are the same in other packs only up to rounding
]  # fmt: skip

STEPS = """
import pathlib, time
class Streams(module.Streams):
    def draw(self, *args, **named):
        {what}
        return super().draw(*args, **named)
module.Streams = Streams
"""


def before_every_step(what: str) -> str:
    """Code that does something before every training step."""
    return when_imported("harness.training.building", STEPS.format(what=what))


KILLS = 6


def test_a_sweep_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    long = [*SWEEP, "train.steps=300", "probe.every=50", "checkpoint.every=20"]
    whole = finished_sweep(tmp_path, *long)
    rng, killed = random.Random(4), 0
    for attempt in range(KILLS):
        again = ["resume=broken"] if attempt % 2 else [*long, "hydra.sweep.dir=broken"]
        process = start(tmp_path, *again, code=before_every_step("time.sleep(0.01)"))
        # The first is killed only when there is something to go on with.
        wait_for(lambda process=process: (tmp_path / "broken" / "provenance.json").exists(), process)
        try:
            process.wait(timeout=rng.uniform(0.2, 1.5))
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
    last = command(tmp_path, "resume=broken")
    assert last.returncode == 0, last.stderr
    assert killed >= 3, "the sweep was too fast to be killed"
    assert_same(whole, tmp_path / "broken")


TO_THE_END = [*SWEEP, "train.steps=4", "probe.every=2"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a short sweep that nothing has disturbed, not to be changed."""
    return finished_sweep(tmp_path_factory.mktemp("undisturbed"), *TO_THE_END)


def test_a_damaged_table_is_named_and_its_runs_are_done_again(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "damaged")
    path = tmp_path / "damaged" / "jobs" / "1" / "tables" / "gradients.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)
    again = command(tmp_path, "resume=damaged")
    assert again.returncode == 0, again.stderr
    assert "jobs/1/tables/gradients.parquet: damaged" in again.stderr
    assert "6 of 12 runs are done already" in again.stderr
    assert_same(whole, tmp_path / "damaged")


def test_the_second_of_two_resumers_is_told_in_one_line(tmp_path: Path) -> None:
    sweep, told = ["-m", *QUICK, "seed=0,1", "train.steps=4", "probe.every=2", "hydra.sweep.dir=out"], tmp_path / "told"
    patient = before_every_step(f"while not pathlib.Path({str(told)!r}).exists(): time.sleep(0.01)")
    first = start(tmp_path, *sweep, code=patient)
    wait_for(lambda: (tmp_path / "out" / "jobs" / "0" / "progress.json").exists(), first)
    second = command(tmp_path, *sweep)
    assert second.returncode == 1
    assert len(second.stderr.strip().splitlines()) == 1
    assert f"process {first.pid}" in second.stderr
    told.touch()
    assert first.wait(timeout=120) == 0
    assert len(harness.load(tmp_path / "out").runs) == 2


def ill(what: str) -> str:
    """Code with which the third run of eight steps does something instead of its first step."""
    return before_every_step(f"if self.seq_len == 8 and 2 in self.seeds: {what}")


def test_a_member_that_raises_is_isolated_and_tried_again_by_resume(whole: Path, tmp_path: Path) -> None:
    done = command(tmp_path, *TO_THE_END, "hydra.sweep.dir=out", code=ill("raise RuntimeError('no oven')"))
    assert done.returncode == 1
    assert "runs failed: RuntimeError: no oven" in done.stderr
    assert "resume=out" in done.stderr
    runs = harness.load(tmp_path / "out").runs
    assert (runs.query("status == 'failed'")[["seed", "seq_len"]].drop_duplicates() == [2, 8]).all(axis=None)
    assert runs.status.value_counts().to_dict() == {"ok": 10, "failed": 2}
    again = command(tmp_path, "resume=out")
    assert again.returncode == 0, again.stderr
    assert "10 of 12 runs are done already" in again.stderr
    assert_same(whole, tmp_path / "out")


def test_a_run_that_hangs_is_ended_at_the_time_limit(tmp_path: Path) -> None:
    sweep = ["-m", *QUICK, "seed=1,2", "train.steps=4", "sweep.timeout=3", "hydra.sweep.dir=out"]
    done = command(tmp_path, *sweep, code=ill("time.sleep(1000)"))
    assert done.returncode == 1
    runs = harness.load(tmp_path / "out").runs.set_index("seed")
    assert runs.status.to_dict() == {1: "ok", 2: "failed"}
    assert "sweep.timeout=3" in runs.reason[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_reports_what_is_done_and_says_how_to_go_on(tmp_path: Path, number: int) -> None:
    sweep = [
        "-m", *QUICK, "seed=0,1", "train.steps=10,200000", "probe.every=100000", "checkpoint.every=100000",
        "hydra.sweep.dir=out",
    ]  # fmt: skip
    process = start(tmp_path, *sweep)
    wait_for(lambda: (note := read_note(tmp_path / "out" / "jobs" / "1")) and note.share > 0, process)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "python -m harness resume=out" in err
    assert "Traceback" not in err
    assert harness.load(tmp_path / "out").runs["train.steps"].tolist() == [10, 10]
    assert "2 of 4 runs are missing" in (tmp_path / "out" / "report.md").read_text("utf-8")
    assert str(missing(tmp_path / "out")) == "2 of 4 runs are missing"
    assert len(list((tmp_path / "out" / "jobs" / "1").glob("checkpoint-*.pt"))) == 1


def test_what_does_not_fit_on_the_disk_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    sweep = ["-m", *QUICK, "seed=0,1,2", "seq_len=8,400", "train.steps=2", "probe.every=1", "hydra.sweep.dir=out"]
    small = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
    done = command(tmp_path, *sweep, code=small)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    runs = pd.concat(pd.read_parquet(path) for path in sorted((tmp_path / "out").glob("jobs/*/tables/runs.parquet")))
    assert runs.groupby("seq_len").status.unique().map(list).to_dict() == {8: ["ok"], 400: ["failed"]}
    assert runs.reason.dropna().str.contains("File too large").all()
    again = command(tmp_path, "resume=out")
    assert again.returncode == 0, again.stderr
    assert harness.load(tmp_path / "out").runs.status.tolist() == ["ok"] * 6


def test_a_disk_without_any_room_ends_in_one_line_each(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("no right to mount here")
    try:
        sweep = ["-m", *QUICK, "seed=0,1", "seq_len=8,9,600", "train.steps=2", "probe.every=1"]
        done = command(tmp_path, *sweep, "hydra.sweep.dir=disk/out")
        assert done.returncode == 1
        assert "No space left" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_full_when_figures_are_drawn_costs_the_report_and_no_run(tmp_path: Path) -> None:
    full = (
        "import errno, os\n"
        "plain = os.replace\n"
        "def replace(source, target, **named):\n"
        "    if str(target).endswith('.png'):\n"
        "        raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "    plain(source, target, **named)\n"
        "os.replace = replace\n"
    )
    done = command(tmp_path, "-m", *QUICK, "seed=0,1", "train.steps=2", "hydra.sweep.dir=out", code=full, pictures=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1] == (
        "harness: out: no report (No space left on device); the runs are safe in out/jobs; "
        "once that is mended: python -m harness.report out"
    )
    assert harness.load(tmp_path / "out").runs.status.tolist() == ["ok", "ok"]
    assert not list((tmp_path / "out" / "figures").glob(".*"))
    again = command(tmp_path, "out", module="harness.report")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "out" / "report.html").exists()


OVEN = """
import os
from harness.experiment import Batch, Classes, Experiment
class Oven(Experiment):
    "The token seen is asked for, from an oven that may be broken."
    name = "oven"
    claim = "It can be done."
    heat: int = 0
    input_size = property(lambda self: 3)
    outputs = property(lambda self: Classes(3))
    def chance(self, seq_len): return 1.0
    def sample(self, rng, batch_size, seq_len):
        if self.heat == 2 and "MENDED" not in os.environ:
            raise RuntimeError("no oven")
        row = rng.integers(3, size=(batch_size, seq_len))
        return Batch(row, row)
"""


def test_with_fail_fast_a_sweep_ends_at_the_first_failure_and_can_be_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "oven.py").write_text(OVEN)
    sweep = ["plugins=[oven.py]", "experiment=oven", "experiment.heat=1,2,3,4", "train.steps=2", "sweep.fail_fast=true"]
    done = command(tmp_path, "-m", *QUICK, *sweep, "hydra.sweep.dir=out")
    assert done.returncode == 1
    assert "1 of 1 runs failed: RuntimeError: no oven (oven.py, line 14)" in done.stderr
    assert "to do again what failed:  python -m harness resume=out" in done.stderr
    runs = harness.load(tmp_path / "out").runs
    assert dict(zip(runs["experiment.heat"], runs.status, strict=True)) == {1: "ok", 2: "failed"}
    assert "2 of 4 runs are missing" in (tmp_path / "out" / "report.md").read_text("utf-8")
    again = command(tmp_path, "resume=out", MENDED="1")
    assert again.returncode == 0, again.stderr
    assert harness.load(tmp_path / "out").runs.status.tolist() == ["ok"] * 4


def test_a_changed_setting_is_a_different_run_and_the_old_ones_stay(tmp_path: Path) -> None:
    base = ["-m", *QUICK, "train.steps=2", "hydra.sweep.dir=out"]
    assert command(tmp_path, *base, "cell=rnn", "seed=0,1").returncode == 0
    more = command(tmp_path, *base, "cell=gru,rnn", "seed=0,1,2")
    assert more.returncode == 0, more.stderr
    assert "2 of 6 runs are done already" in more.stderr
    runs = harness.load(tmp_path / "out").runs
    assert runs.run_id.is_unique
    assert sorted(zip(runs.cell, runs.seed, strict=True)) == [(c, s) for c in ("gru", "rnn") for s in (0, 1, 2)]
    nothing = command(tmp_path, *base, "cell=gru,rnn", "seed=0,1,2")
    assert nothing.returncode == 0
    assert "6 of 6 runs are done already" in nothing.stderr
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text("utf-8"))
    assert len(provenance["resumed"]) == 2
