"""Members that are measured in blocks have the numbers that they have when they are measured all at once."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from harness.settings.members import members
from harness.training import measuring
from harness.training import memory as of_memory
from harness.training.pack import run
from tests.conftest import Config

RUNS: list[tuple[dict[str, Any], float]] = [
    ({"cell": "lstm", "engine": {"compile": True}, "probes": {"gates": {}}, "eval": {"seq_len": [5, 20]}}, 0.0),
    # Samples of different length, and answers fed back.
    ({"experiment": "reverse_name", "cell": "lstm", "engine": {"compile": True}}, 0.0),
    # Torch rounds by the size of what it works on.
    ({"cell": "lstm", "num_layers": 2}, 1e-5),
    ({"cell": "gru_reset_before"}, 1e-5),
]


@pytest.mark.parametrize(("changes", "tolerance"), RUNS)
def test_blocks_change_no_number(
    config: Config, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], tolerance: float
) -> None:
    runs = members(config(seed=[0, 1, 2, 3, 4], weight_scale=[0.9], **changes))
    whole = run(runs)
    monkeypatch.setattr(of_memory, "MEASURED_AT_ONCE", 1.0)
    sizes: list[int] = []
    first = measuring.Measured.block

    def counted(self: measuring.Measured, rows: slice) -> measuring.Measured:
        sizes.append(rows.stop - rows.start)
        return first(self, rows)

    monkeypatch.setattr(measuring.Measured, "block", counted)
    in_blocks = run(runs)
    assert set(sizes) == {3, 2}
    assert whole.keys() == in_blocks.keys()
    for name, table in whole.items():
        assert_same_rows(table, in_blocks[name], tolerance)


def assert_same_rows(one: pd.DataFrame, other: pd.DataFrame, tolerance: float) -> None:
    """Run by run, but for times; to the bit where nothing is tolerated."""
    for run_id, own in one.groupby("run_id"):
        theirs = other[other["run_id"] == run_id]
        times = [name for name in own if "seconds" in name]
        pd.testing.assert_frame_equal(
            own.drop(columns=times).reset_index(drop=True), theirs.drop(columns=times).reset_index(drop=True),
            check_exact=not tolerance, rtol=tolerance, atol=0,
        )  # fmt: skip
