"""From a configuration, in which plugins are names, to the settings of a run."""

from __future__ import annotations

from typing import Any

from harness.base.errors import UserError, unknown
from harness.base.options import build
from harness.cells.base import Cell
from harness.plugins.registry import registry
from harness.settings.settings import SECTIONS, Settings
from harness.tasks.distractors import Distractors, distracted
from harness.tasks.experiment import Experiment


def resolve(config: dict[str, Any]) -> Settings:
    """The settings of one run; what is not in the configuration has its default.

    Args:
        config: plain containers. The experiment and the cell are dictionaries with their ``name`` and options, or are
            there already.

    Raises:
        UserError: one line that names the key, its value and what is valid.
    """
    values = dict(config)
    for kind in ("experiment", "cell"):
        values[kind] = _plugin(kind, values.get(kind))
    values["probes"] = _probes(values.get("probes") or {})
    for key, section in SECTIONS.items():
        if key in values:
            if not isinstance(values[key], dict):
                raise UserError(f"{key}={values[key]}: valid: a section with {', '.join(section.model_fields)}")
            values[key] = build(section, values[key], prefix=f"{key}.")
    return build(Settings, values)


def _plugin(kind: str, value: Any) -> Any:
    if isinstance(value, Cell | Experiment):
        return value
    if not isinstance(value, dict) or "name" not in value:
        raise unknown(kind, value, registry().names(kind))
    options = {key: each for key, each in value.items() if key != "name"}
    plugin = registry().get(kind, value["name"])
    if kind != "experiment":
        return build(plugin, options, prefix=f"{kind}.")
    # Options that every experiment has, but where it has one of that name itself.
    added = [key for key in Distractors.model_fields if key in options and key not in plugin.model_fields]
    noise = {key: options.pop(key) for key in added}
    return distracted(build(plugin, options, "experiment."), build(Distractors, noise, "experiment."))


def _probes(chosen: Any) -> dict[str, Any]:
    if not isinstance(chosen, dict):
        raise UserError(f"probes={chosen}: valid: a list of {', '.join(registry().names('probe'))}")
    return {
        name: build(registry().get("probe", name), options or {}, prefix=f"probes.{name}.")
        for name, options in chosen.items()
    }
