"""A pluggable experiment harness that compares RNN variants on gradient behaviour."""

from harness.tables.gather import load
from harness.tables.tables import Tables

__all__ = ["Tables", "load"]
__version__ = "0.1.0"
