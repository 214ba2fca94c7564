"""The named sweeps: those of ``conf/study``, experiments' own, and the user's."""

from __future__ import annotations

from pathlib import Path

from harness.base.paths import shipped_folder
from harness.plugins.registry import registry


def studies(config_dir: str | None = None) -> dict[str, tuple[str, str]]:
    """For every study where it comes from, and what it shows in one sentence.

    Args:
        config_dir: a folder of the user's, whose folder ``study`` holds others: Hydra's ``--config-dir``.
    """
    found = {
        plugin.name: (plugin.origin, plugin.target.claim)
        for plugin in registry().of_kind("experiment")
        if plugin.target.sweep
    }
    own = [Path(config_dir).resolve()] if config_dir else []
    for path in [
        path for folder in (shipped_folder("conf"), *own) for path in sorted((folder / "study").glob("*.yaml"))
    ]:
        comments = [line.lstrip("# ") for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
        summary = next((line for line in comments if not line.startswith("@")), "")
        found[path.stem] = (str(path.relative_to(path.parents[2])), summary)
    return found
