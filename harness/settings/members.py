"""Which runs can train together in one pack, and the runs of a pack.

A job's configuration may hold lists at the settings that change no shape: such a job is a pack of members, one run
for each combination of the lists' values.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from harness.base.errors import UserError
from harness.base.options import init_only
from harness.plugins.registry import registry
from harness.settings.resolve import resolve
from harness.settings.settings import Settings

PACKED = [
    "weight_scale", "seed", "train.lr", "train.clip_norm", "train.clip_value", "train.momentum", "train.weight_decay",
    "train.schedule", "train.warmup", "train.step_size", "train.gamma", "train.orthogonal_penalty",
    "train.gradient_penalty", "input_scale", "dropout",
]  # fmt: skip
"""Settings in which the members of one pack may differ; in the order in which they vary, slowest first.

Options of a cell that are marked `harness.base.options.INIT_ONLY` come after them.
"""


def packs(key: str, cells: Sequence[str]) -> bool:
    """Whether runs that differ in this setting can train in one pack, whichever of these cells they have."""
    return key in PACKED or _marks(key, cells) == {True}


def packs_alike(key: str, cells: Sequence[str]) -> bool:
    """Whether runs that differ in this setting can train in one pack with each of these cells, or with none."""
    return len(_marks(key, cells)) < 2


def _marks(key: str, cells: Sequence[str]) -> set[bool]:
    """What those of the cells that have this option say of it: that it only changes how weights start, or not."""
    kind, _, option = key.rpartition(".")
    found = [plugin.target for name in cells if kind == "cell" and (plugin := registry().find("cell", name))]
    return {option in init_only(cell) for cell in found if option in cell.model_fields}


def _packed_keys(config: dict[str, Any]) -> list[str]:
    """The settings that may be lists in a job's configuration."""
    name = _get(config, "cell.name")
    cell = registry().find("cell", str(name))
    return PACKED + ([f"cell.{option}" for option in init_only(cell.target)] if cell else [])


def members(config: dict[str, Any]) -> list[Settings]:
    """The runs of one job, in the order of their packed settings; a run that is named twice is there once.

    Args:
        config: the job's configuration as plain containers.

    Raises:
        UserError: one line that names the key, its value and what is valid.
    """
    config = dict(config)
    registry().add_files(as_list(config.pop("plugins", [])))
    choices = [(key, value) for key in _packed_keys(config) if isinstance(value := _get(config, key), list)]
    if empty := [key for key, values in choices if not values]:
        raise UserError(f"{empty[0]}=[]: an empty list; valid: a value, or a list of values")
    found = []
    for combination in itertools.product(*(values for _, values in choices)):
        own = _copy(config)
        for (key, _), value in zip(choices, combination, strict=True):
            *path, leaf = key.split(".")
            _get(own, ".".join(path))[leaf] = value
        found.append(resolve(own))
    return list({each.run_id: each for each in found}.values())


def as_list(value: object) -> list[str]:
    """The setting ``plugins``, a list of paths or one path, as a list."""
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _get(config: dict[str, Any], key: str) -> Any:
    value: Any = config
    for name in key.split(".") if key else []:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _copy(config: dict[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, dict) else value for key, value in config.items()}
