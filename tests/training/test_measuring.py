"""Members that are measured in blocks have the numbers that they have when they are measured all at once."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch

from harness.probes import Moment, Probe
from harness.settings.members import members
from harness.training import measuring
from harness.training import memory as of_memory
from harness.training.pack import Pack, run
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


def test_data_are_copied_for_some_of_the_members_alone(config: Config) -> None:
    """A pack that is measured at once holds the samples that it is measured on once."""
    pack = Pack(members(config(seed=[0, 1, 2])))
    made = measuring.Measured(pack.network, pack.probed, pack.held_out, pack.probe_data, [0, 1, 2])
    whole, some = made.block(slice(0, 3)), made.block(slice(1, 3))
    assert (whole.held_out is pack.held_out, whole.probe_data is pack.probe_data) == (True, True)
    assert torch.equal(some.held_out.inputs, pack.held_out.inputs[1:])
    assert torch.equal(some.probe_data.inputs, pack.probe_data.inputs[1:])


class OfTheFirst(Probe):
    """Says something of the member with seed 0 alone."""

    name = "of_the_first"

    def measure(self, moment: Moment) -> pd.DataFrame:
        return pd.DataFrame({"member": [0], "count": [3]}) if 0 in moment.seeds else pd.DataFrame(columns=COLUMNS)


COLUMNS = ["member", "count"]


@torch.no_grad()
def test_a_block_without_rows_leaves_the_columns_of_the_others_as_they_are(config: Config) -> None:
    pack = Pack(members(config(seed=[0, 1])))
    made = measuring.Measured(pack.network, pack.probed, pack.held_out, pack.probe_data, [0, 1])
    run = pack.settings.model_copy(update={"probes": {"of_the_first": OfTheFirst()}})
    _, ((_, found),) = measuring.measured_in_blocks(made, run, 0, torch.zeros(2), at_once=1)
    pd.testing.assert_frame_equal(found[COLUMNS], pd.DataFrame({"member": [0], "count": [3]}))


def test_nobody_is_one_block_without_members() -> None:
    assert measuring.blocks(0, 3) == [slice(0, 0)]


def assert_same_rows(one: pd.DataFrame, other: pd.DataFrame, tolerance: float) -> None:
    """Run by run, but for times; to the bit where nothing is tolerated."""
    for run_id, own in one.groupby("run_id"):
        theirs = other[other["run_id"] == run_id]
        times = [name for name in own if "seconds" in name]
        pd.testing.assert_frame_equal(
            own.drop(columns=times).reset_index(drop=True), theirs.drop(columns=times).reset_index(drop=True),
            check_exact=not tolerance, rtol=tolerance, atol=0,
        )  # fmt: skip
