"""Every built-in probe keeps the contract of probes; what does not is caught, and said clearly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
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


class Noisy(Size):
    """A probe that lets numpy warn of a logarithm of nothing."""

    name = "noisy"

    def measure(self, moment: Moment) -> pd.DataFrame:
        found = super().measure(moment)
        return found.assign(last=np.log(found["last"]))


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


class FirstOnly(Size):
    """A probe that tells of every member what is true of the first."""

    name = "first_only"

    def measure(self, moment: Moment) -> pd.DataFrame:
        found = super().measure(moment)
        return found.assign(last=found["last"].iloc[0])


class Adding(Size):
    """A probe in whose sum over members zeros stand for the others."""

    name = "adding"

    def measure(self, moment: Moment) -> pd.DataFrame:
        found = super().measure(moment)
        own = np.eye(len(found)) @ found["last"].to_numpy()
        return found.assign(last=own)


class Scaling(Size):
    """A probe that scales the states where they are."""

    name = "scaling"

    def measure(self, moment: Moment) -> pd.DataFrame:
        moment.states[0]["h"].mul_(2)
        return super().measure(moment)


class Steps(Probe):
    """The size of every state, for each sample."""

    name = "steps_of"

    def measure(self, moment: Moment) -> pd.DataFrame:
        found = [self._of(values["h"][:, 1:].norm(dim=-1).numpy()) for values in moment.states]
        rows = pd.concat([rows.assign(layer=layer) for layer, rows in enumerate(found, start=1)], ignore_index=True)
        answer = moment.answer.numpy()[rows["member"], rows["sample"]]
        return rows.assign(lag=answer - rows["t"], q10=rows["size"] / 2, q90=rows["size"])

    def _of(self, size: np.ndarray) -> pd.DataFrame:
        member, t, sample = (each.ravel() for each in np.indices(size.shape))
        return pd.DataFrame({"member": member, "t": t + 1, "sample": sample, "size": size.ravel()})


def faulty(**columns: Callable[[pd.DataFrame], Any]) -> type[Probe]:
    """`Steps` with a fault in some of its columns."""

    class Faulty(Steps):
        """The size of every state, for each sample, with a fault."""

        def measure(self, moment: Moment) -> pd.DataFrame:
            return super().measure(moment).assign(**columns)

    return Faulty


class Filled(Size):
    """A probe that fills what the harness does."""

    name = "filled"

    def measure(self, moment: Moment) -> pd.DataFrame:
        return super().measure(moment).assign(step=0, run_id="")


class Curves(Size):
    """A table that there is already."""

    name = "curves"
    adds = "table"


class CurvesColumns(Size):
    """Columns of a table, which may have any name."""

    name = "curves"


def test_only_a_table_may_not_have_the_name_of_another_one() -> None:
    assert CurvesColumns.flaw() is None
    assert (Curves.flaw() or "").startswith("name = 'curves': a table of that name is there in any case")
    with pytest.raises(ContractError, match="probe curves: name = 'curves': a table of that name is there in any case"):
        check_probe(Curves())


class OneLayer(Steps):
    """A probe that forgets the layers above the first."""

    name = "one_layer"

    def measure(self, moment: Moment) -> pd.DataFrame:
        return super().measure(moment).query("layer == 1")


def test_a_sound_probe_of_steps_passes() -> None:
    check_probe(Steps())


class Shallow(Size):
    """A probe that knows one layer alone."""

    name = "shallow"

    def measure(self, moment: Moment) -> pd.DataFrame:
        (only,) = moment.states
        return pd.DataFrame({"member": range(len(only["h"])), "last": only["h"][:, -1].norm(dim=(1, 2)).tolist()})


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (Shallow, "measure on rnn with num_layers=2 raises ValueError"),
        (Crowd, "mixes members"),
        (Breaking, "changes the weights"),
        (Anonymous, "column member"),
        (Moody, "measure is not the same twice"),
        (Inventive, "measure returns a member outside of 0 to 1"),
        (Strict, "measure on weights that are inf raises"),
        (Filled, "measure returns the columns ['run_id', 'step'], which are filled by the harness"),
        (Curves, "name: curves is a standard table"),
        (Noisy, "measure on weights that are 0.0 raises RuntimeWarning: divide by zero encountered in log"),
        (FirstOnly, "mixes members: what is measured of one depends on the others"),
        (Adding, "mixes members: one whose weights are nan changes the others"),
        (Scaling, "measure changes states"),
        (OneLayer, "has no rows of layer 2"),
        (faulty(layer=lambda found: found["layer"] - 1), "has no rows of layer"),
        (faulty(layer=lambda found: found["layer"] + 1), "layer is not from 0 to"),
        (faulty(t=lambda found: found["t"] + 1), "t is not from 0 to 8: a time step, counted from 1"),
        (faulty(t=lambda found: found["t"] - 1), "lag is not the distance of t from the sample's answer"),
        (faulty(lag=lambda found: found["lag"] + 1), "lag is not from -7 to 7"),
        (faulty(lag=lambda found: found["lag"] - 1), "lag is not the distance of t from the sample's answer"),
        (faulty(sample=lambda found: found["sample"] + 1), "sample is not from 0 to 2"),
        (faulty(q10=lambda found: 2 * found["q90"]), "q10 is larger than q90"),
    ],
)
def test_a_bad_probe_is_caught_with_a_clear_message(probe: Any, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_probe(probe())
    assert words in str(caught.value)
