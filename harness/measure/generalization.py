"""What networks do at a length at which they were not trained: accuracy, loss, and the answer's gradient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harness.engine.network import Network
from harness.measure.evaluation import evaluate
from harness.measure.gradients import Gradients, gradients
from harness.measure.measurement import standard_error
from harness.tasks.data import Data
from harness.tasks.experiment import Experiment


@dataclass(frozen=True)
class AtLength:
    """What is measured of K members at one length; each field as in `harness.measure.measurement.Measurement`."""

    loss: Tensor
    accuracy: Tensor
    accuracy_se: Tensor
    gradients: Gradients
    cue: NDArray[np.int64]
    answer: NDArray[np.int64]


def at_length(network: Network, probed: Network, experiment: Experiment, held_out: Data, probe_data: Data) -> AtLength:
    """Evaluate networks on held-out samples, and probe their gradients.

    Args:
        network, held_out: in the precision of the training.
        probed, probe_data: the same networks, and the probe batch, in the precision of the probes.
    """
    losses, right, _ = evaluate(network, experiment, held_out)
    right, judged = right.double(), held_out.judged.sum(dim=2)
    accuracy = right.sum(1) / judged.sum(1)
    return AtLength(
        loss=losses.double().mean(1).cpu(),
        accuracy=accuracy.cpu(),
        accuracy_se=standard_error(right, judged, accuracy).cpu(),
        gradients=gradients(probed, probe_data),
        cue=probe_data.cue,
        answer=probe_data.answer,
    )
