"""Every wrong file is told in one line that names the file, what is wrong in it and what would be valid."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.base.errors import UserError
from tests.helpers.own_files import npz, task_of, written

X = np.random.default_rng(0).normal(size=(10, 4, 2))
TOKENS = np.arange(40).reshape(10, 4) % 7
Y = np.arange(10) % 3
HEAD = "sample,step,a,y\n"


def changed(array: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    """The array with another number at one place."""
    array = array.copy()
    array[place] = value
    return array


ARRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "no X": ({"y": Y, "inputs": X}, "holds inputs, y; valid: X, and of y, lengths, mask, split any"),
    "a name misspelt": ({"X": X, "y": Y, "length": Y}, "holds X, length, y; valid: X, and of"),
    "texts": ({"X": np.array([["a", "b"]]), "y": Y}, "X: <U1; valid: whole numbers (tokens) or real ones"),
    "complex": ({"X": X + 1j, "y": Y}, "X: complex128; valid: whole numbers (tokens) or real ones"),
    "one number": ({"X": np.float64(3)}, "X: shape (); valid: (N, T) or (N, T, F), none of them 0"),
    "four axes": ({"X": X[..., None], "y": Y}, "X: shape (10, 4, 2, 1); valid: (N, T) or (N, T, F)"),
    "no samples": ({"X": X[:0], "y": Y[:0]}, "X: shape (0, 4, 2); valid: (N, T) or (N, T, F), none of them 0"),
    "NaN": ({"X": changed(X, (3, 1, 0), np.nan), "y": Y}, "X: nan at [3, 1, 0] (of 1); valid: finite numbers"),
    "inf": ({"X": changed(X, (0, 0, 1), -np.inf), "y": Y}, "X: inf at [0, 0, 1] (of 1); valid: finite numbers"),
    "a value NaN": ({"X": X, "y": changed(Y * 1.0, (7,), np.nan)}, "y: nan at [7] (of 1); valid: finite numbers"),
    "a token below 0": ({"X": changed(TOKENS, (1, 1), -1), "y": Y}, "X: token -1; valid: tokens from 0 to 65535, or"),
    "a date as token": ({"X": TOKENS + 1_700_000_000, "y": Y}, "X: token 1700000006; valid: tokens from 0"),
    "other count of y": ({"X": X, "y": Y[:9]}, "y: shape (9,); valid for X of 10 samples, 4 steps: (10,) or (10, 4)"),
    "other steps of y": ({"X": X, "y": np.tile(Y[:, None], 3)}, "y: shape (10, 3); valid for X of 10 samples, 4 steps"),
    "complex y": ({"X": X, "y": Y * 1j}, "y: complex128; valid: whole numbers or texts (classes), or real numbers"),
    "a gap": ({"X": X, "y": np.where(Y == 1, 3, Y)}, "y: no label 1, though there is a 3; valid: 0 to n - 1 without a"),
    "labels from 1": ({"X": X, "y": Y + 1}, "y: no label 0, though there is a 3; valid: 0 to n - 1 without a gap"),
    "negative": ({"X": X, "y": Y - 1}, "y: label -1 is negative; valid: 0 to n - 1 without a gap"),
    "one class": ({"X": X, "y": 0 * Y}, "y: all labels are 0; valid: at least two classes"),
    "one value": ({"X": X, "y": 0.5 + 0 * Y}, "all values to be told are 0.5; valid: values that differ"),
    "lengths too long": ({"X": X, "y": Y, "lengths": Y + 3}, "lengths: 5 in row 2; valid: 1 to 4"),
    "length 0": ({"X": X, "y": Y, "lengths": Y}, "lengths: 0 in row 0; valid: 1 to 4"),
    "real lengths": ({"X": X, "y": Y, "lengths": Y + 1.0}, "lengths: shape (10,) of float64; valid: (10,)"),
    "lengths of others": ({"X": X, "y": Y, "lengths": Y[:3] + 1}, "lengths: shape (3,) of int64; valid: (10,)"),
    "mask of numbers": ({"X": X, "y": np.tile(Y[:, None], 4), "mask": TOKENS}, "mask: shape (10, 4) of int64"),
    "mask of one": ({"X": X, "y": Y, "mask": TOKENS > 0}, "mask: y has one answer for a sample; valid: a mask where y"),
    "mask empty": ({"X": X, "y": np.tile(Y[:, None], 4), "mask": TOKENS < 0}, "mask: no answer of row 0 counts"),
    "mask of row 2": (
        {"X": X, "y": np.tile(Y[:, None], 4), "mask": np.arange(10)[:, None] != np.full(4, 2)},
        "mask: no answer of row 2 counts",
    ),
    "split too short": ({"X": X, "y": Y, "split": Y[:4]}, "split: shape (4,) of int64; valid: (10,) of texts, or of 0"),
    "real split": ({"X": X, "y": Y, "split": Y * 1.0}, "split: shape (10,) of float64; valid: (10,) of texts, or of 0"),
    "nothing to train on": ({"X": X, "y": Y, "split": Y + 1}, "split: only 1, 2, 3; valid: train (or 0) and at least"),
    "nothing held out": ({"X": X, "y": Y, "split": 0 * Y}, "split: only train; valid: train (or 0) and at least one"),
    "two samples": ({"X": X[:2], "y": Y[:2]}, "2 samples, of which 0.2 are to be kept; valid: at least one in each"),
    "a next step of one": ({"X": TOKENS[:, :1]}, "a row of 1 step; valid: two or more, where the next step"),
    "some of one step": ({"X": TOKENS, "lengths": Y + 1}, "a row of 1 step; valid: two or more, where the next step"),
    "a masked series": ({"X": X[0, :, 0], "y": Y[:4], "mask": Y[:4] >= 0}, "mask: not for one long series; valid:"),
    "one sample": ({"X": X[:1], "y": Y[:1]}, "1 samples, of which 0.2 are to be kept; valid: at least one in each"),
    "a series of three": ({"X": X[0, :3, 0]}, "a series of 3 steps, of which 0.2 are to be kept; valid: two steps"),
}  # fmt: skip

TEXTS: dict[str, tuple[str, str | bytes, str]] = {
    "an ending": ("my.xlsx", "", "a file .xlsx; valid: .npz, .parquet, .csv, or a folder of .npy files or of MNIST's"),
    "no ending": ("my", "", "a file without an ending; valid: .npz, .parquet, .csv, or a folder"),
    "no archive": ("my.npz", "t0,t1\n1,2\n", "no npz archive; valid: what numpy.savez writes"),
    "a pickle": ("my.npz", pickle.dumps({"X": X}), "no npz archive; valid: what numpy.savez writes"),
    "no parquet": ("my.parquet", "t0,t1\n1,2\n", "no parquet file; valid: what pandas writes by to_parquet"),
    "empty": ("my.csv", "", "No columns to parse from file; valid: a line of names, and lines of as many"),
    "names alone": ("my.csv", "t0,t1,y\n", "no rows; valid: at least two samples"),
    "ragged": ("my.csv", "t0,t1,y\n1,2,0\n1,2,3,1\n", "Expected 3 fields in line 3, saw 4; valid: a line of names"),
    "other names": ("my.csv", "a,b\n1,2\n", "columns a, b; valid: t0, t1, … (a row per sample), or sample and step"),
    "another column": ("my.csv", "t0,t1,y,age\n1,2,0,7\n", "column age; valid besides what is read: y, split"),
    "a step left out": ("my.csv", "t0,t2,y\n1,2,0\n", "t1 is missing before t2; valid: t0, t1, … without a gap"),
    "a text": ("my.csv", "t0,t1,y\n1,high,0\n", "t1: 'high'; valid: numbers"),
    "an empty cell": ("my.csv", "t0,t1,y\n1,2,0\n,2,0\n", "t0 is empty in row 1, and a later one is not; valid: empty"),
    "an empty row": ("my.csv", "t0,t1,y\n1,2,0\n,,0\n", "row 1 is empty; valid: at least t0"),
    "no answer": ("my.csv", "t0,t1,y\n1,2,0\n1,2,\n", "y is empty in row 1; valid: a value in each"),
    "fewer answers": ("my.csv", "t0,t1,y0\n1,2,0\n", "y0 is the last answer and t1 the last step; valid: one for each"),
    "no UTF-8": ("my.csv", b"t0,y\n1,\xff\n", "not in UTF-8; valid: a csv file in UTF-8"),
    "a step twice": ("my.csv", f"{HEAD}0,0,1,1\n0,0,1,1\n", "sample 0: step 0; valid: 0, 1, … (or 1, 2, …), each"),
    "a step missing": ("my.csv", f"{HEAD}0,0,1,1\n0,2,1,1\n", "sample 0: step 2; valid: 0, 1, … (or 1, 2, …), each"),
    "nothing read": ("my.csv", "sample,step,y\n0,0,1\n", "only sample, step and answers; valid: at least one column"),
    "no step": ("my.csv", f"{HEAD}0,,1,1\n", "step is empty in row 0; valid: a number in each"),
    "a cell missing": ("my.csv", f"{HEAD}0,0,,1\n0,1,2,1\n", "a is empty in a row; valid: numbers in all rows"),
    "two parts": ("my.csv", "sample,step,a,split\n0,0,1,train\n0,1,1,test\n", "split differs within sample 0"),
}  # fmt: skip


def refused(path: Path, **options: Any) -> str:
    """The one line by which a file is refused."""
    with pytest.raises(UserError) as error:
        task_of(path, **options)
    (line,) = str(error.value).splitlines()
    return line


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_do_not_fit(case: str, tmp_path: Path) -> None:
    arrays, why = ARRAYS[case]
    assert refused(npz(tmp_path, **arrays)).startswith(f"experiment.path={tmp_path / 'my.npz'}: {why}")


@pytest.mark.parametrize("case", TEXTS)
def test_files_of_other_formats_and_tables_that_cannot_be_read(case: str, tmp_path: Path) -> None:
    name, content, why = TEXTS[case]
    assert refused(written(tmp_path, name, content)).startswith(f"experiment.path={tmp_path / name}: {why}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refused(tmp_path / "my.npz") == (
        f"experiment.path={tmp_path / 'my.npz'}: not there; valid: a file or folder that is"
    )
    assert "a folder without .npy files; valid: X.npy, y.npy and so on" in refused(tmp_path)


class Bomb:
    """What runs a command where it is unpickled."""

    def __init__(self, where: Path):
        self.where = where

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.where,)


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_objects_are_never_unpickled(kind: str, tmp_path: Path) -> None:
    bomb = np.array([Bomb(tmp_path / "ran")], dtype=object)
    if kind == "archive":
        path = npz(tmp_path, X=X, y=bomb)
    else:
        path = tmp_path / "folder"
        path.mkdir()
        np.save(path / "X.npy", X)
        np.save(path / "y.npy", bomb)
    assert "y: Python objects, which are not unpickled; valid: an array of numbers or texts" in refused(path)
    assert not (tmp_path / "ran").exists()


def test_a_damaged_archive(tmp_path: Path) -> None:
    path = npz(tmp_path, X=X, y=Y)
    path.write_bytes(path.read_bytes().replace(b"\x93NUMPY", b"\x93NUMPX", 1))
    assert "X: damaged; valid: an array of numbers or texts" in refused(path)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"part": "validation"}, "experiment.part=validation: the file has no split; valid: null"),
        ({"task": "regression", "tolerance": 0}, "experiment.tolerance=0: input should be greater than 0"),
        ({"holdout": 1}, "experiment.holdout=1: input should be less than 1"),
        ({"task": "words"}, "experiment.task=words: input should be 'auto', 'classification', 'regression' or"),
        ({"content": "0123"}, "experiment.content=0123: "),
    ],
)  # fmt: skip
def test_options_that_the_file_does_not_have(options: dict[str, Any], why: str, tmp_path: Path) -> None:
    assert refused(npz(tmp_path, X=X, y=Y), **options).startswith(why)


@pytest.mark.parametrize(("holdout", "valid"), [(0.25, False), (0.5, True), (0.75, False)])
def test_of_one_series_two_steps_at_least_are_trained_on_and_two_are_kept(
    holdout: float, valid: bool, tmp_path: Path
) -> None:
    path = npz(tmp_path, X=np.array([0.1, 0.5, 0.2, 0.9]))
    if valid:
        assert task_of(path, holdout=holdout).refuses(1) is None
    else:
        assert f"a series of 4 steps, of which {holdout} are to be kept; valid: two steps in each part" in refused(
            path, holdout=holdout
        )


def test_what_is_asked_for_must_be_in_the_file(tmp_path: Path) -> None:
    without = npz(tmp_path, X=X)
    assert refused(without, task="classification") == (
        "experiment.task=classification: the file has no y; valid: next_step, or a file with y"
    )
    assert "y holds real numbers; valid: regression" in refused(npz(tmp_path, X=X, y=Y / 2), task="classification")
    assert "y holds texts; valid: classification" in refused(npz(tmp_path, X=X, y=Y.astype(str)), task="regression")
    parted = npz(tmp_path, X=X, y=Y, split=np.where(Y > 0, "train", "test"))
    assert refused(parted, part="dev") == "experiment.part=dev: not in the file's split; valid: test"
    for arrays in ({"X": TOKENS, "y": Y}, {"X": X, "y": Y, "lengths": Y + 2}, {"X": X}):
        assert refused(npz(tmp_path, **arrays), order="pixels").startswith(
            "experiment.order=pixels: valid: rows, or vectors X (N, T, F) of one length with one answer y (N,) each"
        )


def test_lists_of_parquet_that_are_no_sequences(tmp_path: Path) -> None:
    for lists in ([[1, 2], ["a", "b"]], [[[1.0], [1.0, 2.0]], [[1.0], [2.0]]], [1, 2]):
        pd.DataFrame({"X": pd.Series(lists, dtype=object) if lists != [[1, 2], ["a", "b"]] else [["c"], ["a", "b"]],
                      "y": [0, 1]}).to_parquet(tmp_path / "my.parquet")  # fmt: skip
        assert "X: valid: in each row a list of numbers, or of vectors of one length" in refused(
            tmp_path / "my.parquet"
        )
