"""Probes."""

from harness.measure.moment import Moment
from harness.probes.base import Probe

__all__ = ["Moment", "Probe"]
