"""Every built-in probe keeps the contract of probes; what does not is caught, and said clearly."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch

from harness.plugins.registry import Plugin
from harness.probes import Moment, Probe
from harness.testing import ContractError, check_probe
from tests.helpers.plugins import CHEAP, every


@pytest.mark.parametrize("plugin", every("probe"))
def test_probes_keep_the_contract(plugin: Plugin) -> None:
    check_probe(plugin.target(**CHEAP.get(plugin.name, {})))


class Size(Probe):
    """The size of the last state."""

    name = "size"
    adds = "columns"

    def measure(self, moment: Moment) -> pd.DataFrame:
        size = moment.states[0]["h"][:, -1].norm(dim=(1, 2))
        return pd.DataFrame({"member": range(len(size)), "last": size.tolist()})


def test_a_sound_probe_passes() -> None:
    check_probe(Size())


class Crowd(Size):
    """A probe that compares members."""

    name = "crowd"

    def measure(self, moment: Moment) -> pd.DataFrame:
        found = super().measure(moment)
        return found.assign(last=found["last"] / found["last"].sum())


class Breaking(Size):
    """A probe that moves the weights."""

    name = "breaking"

    def measure(self, moment: Moment) -> pd.DataFrame:
        moment.network.flat += 1
        return super().measure(moment)


class Anonymous(Size):
    """A probe that does not say whom it measured."""

    name = "anonymous"

    def measure(self, moment: Moment) -> pd.DataFrame:
        return super().measure(moment).drop(columns="member")


class Strict(Size):
    """A probe that cannot stand what is not finite."""

    name = "strict"

    def measure(self, moment: Moment) -> pd.DataFrame:
        int(moment.network.flat.sum())
        return super().measure(moment)


class Moody(Size):
    """A probe that draws random numbers."""

    name = "moody"

    def measure(self, moment: Moment) -> pd.DataFrame:
        found = super().measure(moment)
        return found.assign(last=found["last"] + torch.rand(len(found)).numpy())


class Inventive(Size):
    """A probe that measures members that there are not."""

    name = "inventive"

    def measure(self, moment: Moment) -> pd.DataFrame:
        found = super().measure(moment)
        return found.assign(member=found["member"] + 1)


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (Crowd, "mixes members"),
        (Breaking, "changes the weights"),
        (Anonymous, "column member"),
        (Moody, "measure is not the same twice"),
        (Inventive, "measure returns a member outside of 0 to 1"),
        (Strict, "measure on weights that are inf raises"),
    ],
)
def test_a_bad_probe_is_caught_with_a_clear_message(probe: Any, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_probe(probe())
    assert words in str(caught.value)
