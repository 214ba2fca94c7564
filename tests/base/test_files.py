from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.base.errors import UserError
from harness.base.files import scratch, within, write_atomically, write_text


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


def test_a_link_that_leads_out_is_not_written_through(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    for folder in (own / "deep", other):
        folder.mkdir(parents=True)
    (own / "out").symlink_to(other)
    (own / "in").symlink_to(own / "deep")
    assert within(own, "in/file") == own / "in" / "file"
    for name in ("out", "out/file", "deep/../../other", str(other)):
        with pytest.raises(UserError, match="leads out of"):
            within(own, name)


def test_a_folder_to_work_in_is_gone_at_the_end_and_so_is_what_a_killed_process_has_left(tmp_path: Path) -> None:
    if (child := os.fork()) == 0:
        with scratch(tmp_path, ".work-") as folder:
            (folder / "half").touch()
            os._exit(0)
    os.waitpid(child, 0)
    assert len(list(tmp_path.glob(".work-*/half"))) == 1
    with scratch(tmp_path, ".work-") as first:
        assert list(tmp_path.iterdir()) == [first]
        with scratch(tmp_path, ".work-") as second:
            assert {*tmp_path.iterdir()} == {first, second}
        with pytest.raises(OSError, match="disk full"), scratch(tmp_path, ".work-"):
            raise OSError("disk full")
        assert list(tmp_path.iterdir()) == [first]
    assert not list(tmp_path.iterdir())
