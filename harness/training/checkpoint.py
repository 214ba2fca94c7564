"""Checkpoints: the state of a pack in training, so that an interrupted job goes on with the very same numbers.

A checkpoint is one file that `torch.load` reads with ``weights_only``: tensors, numbers and texts, no code. It
holds what the pack and its record say is their state: weights, the optimiser's state, random streams, tables so far.
"""

from __future__ import annotations

import dataclasses
import io
import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from harness.base.errors import first_line
from harness.base.files import write_atomically

log = logging.getLogger(__name__)

CHECKPOINTS = "checkpoint-*.pt"
"""The files of a job's checkpoints in its directory."""

State = dict[str, Any]
"""What is saved, by name: tensors, arrays, tables, numbers, texts; dataclasses, lists and dictionaries of them."""


class Checkpoint:
    """The checkpoint of one pack.

    Args:
        path: of the file.
        run_ids: the members; the checkpoint of other members is not taken.
        every: training steps after which to save again; 0: never.
        wanted: asked after every step whether to save at once, because the job is being stopped.
    """

    def __init__(self, path: Path, run_ids: Sequence[str], every: int, wanted: Callable[[], bool] = lambda: False):
        self.path = path
        self.run_ids = list(run_ids)
        self.every = every
        self.wanted = wanted
        self.seconds = 0.0
        self._started = time.perf_counter()
        self._done = 0

    def load(self) -> State | None:
        """What was saved last; None where there is nothing to go on from."""
        if not self.every or not self.path.exists():
            return None
        try:
            saved = torch.load(self.path, weights_only=True, map_location=_here)
            if saved["run_ids"] != self.run_ids:
                return None
            self.seconds, self._done = float(saved["seconds"]), int(saved["step"])
            found: State = decoded(saved["state"])
            return found
        except Exception as error:
            log.warning("%s: cannot be read, the job starts anew (%s)", self.path, first_line(error))
            return None

    def due(self, step: int) -> bool:
        """Whether it is time to save after a training step."""
        return bool(self.every) and (step - self._done >= self.every or self.wanted())

    def save(self, step: int, state: State) -> None:
        """Save what there is after a training step. A disk that is full does not end the training."""
        self._done = step
        saved = {
            "run_ids": self.run_ids,
            "step": step,
            "seconds": self.seconds + time.perf_counter() - self._started,
            "state": encoded(state),
        }
        try:
            write_atomically(self.path, lambda temporary: torch.save(saved, temporary))
        except (OSError, RuntimeError) as error:  # torch raises a RuntimeError where it cannot write
            log.warning("%s: not saved (%s)", self.path, first_line(error))


def _here(storage: Any, device: str) -> Any:
    """What was on any GPU goes to the one that this process is on now."""
    return storage.cuda() if device.startswith("cuda") else storage


def encoded(value: Any) -> Any:
    """A value as tensors, texts and numbers in lists of two: the kind, and what it is made of."""
    if value is None or isinstance(value, bool | float | str | Tensor):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 62 else ["int", str(value)]
    if isinstance(value, np.ndarray):
        return ["array", torch.from_numpy(np.ascontiguousarray(value))]
    if isinstance(value, np.generic):
        return encoded(value.item())
    if isinstance(value, pd.DataFrame):
        buffer = io.BytesIO()
        value.to_parquet(buffer)
        return ["frame", torch.frombuffer(bytearray(buffer.getvalue()), dtype=torch.uint8)]
    if isinstance(value, dict):
        return ["dict", [[encoded(key), encoded(each)] for key, each in value.items()]]
    if isinstance(value, list | tuple | set):
        return [type(value).__name__, [encoded(each) for each in value]]
    if dataclasses.is_dataclass(value):
        return ["object", type(value).__module__, type(value).__qualname__, encoded(vars(value))]
    raise TypeError(f"{type(value).__name__} cannot stand in a checkpoint")


SEQUENCES: dict[str, Callable[[Any], Any]] = {"list": list, "tuple": tuple, "set": set}


def decoded(value: Any) -> Any:
    """What `encoded` has made a value into, back again."""
    if not isinstance(value, list):
        return value
    kind, content = value[0], value[-1]
    if kind == "int":
        return int(content)
    if kind == "array":
        return content.numpy()
    if kind == "frame":
        return pd.read_parquet(io.BytesIO(content.numpy().tobytes()))
    if kind == "dict":
        return {decoded(key): decoded(each) for key, each in content}
    if kind in SEQUENCES:
        return SEQUENCES[kind](decoded(each) for each in content)
    # Only what this program has loaded already, and only its records of values: a file brings no code in.
    target = getattr(sys.modules.get(value[1]), value[2], None)
    if not (isinstance(target, type) and dataclasses.is_dataclass(target)):
        raise TypeError(f"{value[1]}.{value[2]} is no record that a checkpoint may hold")
    return target(**decoded(content))
