from __future__ import annotations

from pathlib import Path

import pytest

from harness.base.files import write_atomically, write_text


def test_a_file_is_replaced_as_a_whole_and_its_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "note.txt"
    for text in ("first", "排骨"):
        write_text(path, text)
        assert path.read_text("utf-8") == text
    assert [each.name for each in path.parent.iterdir()] == ["note.txt"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "old")

    def fails(temporary: Path) -> None:
        temporary.write_text("half of it")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fails)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["note.txt"]
