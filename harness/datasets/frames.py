"""Tables, from csv or parquet, as arrays: a row per sample, a row per step, or a column of lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.own_file import Unreadable

if TYPE_CHECKING:
    import pandas as pd

Arrays = dict[str, NDArray[Any]]

ONE = ("y", "split")
"""Columns with one value for a sample."""


def read_csv(path: Path) -> Arrays:
    """The arrays of a csv file with a line of column names.

    Raises:
        Unreadable: it is no such file, its lines differ in length, or its columns are none of the three layouts.
    """
    import pandas as pd

    try:
        # Without an index column of its own, pandas would make one of lines that are longer than the first.
        frame = pd.read_csv(path, dtype_backend="numpy_nullable", index_col=False, on_bad_lines="error")
    except UnicodeDecodeError:
        raise Unreadable("not in UTF-8; valid: a csv file in UTF-8") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        why = str(error).strip().partition("C error: ")[2] or str(error)
        raise Unreadable(f"{why.splitlines()[0]}; valid: a line of names, and lines of as many values") from None
    return from_frame(frame)


def read_parquet(path: Path) -> Arrays:
    """The arrays of a parquet file.

    Raises:
        Unreadable: it is no such file, or its columns are none of the three layouts.
    """
    import pandas as pd
    import pyarrow as pa

    try:
        frame = pd.read_parquet(path, engine="pyarrow", dtype_backend="numpy_nullable")
    except (pa.ArrowException, ValueError):
        raise Unreadable("no parquet file; valid: what pandas writes by to_parquet") from None
    return from_frame(frame)


def from_frame(frame: pd.DataFrame) -> Arrays:
    """The arrays of a table: see `_wide`, `_long` and `_lists`.

    Raises:
        Unreadable: its columns are none of the three, or hold something else than numbers.
    """
    if not len(frame):
        raise Unreadable("no rows; valid: at least two samples")
    if {"sample", "step"} <= set(frame):
        return _long(frame)
    if "X" in frame:
        return _lists(frame)
    if numbered(frame, "t"):
        return _wide(frame)
    raise Unreadable(
        f"columns {', '.join(map(str, frame))}; valid: t0, t1, … (a row per sample), or sample and step (a row per "
        "step), or X (lists)"
    )


def _wide(frame: pd.DataFrame) -> Arrays:
    """A row per sample: ``t0``, ``t1``, … hold what its steps read; ``y``, or ``y0``, ``y1``, …, the answers.

    A row that ends sooner has empty cells at its end.
    """
    steps, answers = numbered(frame, "t"), numbered(frame, "y")
    _only(frame, [*steps, *answers, *ONE])
    values, lengths = _rows(frame, steps)
    found = {"X": values, **_one_each(frame)}
    if (lengths < len(steps)).any():
        found["lengths"] = lengths
    if answers:
        if len(answers) != len(steps):
            raise Unreadable(f"{answers[-1]} is the last answer and {steps[-1]} the last step; valid: one for each")
        found["y"], _ = _rows(frame, answers)
    return found


def _rows(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Numbers of columns (N, T), and up to which of them there are any in a row."""
    empty = frame[columns].isna().to_numpy()
    lengths = len(columns) - empty[:, ::-1].argmin(axis=1)
    lengths[empty.all(axis=1)] = 0
    gap = empty & (np.arange(len(columns)) < lengths[:, None])
    if gap.any():
        row, column = np.argwhere(gap)[0]
        raise Unreadable(f"{columns[column]} is empty in row {row}, and a later one is not; valid: empty cells at ends")
    if (lengths == 0).any():
        raise Unreadable(f"row {lengths.argmin()} is empty; valid: at least {columns[0]}")
    return _numbers(frame, columns), lengths.astype(np.int64)


def _long(frame: pd.DataFrame) -> Arrays:
    """A row per step: ``sample`` says of which sample, ``step`` which; other columns hold what is read.

    Of ``y`` a sample has one answer, where it says the same in all rows or stands in the last row alone, or else one
    for each step, of which empty ones are not scored.
    """
    for name in ("sample", "step"):
        if frame[name].isna().any():
            raise Unreadable(f"{name} is empty in row {int(frame[name].isna().argmax())}; valid: a number in each")
    frame = frame.sort_values(["sample", "step"], kind="stable").reset_index(drop=True)
    place = frame.groupby("sample").cumcount()
    first = int(frame.step.iloc[0]) if _is_whole(frame.step) else -1
    wrong = (frame.step != place + first) if first in (0, 1) else place == 0
    if wrong.any():
        row = frame[wrong.to_numpy()].iloc[0]
        raise Unreadable(f"sample {row['sample']}: step {row.step}; valid: 0, 1, … (or 1, 2, …), each once")
    read = [str(name) for name in frame if name not in ("sample", "step", *ONE)]
    if not read:
        raise Unreadable("only sample, step and answers; valid: at least one column besides, with what is read")
    lengths = frame.groupby("sample").size().to_numpy()
    where = (frame.groupby("sample").ngroup().to_numpy(), place.to_numpy())
    shape = (len(lengths), int(lengths.max()))
    if frame[read].isna().any(axis=None):
        name = next(name for name in read if frame[name].isna().any())
        raise Unreadable(f"{name} is empty in a row; valid: numbers in all rows")
    values = _numbers(frame, read)
    tokens = len(read) == 1 and values.dtype.kind == "i"
    found = {"X": _placed(values[:, 0] if tokens else values, where, shape)}
    if (lengths < shape[1]).any():
        found["lengths"] = lengths.astype(np.int64)
    if "split" in frame:
        found["split"] = _same(frame, "split")
    if "y" in frame:
        found |= _answers(frame, where, shape)
    return found


def _answers(frame: pd.DataFrame, where: tuple[NDArray[Any], NDArray[Any]], shape: tuple[int, int]) -> Arrays:
    """One answer for each sample, or those of its steps and a mask over them."""
    there = frame.y.notna().to_numpy()
    by_sample = frame[there].groupby("sample").y
    last = ~frame["sample"].duplicated(keep="last").to_numpy()
    if by_sample.ngroups == shape[0] and (by_sample.nunique() == 1).all() and (there.all() or (there == last).all()):
        return {"y": _plain(by_sample.last(), "y")}
    answers = _plain(frame.y[there], "y")
    whole = (where[0][there], where[1][there])
    mask = _placed(np.ones(len(answers), dtype=bool), whole, shape)
    filled = _placed(answers, whole, shape)
    if answers.dtype.kind == "U":  # what is not scored is any of the texts
        filled[~mask] = answers[0]
    return {"y": filled} if mask.all() else {"y": filled, "mask": mask}


def _lists(frame: pd.DataFrame) -> Arrays:
    """A row per sample, as parquet can have it: ``X`` is a list of what its steps read."""
    _only(frame, ["X", *ONE])
    try:
        rows = [np.stack([np.asarray(step) for step in each]) for each in frame["X"]]
    except (TypeError, ValueError):
        raise Unreadable("X: valid: in each row a list of numbers, or of vectors of one length") from None
    if len({each.shape[1:] for each in rows}) > 1 or any(each.dtype.kind not in "iufb" for each in rows):
        raise Unreadable("X: valid: in each row a list of numbers, or of vectors of one length")
    lengths = np.array([len(each) for each in rows])
    inputs = np.zeros((len(rows), int(lengths.max()), *rows[0].shape[1:]), dtype=np.result_type(*rows))
    for row, each in enumerate(rows):
        inputs[row, : len(each)] = each
    found = {"X": inputs, **_one_each(frame)}
    return {**found, "lengths": lengths} if (lengths < inputs.shape[1]).any() else found


def numbered(frame: pd.DataFrame, letter: str) -> list[str]:
    """Columns named by a letter and a number, in the order of the numbers.

    Raises:
        Unreadable: a number is left out.
    """
    found = sorted((int(name[1:]), name) for name in map(str, frame) if re.fullmatch(letter + r"\d+", name))
    for place, (number, name) in enumerate(found, start=found[0][0] if found and found[0][0] < 2 else 0):
        if number != place:
            raise Unreadable(f"{letter}{place} is missing before {name}; valid: {letter}0, {letter}1, … without a gap")
    return [name for _, name in found]


def _only(frame: pd.DataFrame, known: Sequence[str]) -> None:
    if left := [str(name) for name in frame if name not in known]:
        raise Unreadable(f"column {left[0]}; valid besides what is read: {', '.join(ONE)}")


def _one_each(frame: pd.DataFrame) -> Arrays:
    return {name: _plain(frame[name], name) for name in ONE if name in frame}


def _same(frame: pd.DataFrame, name: str) -> NDArray[Any]:
    """What a column says of each sample.

    Raises:
        Unreadable: it says different things of one.
    """
    by_sample = frame.groupby("sample")[name]
    if (by_sample.nunique(dropna=False) > 1).any():
        raise Unreadable(f"{name} differs within sample {by_sample.nunique(dropna=False).idxmax()}; valid: one value")
    return _plain(by_sample.first(), name)


def _plain(column: pd.Series, name: str) -> NDArray[Any]:
    """A column as an array of numpy's own kinds: whole or real numbers, truths or texts; or of lists, stacked."""
    if column.isna().any():
        raise Unreadable(f"{name} is empty in row {int(column.isna().to_numpy().argmax())}; valid: a value in each")
    if column.dtype == object and not isinstance(column.iloc[0], str):
        try:
            return np.stack([np.asarray(each) for each in column])
        except (TypeError, ValueError):
            raise Unreadable(f"{name}: lists of different lengths, or no numbers") from None
    kinds = {"i": np.int64, "u": np.int64, "f": np.float64, "b": np.bool_}
    kind = getattr(column.dtype, "kind", "O")
    return column.to_numpy(dtype=kinds[kind]) if kind in kinds else column.astype(str).to_numpy(dtype=np.str_)


def _numbers(frame: pd.DataFrame, columns: Sequence[str]) -> NDArray[Any]:
    """Columns of numbers (N, n), 0 where they are empty: whole ones where all are.

    Raises:
        Unreadable: one holds something else.
    """
    whole = True
    for name in columns:
        column = frame[name]
        if getattr(column.dtype, "kind", "O") not in "iufb":
            text = next((each for each in column if isinstance(each, str)), column.iloc[0])
            raise Unreadable(f"{name}: {text!r}; valid: numbers")
        whole &= _is_whole(column)
    kind: Any = np.int64 if whole else np.float64
    return np.stack([frame[name].fillna(0).to_numpy(dtype=kind) for name in columns], axis=1)


def _is_whole(column: pd.Series) -> bool:
    return getattr(column.dtype, "kind", "O") in "iub"


def _placed(values: NDArray[Any], where: tuple[NDArray[Any], NDArray[Any]], shape: tuple[int, int]) -> NDArray[Any]:
    """Values at their samples and steps; 0 elsewhere."""
    made = np.zeros((*shape, *values.shape[1:]), dtype=values.dtype)
    made[where] = values
    return made
