"""Theory: what is known of gradients and states of networks with random weights, to hold measurements against.

Plain functions of numbers, with their sources; numpy and scipy, nothing of the other rooms. In come a weight scale, a
bias, the variance of inputs; out come factors per step, fixed points, time scales. A cell says which of it is its own
(`harness.cells.base.Cell.theory`); what a run's says stands in the column ``decay_rate_theory``.
"""

from __future__ import annotations

from harness.base.lazy import lazy

__all__ = ["Elman", "GatedUnit", "LongShortTermMemory", "Minimal", "Theory"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Elman": "harness.theory.elman",
        "GatedUnit": "harness.theory.gated",
        "LongShortTermMemory": "harness.theory.gated",
        "Minimal": "harness.theory.gated",
        "Theory": "harness.theory.base",
    },
)
