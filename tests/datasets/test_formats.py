"""One set of samples, written in every format by the libraries that own it, is read back the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.datasets import Rows, arrays_of, checked
from tests.helpers.own_files import npz, written

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(5, size=(6, 4))
VECTORS = RNG.normal(size=(6, 4, 2))
CLASSES = np.array([0, 1, 2, 0, 1, 2])
SPLIT = np.array(["train"] * 4 + ["test"] * 2)
LENGTHS = np.array([4, 2, 3, 1, 4, 4])


def read(path: Path) -> Rows:
    return checked(arrays_of(path))


def same(rows: Rows, inputs: Any, targets: Any, lengths: Any = None) -> None:
    np.testing.assert_allclose(rows.inputs, inputs)
    np.testing.assert_allclose(rows.targets, targets)
    assert rows.lengths.tolist() == list(np.full(len(inputs), inputs.shape[1]) if lengths is None else lengths)


def test_an_archive_of_numpy_and_a_folder_of_its_arrays(tmp_path: Path) -> None:
    arrays = {"X": VECTORS, "y": CLASSES, "lengths": LENGTHS, "split": SPLIT}
    (tmp_path / "folder").mkdir()
    for name, array in arrays.items():
        np.save(tmp_path / "folder" / name, array)
    (tmp_path / "folder" / "._X.npy").write_bytes(b"what some systems write beside a file")
    ended = np.where((np.arange(4) < LENGTHS[:, None])[..., None], VECTORS, 0)
    for path in (npz(tmp_path, **arrays), tmp_path / "folder"):
        rows = read(path)
        same(rows, ended, CLASSES, LENGTHS)
        assert rows.split is not None
        assert rows.split.tolist() == SPLIT.tolist()


def test_an_archive_may_hold_all_that_has_a_name(tmp_path: Path) -> None:
    answers, mask = np.tile(CLASSES[:, None], 4), np.arange(4) < LENGTHS[:, None]
    rows = read(npz(tmp_path, split=SPLIT, mask=mask, lengths=LENGTHS, y=answers, X=VECTORS))
    assert rows.mask is not None
    assert rows.split is not None
    assert (rows.mask.tolist(), rows.split.tolist()) == (mask.tolist(), SPLIT.tolist())


def test_arrays_of_torch_are_numpys(tmp_path: Path) -> None:
    rows = read(npz(tmp_path, X=torch.from_numpy(VECTORS).float().numpy(), y=torch.from_numpy(CLASSES).numpy()))
    assert rows.inputs.dtype == np.float32
    same(rows, VECTORS.astype(np.float32), CLASSES)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_with_a_row_for_each_sample(ending: str, tmp_path: Path) -> None:
    columns = {f"t{step}": TOKENS[:, step] for step in (2, 0, 3, 1)}  # in whatever order they stand
    names = np.array(["up", "down", "down", "up", "up", "down"])
    save(frame := pd.DataFrame({**columns, "y": names, "split": SPLIT}), tmp_path / f"my.{ending}")
    rows = read(tmp_path / f"my.{ending}")
    same(rows, TOKENS, [1, 0, 0, 1, 1, 0])
    assert rows.inputs.dtype == np.int64
    assert rows.classes == ("down", "up")
    save(frame.drop(columns="y").assign(y0=1.5, y1=2.0, y2=0.0, y3=1.0), tmp_path / f"my.{ending}")
    same(read(tmp_path / f"my.{ending}"), TOKENS, [[1.5, 2.0, 0.0, 1.0]] * 6)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_empty_cells_at_the_end_of_a_row_end_it(ending: str, tmp_path: Path) -> None:
    values = pd.DataFrame(VECTORS[..., 0], columns=[f"t{step}" for step in range(4)])
    ended = values.where(np.arange(4) < LENGTHS[:, None])
    save(ended.assign(y=CLASSES), tmp_path / f"my.{ending}")
    same(read(tmp_path / f"my.{ending}"), ended.fillna(0).to_numpy()[..., None], CLASSES, LENGTHS)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_with_a_row_for_each_step(ending: str, tmp_path: Path) -> None:
    steps = [(sample, step) for sample in range(6) for step in range(LENGTHS[sample])]
    read_, wrote = np.array([VECTORS[place] for place in steps]), np.array([CLASSES[sample] for sample, _ in steps])
    frame = pd.DataFrame({"sample": [f"s{each}" for each, _ in steps], "step": [step + 1 for _, step in steps],
                          "left": read_[:, 0], "right": read_[:, 1], "y": wrote})  # fmt: skip
    ended = np.where((np.arange(4) < LENGTHS[:, None])[..., None], VECTORS, 0)
    save(frame.sample(frac=1, random_state=0), tmp_path / f"my.{ending}")  # rows may stand in any order
    same(read(tmp_path / f"my.{ending}"), ended, CLASSES, LENGTHS)
    last = frame["sample"] != frame["sample"].shift(-1)
    save(frame.assign(y=frame.y.astype("Int64").where(last)), tmp_path / f"my.{ending}")
    same(read(tmp_path / f"my.{ending}"), ended, CLASSES, LENGTHS)


def test_empty_answers_of_steps_are_not_scored(tmp_path: Path) -> None:
    rows = read(written(tmp_path, "my.csv", "sample,step,word,y\n0,0,7,\n0,1,3,1\n1,0,2,0\n1,1,5,2\n"))
    assert rows.inputs.tolist() == [[7, 3], [2, 5]]
    assert rows.mask is not None
    assert rows.mask.tolist() == [[False, True], [True, True]]
    assert rows.targets is not None
    assert rows.targets[rows.mask].tolist() == [1, 0, 2]


def test_the_label_that_torch_ignores_is_not_scored(tmp_path: Path) -> None:
    rows = read(npz(tmp_path, X=TOKENS[:2], y=np.array([[0, 1, -100, 0], [-100, -100, 1, 0]])))
    assert rows.mask is not None
    assert rows.mask.tolist() == [[True, True, False, True], [False, False, True, True]]
    assert rows.targets is not None
    assert rows.targets[rows.mask].tolist() == [0, 1, 0, 1, 0]
    assert set(rows.targets.ravel()) == {0, 1}


def test_real_numbers_of_a_table_are_those_with_a_point(tmp_path: Path) -> None:
    whole, real = (read(written(tmp_path, "my.csv", f"t0,t1,y\n{first},2,0\n3,4,1\n")).inputs for first in ("1", "1.0"))
    assert (whole.tolist(), whole.dtype) == ([[1, 2], [3, 4]], np.int64)
    assert (real.tolist(), real.dtype) == ([[[1], [2]], [[3], [4]]], np.float64)


def test_parquet_may_hold_lists(tmp_path: Path) -> None:
    frame = pd.DataFrame({"X": [[1, 2, 3], [4], [0, 2]], "y": ["a", "b", "a"]})
    frame.to_parquet(tmp_path / "my.parquet")
    same(read(tmp_path / "my.parquet"), np.array([[1, 2, 3], [4, 0, 0], [0, 2, 0]]), [0, 1, 0], [3, 1, 2])
    vectors = pd.DataFrame({"X": [VECTORS[0].tolist(), VECTORS[1, :2].tolist()], "y": [0.5, 1.5]})
    vectors.to_parquet(tmp_path / "my.parquet")
    same(read(tmp_path / "my.parquet").only(np.array([0])), VECTORS[:1], [0.5])


def test_what_is_behind_the_end_of_a_row_may_be_anything(tmp_path: Path) -> None:
    inputs = VECTORS.copy()
    inputs[1, 2:] = np.nan
    answers = np.tile([0.5, 1.5, 0.5, 1.0], (6, 1))
    answers[1, 2:] = np.inf
    rows = read(npz(tmp_path, X=inputs, y=answers, lengths=LENGTHS))
    assert np.isfinite(rows.inputs).all()
    assert rows.targets is not None
    assert np.isfinite(rows.targets).all()


def save(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path, index=False)
