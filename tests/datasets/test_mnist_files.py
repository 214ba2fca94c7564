"""The four files of MNIST, written by their format's description: http://yann.lecun.com/exdb/mnist."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from harness.base.errors import UserError
from tests.helpers.own_files import idx, mnist, task_of
from tests.helpers.tasks import draw

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(256, size=(30, 5, 4), dtype=np.uint8)
LABELS = np.arange(30) % 10


@pytest.fixture(params=[False, True], ids=["plain", "gzipped"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return mnist(tmp_path, IMAGES, LABELS, trained=20, zipped=request.param)


def test_images_are_read_row_by_row_and_the_test_files_are_held_out(folder: Path) -> None:
    task = task_of(folder)
    assert (task.own_length(), task.input_size, task.outputs.size) == (5, 4, 10)
    for held_out, known in ((False, range(20)), (True, range(20, 30))):
        batch = draw(task, 60, 5, held_out)
        places = [np.flatnonzero((np.round(255 * image) == IMAGES).all(axis=(1, 2))).item() for image in batch.inputs]
        assert set(places) <= set(known)
        assert LABELS[places].tolist() == batch.targets[:, 0].tolist()
    assert len(np.unique(draw(task, 10, 5, held_out=True).inputs, axis=0)) == 10  # none twice


def test_pixel_by_pixel_and_in_one_scrambled_order(folder: Path) -> None:
    rows, pixels, permuted = (task_of(folder, order=order) for order in ("rows", "pixels", "permuted"))
    assert pixels.own_length() == permuted.own_length() == 20
    assert pixels.input_size == permuted.input_size == 1
    whole, by_pixel, scrambled = (draw(task, 8, task.own_length(), True).inputs for task in (rows, pixels, permuted))
    assert (by_pixel[:, :, 0] == whole.reshape(8, 20)).all()
    order = [int(np.flatnonzero((by_pixel[:, :, 0] == column[:, None]).all(0)).item()) for column in
             scrambled[:, :, 0].T]  # fmt: skip
    assert sorted(order) == [*range(20)]
    assert order != [*range(20)]
    assert permuted.refuses(5) == "20 (rows are read whole), or null"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("train-labels-idx1-ubyte", None, "train-labels-idx1-ubyte is missing; valid: it, or the same with .gz"),
        ("train-images-idx3-ubyte", idx(IMAGES)[:-1], "599 bytes for 30 × 5 × 4; a part of a file?"),
        ("train-images-idx3-ubyte", idx(LABELS), "no IDX file of images; valid: unsigned bytes in 3 dimensions"),
        ("t10k-labels-idx1-ubyte", b"", "no IDX file of labels; valid: unsigned bytes in 1 dimensions"),
        ("t10k-labels-idx1-ubyte", idx(LABELS), "t10k: 10 images and 30 labels; valid: as many of both"),
        ("train-images-idx3-ubyte", idx(IMAGES[:20, 1:]), "images of (4, 4) and of (5, 4) pixels; valid: of one size"),
    ],
)  # fmt: skip
def test_wrong_files(name: str, content: bytes | None, why: str, tmp_path: Path) -> None:
    mnist(tmp_path, IMAGES, LABELS, trained=20, zipped=False)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        task_of(tmp_path)
    assert why in str(error.value)
    assert str(error.value).startswith(f"experiment.path={tmp_path}: ")


def test_a_file_that_was_cut_off_while_it_was_fetched(tmp_path: Path) -> None:
    mnist(tmp_path, IMAGES, LABELS, trained=20, zipped=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(IMAGES))[:-20])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.gz: no gzip file, or a part of one"):
        task_of(tmp_path)
