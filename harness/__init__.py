"""A pluggable experiment harness that compares RNN variants on gradient behaviour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.lazy import lazy
from harness.base.version import __version__

if TYPE_CHECKING:
    from harness.api.networks import RecurrentNetwork, network
    from harness.api.probing import probe
    from harness.api.results import Results, load
    from harness.api.sweeping import run, sweep
    from harness.api.watching import watch
    from harness.cells.module import TorchCell
    from harness.tables.tables import Tables

__all__ = [
    "RecurrentNetwork", "Results", "Tables", "TorchCell", "__version__", "load", "network", "probe", "run", "sweep",
    "watch",
]  # fmt: skip

# pandas and pyarrow are loaded when tables are read, not before.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "RecurrentNetwork": "harness.api.networks",
        "Results": "harness.api.results",
        "Tables": "harness.tables.tables",
        "TorchCell": "harness.cells.module",
        "load": "harness.api.results",
        "network": "harness.api.networks",
        "probe": "harness.api.probing",
        "run": "harness.api.sweeping",
        "sweep": "harness.api.sweeping",
        "watch": "harness.api.watching",
    },
)
