"""What a process makes ready once that `tests.helpers.warm` forks then for each command.

Libraries, shipped plugins, Hydra's plugins and what its parsers remember of a grammar, and a report's templates.

A fork looks for plugins of its own command as always: those of files and classes that are added.
"""

from __future__ import annotations

import gc
from importlib import import_module

import hydra

from harness.base.paths import shipped_folder
from harness.command_line.command import Command
from harness.command_line.groups import register
from harness.plugins.finding import KINDS
from harness.plugins.registry import registry
from harness.report.pages import template

for name in (
    "torch", "pandas", "pyarrow.parquet", "pyarrow.dataset", "seaborn", "scipy.special",
    "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "hydra.main", "fontTools.subset",
    "rich.progress", "harness.command_line.main", "harness.command_line.reporting", "harness.sweeping.sitting",
    "harness.sweeping.worker", "harness.report.build",
):  # fmt: skip
    import_module(name)
for kind in KINDS:
    registry().names(kind)
with hydra.initialize_config_dir(str(shipped_folder("conf")), version_base="1.3"):
    register(Command.read([])[0])
    hydra.compose("config", ["seed=1"])
template("report.md")
pages = template("report.html").environment
for name in pages.list_templates():
    pages.get_template(name)  # compiled, with all that it includes

gc.freeze()  # or each fork goes through all of this again and again, in search of what can be thrown away
