"""How many units are stuck at their limits?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.probes import Probe

if TYPE_CHECKING:
    import pandas as pd

    from harness.probes import Moment


class Stuck(Probe):
    """The share of layer 1's values of h that are nearly 1 or -1: there a tanh passes no gradient."""

    name = "stuck"
    adds = "columns"

    limit: float = Field(0.95, gt=0, lt=1, description="size from which on a value counts as saturated")

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd

        h = moment.states[0]["h"][:, 1:]  # (K, T, B, H); the first state is the one before anything was read
        share = (h.abs() > self.limit).double().mean(dim=(1, 2, 3))
        return pd.DataFrame({"member": range(len(share)), "share": share.tolist()})
