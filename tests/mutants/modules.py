"""The modules that make numbers and keep results, and the tests that are to notice faults in them."""

from __future__ import annotations

MODULES: dict[str, str] = {
    "engine/optimizer.py engine/weights.py": "tests/engine/test_optimizer.py tests/engine/test_weights.py",
    "measure/flow.py": "tests/measure/test_gradient_flow.py",
}
"""Modules of ``harness/``, and the tests that run with faults in them; tests marked slow are left out."""
