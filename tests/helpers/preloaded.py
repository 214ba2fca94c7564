"""What a process imports once that `tests.helpers.warm` forks then for each command: libraries, and shipped plugins.

A fork looks for plugins of its own command as always: those of files and classes that are added.
"""

from __future__ import annotations

import gc
from importlib import import_module

from harness.plugins.finding import KINDS
from harness.plugins.registry import registry

for name in (
    "torch", "torch._dynamo", "pandas", "pyarrow.parquet", "pyarrow.dataset", "seaborn", "scipy.special",
    "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "hydra.main", "jinja2", "rich.progress",
    "harness.command_line.main", "harness.sweeping.worker", "harness.report.build",
):  # fmt: skip
    import_module(name)
for kind in KINDS:
    registry().names(kind)

gc.freeze()  # or each fork goes through all of this again and again, in search of what can be thrown away
