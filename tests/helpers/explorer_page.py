"""Tables for the part of a report that one plays with, and what its page holds of them."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.tables import Tables
from tests.helpers.made_tables import made_tables

WORDS = ["今天", "我要做", "红烧排骨：", "切好", "鸡块", "，然后", "，出锅了", "，我做的是什么菜？"]


def explored_tables() -> Tables:
    """36 runs of 8 or 12 steps with gradients, accuracies and dependences drawn at random, some of them extreme.

    The gradients of the rnn with weight scale 1.1 at 8 steps after 20 training steps are 1e-300 at lag 3, 0 at lag 4,
    infinite at lag 5 and no number at lag 6, for all seeds.
    """
    tables = dict(made_tables(lengths=(8, 12), scales=(0.9, 1.1), seeds=(0, 1, 2)))
    rng = np.random.default_rng(0)
    runs, transport, curves = tables["runs"], tables["transport"], tables["curves"]
    transport["grad_norm"] = 10 ** rng.uniform(-9, 1, len(transport))
    extreme = runs.run_id[(runs.cell == "rnn") & (runs.weight_scale == 1.1) & (runs.seq_len == 8)]
    for lag, norm in ((3, 1e-300), (4, 0.0), (5, np.inf), (6, np.nan)):
        own = transport.run_id.isin(extreme) & (transport.lag == lag) & (transport.step == 20)
        transport.loc[own, "grad_norm"] = norm
    curves["accuracy"] = rng.integers(0, 513, len(curves)) / 512
    of_eight = runs.run_id[(runs.seq_len == 8) & (runs.seed == 0)]
    places = pd.MultiIndex.from_product([of_eight, (0, 10, 20), range(1, 9)], names=["run_id", "step", "t"])
    dependences = places.to_frame(index=False).assign(layer=0, part="x", sample=0, answer=8)
    dependences["norm"] = 10 ** rng.uniform(-2, 0, len(dependences))
    dependences["word"] = [WORDS[t - 1] for t in dependences.t]
    dependences["gloss"] = [f"gloss {t}" for t in dependences.t]
    return Tables({**tables, "dependences": dependences})


def data_of(html: str) -> dict[str, Any]:
    """What the page's script draws from, its packed numbers as arrays."""
    found = re.search(r'<script type="application/json" id="explorer-data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    for condition in data["conditions"]:
        for run in condition["runs"]:
            shape = (len(run["steps"]), len(run["lags"]))
            run["gradient"], run["accuracy"] = _floats(run["gradient"]).reshape(shape), _floats(run["accuracy"])
    return data


def _floats(packed: str) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(packed), dtype="<f4")


def condition(data: dict[str, Any], **wanted: str) -> dict[str, Any]:
    """The condition with these values of settings."""
    keys = [setting["key"] for setting in data["settings"]]
    at = [setting["options"].index(wanted[key]) for key, setting in zip(keys, data["settings"], strict=True)]
    (found,) = [each for each in data["conditions"] if each["at"] == at]
    return found
