"""A pluggable experiment harness that compares RNN variants on gradient behaviour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.lazy import lazy

if TYPE_CHECKING:
    from harness.cells.module import TorchCell
    from harness.tables.gather import load
    from harness.tables.tables import Tables

__all__ = ["Tables", "TorchCell", "load"]
__version__ = "0.1.0"

# pandas and pyarrow are loaded when tables are read, not before.
__getattr__, __dir__ = lazy(
    __name__,
    {"Tables": "harness.tables.tables", "TorchCell": "harness.cells.module", "load": "harness.tables.gather"},
)
