"""How sharply the loss bends in the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd

    from harness.measure.moment import Moment


class Curvature(Probe):
    """The largest eigenvalue of the loss's Hessian in the weights, and the curvature along the gradient.

    Where exploding gradients come from: a step of the optimiser meets a wall, which the loss climbs within a step's
    length (Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, section
    2.3); gradient and curvature then rise together. Joins ``curves`` with: ``largest`` and ``smallest`` eigenvalue, of
    the mean loss over some samples, in the weights that are trained; ``error``, what the largest is off by at most, as
    Lanczos's method has it; ``along_gradient``, gᵀHg / gᵀg; and ``gradient_norm``, |g| on the same samples.

    Cost: about 80 times a plain probe (two networks of 32 units, 60 steps, 32 sequences, on a CPU): 13 products,
    each of which goes back twice through plain steps. Memory: a graph of all steps of 16 sequences.
    """

    name = "curvature"
    adds = "columns"

    samples: int = Field(16, ge=1, description="how many sequences of the probe batch the loss is a mean over")
    iterations: int = Field(12, ge=1, description="how many products with the Hessian to find its largest eigenvalue")

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd

        from harness.engine.scan.interface import norm
        from harness.measure.curvature import Curvature as Hessian
        from harness.measure.curvature import ends

        moment = moment.first(self.samples)
        hessian = Hessian(moment.network, moment.data, moment.start)
        found = ends(hessian, self.iterations)._asdict()
        found |= {"along_gradient": hessian.along_gradient(), "gradient_norm": norm(hessian.gradient)}
        members = range(len(hessian.gradient))
        return pd.DataFrame({"member": members} | {name: values.tolist() for name, values in found.items()})
