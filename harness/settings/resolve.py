"""The settings of a run: the typed, validated form of the configuration.

A job's configuration may hold lists at the settings that change no shape (`PACKED`): such a job is a pack
of members, one run each, that train together.
"""

from __future__ import annotations

from typing import Any

from harness.base.errors import UserError, unknown
from harness.base.options import build
from harness.plugins.registry import registry
from harness.settings.settings import SECTIONS, Settings


def settings(config: dict[str, Any]) -> Settings:
    """The settings of one run.

    Raises:
        UserError: one line that names the key, its value and what is valid.
    """
    values = dict(config)
    for kind in ("experiment", "cell"):
        values[kind] = _plugin(kind, values.get(kind))
    values["probes"] = _probes(values.get("probes") or {})
    for key, section in SECTIONS.items():
        if not isinstance(values.get(key), dict):
            raise UserError(f"{key}={values.get(key)}: valid: a section with {', '.join(section.model_fields)}")
        values[key] = build(section, values[key], prefix=f"{key}.")
    return build(Settings, values)


def _plugin(kind: str, value: Any) -> Any:
    if not isinstance(value, dict) or "name" not in value:
        raise unknown(kind, value, registry().names(kind))
    options = {key: each for key, each in value.items() if key != "name"}
    return build(registry().get(kind, value["name"]), options, prefix=f"{kind}.")


def _probes(chosen: Any) -> dict[str, Any]:
    if not isinstance(chosen, dict):
        raise UserError(f"probes={chosen}: valid: a list of {', '.join(registry().names('probe'))}")
    return {
        name: build(registry().get("probe", name), options or {}, prefix=f"probes.{name}.")
        for name, options in chosen.items()
    }
