from __future__ import annotations

from pathlib import Path

import pytest

from harness.base.errors import UserError, reason, unknown, unknown_setting
from harness.base.options import Options, build


class Oven(Options):
    """An oven."""

    degrees: int = 180


def test_an_unknown_name_is_answered_with_the_nearest_and_all_valid_ones() -> None:
    assert str(unknown("cell", "lstmm", ["lstm", "gru"])) == (
        "cell=lstmm: unknown cell (did you mean 'lstm'?); valid: gru, lstm"
    )


def test_an_unknown_key_is_answered_with_the_same_name_in_another_section() -> None:
    assert str(unknown_setting("lr", ["train.lr", "seed"])) == (
        "lr: unknown setting (did you mean 'train.lr'?); valid: seed"
    )


def test_of_many_keys_the_nearest_are_named_and_where_all_stand() -> None:
    keys = ["task.length", "task.depth", *(f"task.{letter * 9}" for letter in "ABCDFGIJKLMNOPQRSUVWXYZ0123456789")]
    assert str(unknown_setting("task.lenght", keys)).startswith(
        "task.lenght: unknown setting (did you mean 'task.length'?); valid: task."
    )
    assert str(unknown_setting("task.lenght", keys)).endswith(" and 30 others (python -m harness --help lists them)")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"degrees": "hot"}, "oven.degrees=hot: input should be a valid integer"),
        ({"degree": 3}, "oven.degree: unknown setting (did you mean 'oven.degrees'?); valid: oven.degrees"),
    ],
)
def test_a_wrong_option_is_one_line(values: dict[str, object], words: str) -> None:
    with pytest.raises(UserError) as caught:
        build(Oven, values, prefix="oven.")
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_an_error_in_somebodys_file_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def f():\n    return 1 / 0\n")
    space: dict[str, object] = {}
    exec(compile(path.read_text(), str(path), "exec"), space)
    with pytest.raises(ZeroDivisionError) as caught:
        space["f"]()  # type: ignore[operator]
    assert reason(caught.value, path) == "ZeroDivisionError: division by zero (mine.py, line 2)"
    assert reason(caught.value) == "ZeroDivisionError: division by zero"
