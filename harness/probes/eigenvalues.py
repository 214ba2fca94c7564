"""Eigenvalues and singular values of what carries the state from step to step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd

    from harness.measure.moment import Moment

COLUMNS = ["member", "layer", "matrix", "t", "number", "re", "im", "modulus", "singular_value", "departure"]

LARGEST = 512
"""Largest state of which a step's Jacobian is taken: time grows with its third power."""


class Eigenvalues(Probe):
    """The eigenvalues of the recurrent matrices and of a step's Jacobian, which say what many steps do to a state.

    A row per member, layer, matrix and eigenvalue, ``number`` 1 of the largest modulus first. Matrices are the
    recurrent blocks W1, W2, … (or the factors of a linear recurrence), and J, the Jacobian ds_t / ds_{t-1} of the first
    sample at the step ``t`` (of the middle of its sequence, unless another is chosen). Beside it stands the singular
    value of the same number: ``modulus`` of number 1 is the spectral radius, what is left or gained per step in the
    long run, and ``singular_value`` of number 1 the most that one step can do. ``departure`` is how far the matrix is
    from a normal one, whose eigenvectors are orthogonal: √(‖A‖² - Σ|λ|²) / ‖A‖ (Frobenius norm), from 0 to 1; far from
    normal, a gradient can grow for many steps before the eigenvalues have their say. NaN of what is not finite.

    Costs about 3 plain probes (32 units, T = 20, CPU time); its time grows with the cube of the state's size, so that J
    of more than 512 numbers is left out. Memory: a matrix per member.

    Source: Henrici, "Bounds for iterates, inverses, spectral variation and fields of values of non-normal matrices",
    Numerische Mathematik 4, 1962; Trefethen, Embree, "Spectra and pseudospectra", 2005.
    """

    name = "eigenvalues"

    at: int | None = Field(None, ge=1, description="time step of the Jacobian, from 1; null: the middle one")

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd
        import torch

        network = moment.network
        ends = [int(batch.ends[0]) for batch in moment.data.batches]
        at = [min(self.at or end // 2 + 1, end) for end in ends]
        size = sum(network.shape.cell.widths(network.shape.hidden_size).values())
        frames = []
        for layer in range(1, network.shape.num_layers + 1):
            found = network.shape.cell.recurrence(network.layer(layer), network.shape.hidden_size)
            matrices = {f"W{number}": (each, [0] * len(at)) for number, each in enumerate(found, start=1)}
            if size <= LARGEST:
                x, before = moment.at(layer, torch.tensor(at, device=network.flat.device)[:, None, None])
                matrices["J"] = moment.layer_step(layer).jacobian(x[:, 0], before[:, 0])[:, 0], at
            for name, (stacked, steps) in matrices.items():
                for member, (matrix, t) in enumerate(zip(stacked.detach().cpu().numpy(), steps, strict=True)):
                    frames.append(pd.DataFrame(spectrum(matrix)).assign(member=member, layer=layer, matrix=name, t=t))
        return pd.concat(frames, ignore_index=True)[COLUMNS] if frames else pd.DataFrame(columns=COLUMNS)


def spectrum(matrix: NDArray[np.generic]) -> dict[str, NDArray[np.float64] | NDArray[np.int64] | float]:
    """Eigenvalues by falling modulus, singular values and departure of a matrix (n, n), or of a diagonal one (n,)."""
    n = matrix.shape[-1]
    size = float(np.abs(matrix).max())
    scaled = matrix.astype(complex if np.iscomplexobj(matrix) else float) / (size if 0 < size < np.inf else 1)
    if not np.isfinite(scaled).all():
        values, singular = np.full(n, complex(np.nan, np.nan)), np.full(n, np.nan)
    elif matrix.ndim == 1:
        values, singular = scaled.astype(complex), np.sort(np.abs(scaled))[::-1]
    else:
        values, singular = np.linalg.eigvals(scaled).astype(complex), np.linalg.svd(scaled, compute_uv=False)
    values = values[np.argsort(-np.abs(values), kind="stable")]
    squares = float(np.square(singular).sum())
    gap = max(0.0, 1 - float(np.square(np.abs(values)).sum()) / squares) if squares > 0 else squares
    # What rounding leaves of a normal matrix is no departure.
    departure = np.sqrt(gap) if not gap < n * 1e-14 else 0.0
    size = size if 0 < size < np.inf else 1.0
    return {
        "number": np.arange(1, n + 1), "re": values.real * size, "im": values.imag * size,
        "modulus": np.abs(values) * size, "singular_value": singular * size, "departure": departure,
    }  # fmt: skip
