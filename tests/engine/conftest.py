from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers.interpreted import interpreter


@pytest.fixture(scope="session")
def interpreted() -> Iterator[Callable[..., Any]]:
    """Calls functions in a process in which Triton interprets; all tests share it, for it takes seconds to start."""
    with interpreter() as call:
        yield call
