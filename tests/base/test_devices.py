"""Devices, asked for by a program that plays `nvidia-smi`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.base.devices import check_present, free_gpu_memory
from harness.base.errors import UserError

MIB = 2**20


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    free_gpu_memory.cache_clear()


@pytest.fixture
def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with GPUs 0, 1, 2 and 10, of which the third does not tell its memory."""
    program = tmp_path / "nvidia-smi"
    rows = ["0, GPU-aa11, 8000", "1, GPU-bb22, 500", "2, GPU-cc33, [N/A]", "10, GPU-dd44, 3"]
    program.write_text("\n".join(["#!/bin/sh", *(f"echo '{row}'" for row in rows), ""]))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return program


@pytest.mark.parametrize(
    ("device", "visible", "free"),
    [
        ("cuda:0", "", 8000), ("cuda:1", "", 500), ("cuda", "", 3), ("cuda", "0", 8000), ("cuda:0", "1", 500),
        ("cuda", "GPU-aa", 8000), ("cuda", "0,1", 500), ("cuda:2", "", None), ("cuda:7", "", None),
        ("cuda:10", "", 3),
    ],
)  # fmt: skip
def test_the_memory_is_that_of_the_gpu_that_is_meant(
    gpus: Path, monkeypatch: pytest.MonkeyPatch, device: str, visible: str, free: int | None
) -> None:
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert free_gpu_memory(device) == (None if free is None else free * MIB)


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 9\n", "#!/bin/sh\necho 'No devices were found'\n"])
def test_where_nobody_can_tell_there_is_no_number(gpus: Path, script: str) -> None:
    gpus.write_text(script)
    assert free_gpu_memory() is None


def test_without_the_program_there_is_no_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert free_gpu_memory() is None


def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for device in ("cpu", "cuda", "cuda:0", "cuda:1"):
        check_present(device)
    with pytest.raises(UserError, match=r"^device=cuda:2: no such device here; valid: cpu, cuda, cuda:0, cuda:1$"):
        check_present("cuda:2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match=r"valid: cpu$"):
        check_present("cuda")
