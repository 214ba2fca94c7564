"""Data of one's own: what is asked, of which rows, and what a run knows of its file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import harness
from harness.base.errors import UserError
from harness.command_line.command import Command
from harness.datasets.own_file import content_of
from harness.experiment import Classes, Values
from harness.experiments.dataset import Dataset
from harness.experiments.digits_rows import DigitsRows
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.testing import check_experiment
from harness.training.pack import run
from tests.conftest import BASE
from tests.helpers.claims import trained
from tests.helpers.own_files import npz, task_of
from tests.helpers.sweeps import SHORT, command
from tests.helpers.tasks import draw

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6, 2))
TOKENS = RNG.integers(5, size=(40, 6))
CLASSES = np.arange(40) % 3
BY_STEP = RNG.integers(3, size=(40, 6))
LENGTHS = 3 + np.arange(40) % 4


def rows_of(inputs: np.ndarray, whole: np.ndarray) -> list[int]:
    """Which of the rows of a file these are."""
    return [int(np.flatnonzero((whole == row).reshape(len(whole), -1).all(axis=1)).item()) for row in inputs]


def test_without_a_file_it_reads_the_digits_that_everyone_has() -> None:
    task, digits = Dataset(), load_digits()
    batch = draw(task, 50, 8)
    for image, target in zip(batch.inputs, batch.targets, strict=True):
        place = np.flatnonzero((digits.images == 16 * image).all(axis=(1, 2))).item()
        assert (place < 1198, digits.target[place]) == (True, target.item())
    assert 0.09 < Dataset(order="pixels").chance(64) <= DigitsRows().chance(64)  # the best that a pixel could tell
    assert DigitsRows().chance(8) - 0.06 < task.chance(8) < DigitsRows().chance(8)


def test_a_class_for_each_row(tmp_path: Path) -> None:
    task = task_of(npz(tmp_path, X=X, y=CLASSES))
    assert (task.outputs, task.input_size, task.own_length()) == (Classes(3), 2, 6)
    batch = draw(task, 30, 6)
    assert batch.scored.tolist() == [6]
    assert batch.targets[:, 0].tolist() == CLASSES[rows_of(batch.inputs, X)].tolist()


def test_names_of_classes_are_what_samples_say(tmp_path: Path) -> None:
    task = task_of(npz(tmp_path, X=TOKENS, y=np.array(["up", "down", "flat"])[CLASSES]))
    batch = draw(task, 1, 6)
    shown = task.show(batch, 0, np.eye(3)[[1]])
    assert shown is not None
    assert (shown.answered, shown.text) == ("flat", " ".join(map(str, batch.inputs[0])))
    assert shown.expected == ("up", "down", "flat")[CLASSES[rows_of(batch.inputs, TOKENS)[0]]]


def test_vectors_are_shown_as_shades(tmp_path: Path) -> None:
    steps = np.tile(np.linspace(2, 6, 5)[:, None], (10, 1, 1))
    task = task_of(npz(tmp_path, X=steps, y=CLASSES[:10]))
    shown = task.show(draw(task, 1, 5), 0, np.zeros((1, 3)))
    assert shown is not None
    assert (shown.text, shown.words) == ("· ░ ▒ ▓ █", [*"·░▒▓█"])
    wide = task_of(npz(tmp_path, X=np.ones((9, 5, 65)), y=CLASSES[:9]))
    assert wide.show(draw(wide, 1, 5), 0, np.zeros((1, 3))) is None


def test_an_answer_for_each_step_and_a_mask_over_them(tmp_path: Path) -> None:
    mask = RNG.random((40, 6)) < 0.7
    mask[:, 0] = True
    batch = draw(task_of(npz(tmp_path, X=X, y=BY_STEP, mask=mask, lengths=LENGTHS)), 30, 6)
    inside = np.where((np.arange(6) < LENGTHS[:, None])[..., None], X, 0)
    rows = rows_of(batch.inputs, inside)
    assert (batch.mask == (mask & (np.arange(6) < LENGTHS[:, None]))[rows]).all()
    assert (batch.targets == BY_STEP[rows])[batch.mask].all()


def test_the_answer_of_a_shorter_row_is_asked_for_at_its_own_last_step(tmp_path: Path) -> None:
    task = task_of(npz(tmp_path, X=X, y=CLASSES, lengths=LENGTHS))
    batch = draw(task, 30, 6)
    rows = rows_of(batch.inputs, np.where((np.arange(6) < LENGTHS[:, None])[..., None], X, 0))
    assert batch.answer.tolist() == LENGTHS[rows].tolist()
    assert batch.ends.tolist() == LENGTHS[rows].tolist()
    assert (batch.mask.sum(axis=1) == 1).all()
    assert batch.targets[batch.mask].tolist() == CLASSES[rows].tolist()


@pytest.mark.parametrize("shape", [(40,), (40, 6), (40, 1, 2), (40, 6, 2)])
def test_real_answers_are_values_right_within_a_tenth_of_their_spread(shape: tuple[int, ...], tmp_path: Path) -> None:
    y = 3 + RNG.normal(size=shape)
    task = task_of(npz(tmp_path, X=X, y=y))
    assert task.outputs == Values(0.1 * y.std(), n=2 if len(shape) == 3 else 1)
    batch = draw(task, 20, 6)
    assert (batch.targets == y[rows_of(batch.inputs, X)].reshape(20, *batch.targets.shape[1:])).all()
    assert task_of(npz(tmp_path, X=X, y=y), tolerance=0.5).outputs == Values(0.5, n=2 if len(shape) == 3 else 1)


def test_whole_numbers_are_values_where_a_regression_is_asked_for(tmp_path: Path) -> None:
    task = task_of(npz(tmp_path, X=X, y=np.arange(40) * 10), task="regression")
    batch = draw(task, 20, 6)
    assert batch.targets.dtype.kind == "f"
    assert batch.targets[:, 0].tolist() == [10 * row for row in rows_of(batch.inputs, X)]


@pytest.mark.parametrize("inputs", [X, TOKENS, X[..., 0]])
def test_without_answers_the_next_step_is_asked_for(inputs: np.ndarray, tmp_path: Path) -> None:
    task = task_of(npz(tmp_path, X=inputs))
    assert task.own_length() == 5
    assert task.refuses(6) == "1 to 5"
    whole = inputs.reshape(40, 6, -1)
    for seq_len in (5, 3):
        batch = draw(task, 100, seq_len)
        starts = set()
        for read, told in zip(batch.inputs, batch.targets.reshape(100, seq_len, -1), strict=True):
            joined = np.concatenate([read.reshape(seq_len, -1)[:1], told])
            assert (joined[:-1] == read.reshape(seq_len, -1)).all()
            places = [
                (row, start)
                for start in range(6 - seq_len)
                for row in np.flatnonzero((whole[:, start : start + seq_len + 1] == joined).all(axis=(1, 2)))
            ]
            assert places
            starts |= {start for _, start in places}
        assert starts >= {*range(6 - seq_len)}


def test_the_next_steps_of_shorter_rows_end_where_they_do(tmp_path: Path) -> None:
    task = task_of(npz(tmp_path, X=1 + TOKENS, lengths=LENGTHS))
    assert task.own_length() == 5
    for seq_len in (5, 3):
        batch = draw(task, 60, seq_len)
        for read, told, end in zip(batch.inputs, batch.targets, batch.ends, strict=True):
            joined = [read[0], *told[:end]]
            places = [
                (row, start)
                for row in range(40)
                for start in range(LENGTHS[row] - end)
                if (1 + TOKENS[row, start : start + end + 1]).tolist() == joined
            ]
            assert any(end == min(LENGTHS[row] - 1 - start, seq_len) for row, start in places)
            assert not read[end:].any()


def test_one_long_series_is_trained_on_at_its_beginning_and_evaluated_on_at_its_end(tmp_path: Path) -> None:
    series = np.arange(1000) / 1000
    task = task_of(npz(tmp_path, X=series), holdout=0.3)
    assert task.own_length() == 50
    assert (draw(task, 200, 50).targets < 0.7).all()
    held_out = draw(task, 200, 50, held_out=True)
    assert (held_out.inputs >= 0.7).all()
    assert task.refuses(300) == "1 to 299"


@pytest.mark.parametrize("shape", [(100,), (1, 100)])
def test_a_long_series_with_an_answer_to_each_step_is_cut_anywhere(shape: tuple[int, ...], tmp_path: Path) -> None:
    steps = np.arange(100)
    task = task_of(npz(tmp_path, X=steps.reshape(shape), y=(steps % 7).reshape(shape)))
    assert (task.own_length(), task.refuses(201)) == (20, "1 to 20")
    for held_out, known in ((False, range(80)), (True, range(80, 100))):
        batch = draw(task, 1500, 10, held_out)
        assert (batch.targets == batch.inputs % 7).all()
        assert (np.diff(batch.inputs) == 1).all()
        assert {*batch.inputs[:, 0].tolist()} == {*known[: len(known) - 9]}


def test_rows_with_an_answer_to_each_step_may_be_cut(tmp_path: Path) -> None:
    inputs = np.arange(240).reshape(40, 6)
    task = task_of(npz(tmp_path, X=inputs, y=inputs % 5, lengths=LENGTHS))
    batch = draw(task, 200, 4)
    for read, told, end in zip(batch.inputs, batch.targets, batch.ends, strict=True):
        row, first = divmod(int(read[0]), 6)
        assert end == min(4, LENGTHS[row] - first)
        assert read[:end].tolist() == inputs[row, first : first + end].tolist()
        assert told[:end].tolist() == (read[:end] % 5).tolist()
    assert {int(start) % 6 for start in batch.inputs[:, 0]} == {0, 1, 2}


@pytest.mark.parametrize("text", [True, False])
def test_the_files_own_split_keeps_rows_from_training(text: bool, tmp_path: Path) -> None:
    part = np.arange(40) % 4  # two parts of four are for training
    split = np.array(["train", "train", "validation", "test"])[part] if text else np.array([0, 0, 1, 2])[part]
    path = npz(tmp_path, X=X, y=CLASSES, split=split)
    task = task_of(path)
    for held_out, parts in ((False, {0, 1}), (True, {2, 3})):
        assert {part[row] for row in rows_of(draw(task, 99, 6, held_out).inputs, X)} == parts
    one = task_of(path, part="test" if text else 2)
    assert {part[row] for row in rows_of(draw(one, 99, 6, held_out=True).inputs, X)} == {3}


def test_without_a_split_rows_are_dealt_out_once_and_for_all(tmp_path: Path) -> None:
    path = npz(tmp_path, X=X, y=CLASSES)

    def kept(**options: float) -> set[int]:
        task = task_of(path, **options)
        held_out = set(rows_of(draw(task, 200, 6, held_out=True).inputs, X))
        assert not held_out & set(rows_of(draw(task, 200, 6).inputs, X))
        return held_out

    assert kept() == kept()
    assert len(kept()) == 8
    assert len(kept(holdout=0.5)) == 20
    assert kept(split_seed=1) != kept()


def test_chance_of_shorter_rows_looks_at_their_own_last_steps(tmp_path: Path) -> None:
    tokens = np.full((40, 6), 9)
    tokens[np.arange(40), LENGTHS - 1] = CLASSES  # the answer is the last token
    assert task_of(npz(tmp_path, X=tokens, y=CLASSES, lengths=LENGTHS)).chance(6) == 1
    tokens[:] = 9
    tokens[:, 0] = CLASSES  # it is the first one
    split = np.arange(40) % 2
    commonest = np.bincount(CLASSES[split == 0]).argmax()
    stated = task_of(npz(tmp_path, X=tokens, y=CLASSES, lengths=LENGTHS, split=split)).chance(6)
    assert stated == (CLASSES[split == 1] == commonest).mean()


def settings(path: object, **options: object) -> Settings:
    return members({**BASE, "seq_len": None, "experiment": {"name": "dataset", "path": path, **options}})[0]


def test_a_run_depends_on_what_is_in_the_file_and_not_on_when_it_was_written(tmp_path: Path) -> None:
    path = npz(tmp_path, X=X, y=CLASSES)
    first = settings(str(path))
    os.utime(path, ns=(1, 1))
    assert settings(str(path)).run_id == first.run_id
    npz(tmp_path, X=X + 1, y=CLASSES)
    assert settings(str(path)).run_id != first.run_id
    with pytest.raises(UserError, match=r"experiment.content=[0-9a-f]{12}: .*my.npz holds [0-9a-f]{12} now"):
        members(first.configuration())


def test_a_folder_is_known_by_all_of_its_files(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", CLASSES)
    first = settings(str(tmp_path)).run_id
    np.save(tmp_path / "y.npy", CLASSES[::-1])
    assert settings(str(tmp_path)).run_id != first


def test_a_file_is_known_by_its_content_and_files_of_a_folder_by_their_names_too(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.npy").write_bytes(b"1")
    alone, known = content_of(folder / "a.npy"), content_of(folder)
    assert content_of((folder / "a.npy").rename(folder / "b.npy")) == alone == known
    (folder / "a.npy").write_bytes(b"2")
    both = content_of(folder)
    (folder / "b.npy").rename(folder / "c.npy")
    assert content_of(folder) != both


def test_the_length_of_the_data_is_that_of_a_run_and_another_one_is_refused(tmp_path: Path) -> None:
    path = npz(tmp_path, X=X, y=CLASSES)
    assert settings(str(path)).seq_len == 6
    with pytest.raises(UserError, match=r"seq_len=20: not for experiment=dataset; valid: 6 \(rows are read whole\)"):
        members({**BASE, "seq_len": 20, "experiment": {"name": "dataset", "path": str(path)}})
    with pytest.raises(UserError, match=r"seq_len=null: "):
        members({**BASE, "seq_len": None})


@pytest.mark.parametrize("kind", ["classes", "values", "steps", "next", "lengths"])
def test_every_kind_of_data_trains(kind: str, tmp_path: Path) -> None:
    arrays = {
        "classes": {"X": X, "y": CLASSES},
        "values": {"X": TOKENS, "y": RNG.normal(size=(40, 1, 2))},
        "steps": {"X": X, "y": BY_STEP},
        "next": {"X": X[..., 0]},
        "lengths": {"X": TOKENS, "y": CLASSES, "lengths": LENGTHS},
    }[kind]
    runs = run([settings(str(npz(tmp_path, **arrays)))])["runs"]
    assert runs.status.tolist() == ["ok"]
    assert runs.chance.between(0, 1).all()


def test_paths_of_a_command_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    for typed, known in (
        ("my.npz", f"{tmp_path}/my.npz"),
        ("../x.csv,~/y.csv", f"{tmp_path.parent}/x.csv,/home/me/y.csv"),
        ("'a, b.npz'", f"'{tmp_path}/a, b.npz'"),
        ("/data/my.npz", "/data/my.npz"),
        ("null", "null"),
    ):
        (command_line,) = Command.read(["-m", f"experiment.path={typed}"])
        assert command_line.words == ["-m", f"experiment.path={known}"]


@pytest.mark.slow
def test_a_relative_path_is_followed_from_where_the_command_was_typed(tmp_path: Path) -> None:
    npz(tmp_path, X=X, y=CLASSES)
    (tmp_path / "a, b").mkdir()
    npz(tmp_path / "a, b", X=X, y=CLASSES[::-1])
    small = [word for word in SHORT if not word.startswith("seq_len")]
    done = command(
        tmp_path, "-m", "experiment=dataset", "experiment.path=my.npz,'a, b/my.npz'", *small, "hydra.sweep.dir=out"
    )
    assert done.returncode == 0, done.stderr
    runs = harness.load(tmp_path / "out").runs
    assert sorted(runs["experiment.path"]) == sorted(str(tmp_path / path) for path in ("my.npz", "a, b/my.npz"))
    assert runs["experiment.content"].nunique() == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tokens", "values", "next"])
def test_own_data_keep_the_contract(kind: str, tmp_path: Path) -> None:
    tokens = RNG.integers(4, size=(60_000, 7))
    wave = np.sin(np.arange(12) / 3 + 6 * RNG.random((500, 1))) + 0.1 * RNG.normal(size=(500, 12))
    arrays = {
        "tokens": {"X": tokens, "y": tokens[:, 0]},
        "values": {"X": wave[:, :-1], "y": wave[:, -1]},
        "next": {"X": wave},
    }[kind]
    check_experiment(task_of(npz(tmp_path, **arrays), holdout=0.5))


@pytest.mark.slow
def test_memory_reads_digits_that_the_last_row_does_not_tell() -> None:
    runs = trained(Dataset, ["feedforward", "gru"], seq_len=8, hidden_size=64, train={"steps": 300})
    found = runs.groupby("cell").accuracy
    assert found.min()["gru"] > 0.85
    assert found.max()["feedforward"] <= Dataset().chance(8) + 0.03
