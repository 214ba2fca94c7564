"""What a process makes ready once that `tests.helpers.warm` forks then for each command.

Libraries, shipped plugins, and a report's templates.

A fork looks for plugins of its own command as always: those of files and classes that are added.
"""

from __future__ import annotations

import gc
from importlib import import_module

from harness.plugins.finding import KINDS
from harness.plugins.registry import registry
from harness.report.pages import template

for name in (
    "torch", "torch._dynamo", "pandas", "pyarrow.parquet", "pyarrow.dataset", "seaborn", "scipy.special",
    "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "hydra.main", "fontTools.subset",
    "rich.progress", "harness.command_line.main", "harness.sweeping.worker", "harness.report.build",
):  # fmt: skip
    import_module(name)
for kind in KINDS:
    registry().names(kind)
template("report.md")
pages = template("report.html").environment
for name in pages.list_templates():
    pages.get_template(name)  # compiled, with all that it includes

gc.freeze()  # or each fork goes through all of this again and again, in search of what can be thrown away
