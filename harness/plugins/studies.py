"""The named sweeps: those of ``conf/study``, and experiments' own."""

from __future__ import annotations

from harness.base.paths import shipped_folder
from harness.plugins.registry import registry


def studies() -> dict[str, tuple[str, str]]:
    """For every study where it comes from, and what it shows in one sentence."""
    found = {
        plugin.name: (plugin.origin, plugin.target.claim)
        for plugin in registry().of_kind("experiment")
        if plugin.target.sweep
    }
    for path in sorted((shipped_folder("conf") / "study").glob("*.yaml")):
        comments = [line.lstrip("# ") for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
        summary = next((line for line in comments if not line.startswith("@")), "")
        found[path.stem] = (f"conf/study/{path.name}", summary)
    return found
