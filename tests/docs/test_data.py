"""The page of one's own data: its examples are read, and its messages are those of the program."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from harness.base.errors import UserError
from harness.datasets import arrays_of, checked
from tests.helpers.own_files import npz, task_of, written
from tests.helpers.sweeps import ROOT

PAGE = (ROOT / "docs" / "data.md").read_text("utf-8")


def test_its_two_tables_hold_the_same_kind_of_data(tmp_path: Path) -> None:
    wide, long = (checked(arrays_of(written(tmp_path, "my.csv", text)))
                  for text in re.findall(r"```text\n(.*?)```", PAGE, re.S))  # fmt: skip
    assert wide.inputs[..., 0].tolist() == [[0.1, 0.4, 0.9, 0.2], [0.3, 0.2, 0, 0]]
    assert (wide.lengths.tolist(), wide.classes, wide.split is not None) == ([4, 2], ("down", "up"), True)
    assert long.inputs.tolist() == [[[0.1, 3.0], [0.4, 2.5]], [[0.3, 1.0], [0.2, 0.5]]]
    assert long.targets is not None
    assert [long.classes[target] for target in long.targets] == ["up", "down"]


@pytest.mark.parametrize("line", re.findall(r"^harness: experiment.path=/data/my.npz: (.*)$", PAGE, re.M))
def test_its_messages_are_those_of_the_program(line: str, tmp_path: Path) -> None:
    inputs, y = np.zeros((10, 4, 2)), np.arange(10) % 3
    if line.startswith("X"):
        inputs[3, 1, 0] = np.nan
    else:
        y[y == 1] = 3
    with pytest.raises(UserError) as error:
        task_of(npz(tmp_path, X=inputs, y=y))
    assert str(error.value) == f"experiment.path={tmp_path / 'my.npz'}: {line}"
