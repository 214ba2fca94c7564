"""What numbers were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.base.errors import UserError, first_line
from harness.bench.ways import usable_cores

POLICIES = ("OMP_", "GOMP_", "KMP_", "MKL_", "XLA_FLAGS")
"""Beginnings of environment variables that change how libraries use threads; unset is what is measured usually."""


def machine(device: str = "cpu") -> dict[str, object]:
    """The machine, the libraries, and whatever the environment tells them of threads.

    Raises:
        UserError: there is no such device.
    """
    gpu = None
    if device != "cpu":
        import torch

        try:
            gpu = torch.cuda.get_device_name(device)
        except (AssertionError, RuntimeError) as error:
            raise UserError(f"device={device}: not usable here: {first_line(error)}; valid: cpu") from None
    return {
        "processor": _processor(), "cores": os.cpu_count(), "cores used": len(usable_cores()), "gpu": gpu,
        "load before": round(os.getloadavg()[0], 2), "torch": _version("torch"), "jax": _version("jax"),
        "python": platform.python_version(), "system": platform.platform(),
        "environment": {key: value for key, value in sorted(os.environ.items()) if key.startswith(POLICIES)},
    }  # fmt: skip


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)
    return model or platform.processor()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
