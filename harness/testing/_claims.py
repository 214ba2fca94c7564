"""Results of every kind, made from those of small runs: a claim must not hold of all of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.measure.flow import gradient_flow
from harness.tables.tables import Tables


def worlds(tables: Tables) -> Iterator[tuple[str, Tables]]:
    """The same runs as if all had ended alike: they guess or solve the task; the gradient vanishes, stays or explodes.

    Where all runs are alike, no difference between kinds of them can be claimed; and what is claimed of all can hold in
    some of these worlds at most.

    Yields:
        The world in words, and its tables.
    """
    for outcome, accuracy in (("guess", tables.runs.chance), ("solve the task", 1.0)):
        for words, factor in (("vanishes", 0.5), ("stays as it is", 1.0), ("explodes", 2.0)):
            runs = tables.runs.assign(accuracy=accuracy, accuracy_se=0.0, loss=0.0, status="ok")
            runs["solved"] = (runs.accuracy >= 1).astype("boolean")
            flow = gradient_flow(np.log(factor) * np.arange(20), factor**19)
            for name, value in vars(flow).items():
                runs[name] = runs[f"{name}_init"] = value
            by_lag = factor ** tables.transport.lag.astype(float)
            transport = tables.transport.assign(grad_norm=by_lag, log_ratio=np.log(by_lag))
            gradients = tables.gradients.assign(grad_norm=factor ** tables.gradients.lag.astype(float))
            solved_at = runs.set_index("run_id").accuracy
            curves = tables.curves.assign(accuracy=tables.curves.run_id.map(solved_at))
            made = {"runs": runs, "transport": transport, "gradients": gradients, "curves": curves}
            yield f"all runs {outcome} and the gradient {words}", Tables({**tables, **made})
