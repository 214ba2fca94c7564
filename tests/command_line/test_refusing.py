"""Bad input is one line that says what would be valid, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.sweeps import command


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cell=lstmm"], ["cell=lstmm", "did you mean 'lstm'", "valid: lstm, "]),
        (["experiment=recal"], ["experiment=recal", "recall_dish"]),
        (["-m", "cell=rnn,lstmm"], ["cell=lstmm", "did you mean 'lstm'"]),
        (["-m", "seq_len=20,3"], ["seq_len=3", "5 or more"]),
        (["hidden_size=0"], ["hidden_size=0", "greater than or equal to 1"]),
        (["seq_len=abc"], ["seq_len=abc", "integer"]),
        (["device=tpu"], ["device=tpu", "valid: cpu, cuda, cuda:N"]),
        (["device=cuda:77"], ["device=cuda:77: no such device here; valid: cpu"]),
        (["weight_scale=-1"], ["weight_scale=-1", "0 or more"]),
        (["hidden_sise=3"], ["hidden_sise", "did you mean 'hidden_size'"]),
        (["lr=3"], ["lr: unknown setting", "did you mean 'train.lr'"]),
        (["cell.forget_bias=2"], ["cell.forget_bias: no option of this cell", "it is one of cell="]),
        (["-m", "study=dish"], ["valid: +study=NAME"]),
        (["cell=rnn,lstm"], ["cell=rnn,lstm", "-m"]),
        (["-m", "+study=dich"], ["study=dich", "did you mean 'dish'"]),
        (["seq_len"], ["seq_len", "key=value"]),
        (["cell=[1,2]"], ["HYDRA_FULL_ERROR=1"]),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(tmp_path: Path, arguments: list, words: list) -> None:
    done = command(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_traceback_is_there_when_asked_for(tmp_path: Path) -> None:
    done = command(tmp_path, "hidden_size=0", HYDRA_FULL_ERROR="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
