"""Probes: what is measured beside the gradients whenever these are measured (`probe.every`).

In comes a `Moment`, the network and its gradients at one step of training; out go rows of a table per member.
A file per probe; the runs' ``probes=[…]`` chooses them. Measuring itself is in `harness.measure`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.lazy import lazy
from harness.probes.base import Probe

if TYPE_CHECKING:
    from harness.measure.moment import Moment

__all__ = ["Moment", "Probe"]

__getattr__, __dir__ = lazy(__name__, {"Moment": "harness.measure.moment"})
