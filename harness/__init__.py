"""A pluggable experiment harness that compares RNN variants on gradient behaviour."""

import os

# Threads that wait for the next product by spinning are as fast where they are alone, and stall everything several
# times over where cores are shared. Must stand before torch is loaded; who has set it has the word.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from harness.tables.gather import load
from harness.tables.tables import Tables

__all__ = ["Tables", "load"]
__version__ = "0.1.0"
