"""Which answer looks at which step."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from harness.analysis.words import spread
from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from harness.measure.moment import Moment

COLUMNS = ["member", "layer", "part", "sample", "answer", "t", "norm", "word", "gloss"]


class Attribution(Probe):
    """How much each answer depends on each step before it: dL_s/dx_t and dL_s/ds_t of every answer s by itself.

    A sample's loss L is the mean over its scored outputs that count; L_s is what the output at step s adds to it. A row
    per member, layer and part (the inputs are layer 0, part ``x``; of tokens it is the derivative by their one-hot
    vectors), sample, ``answer`` (the step s) and step ``t`` up to it: ``norm`` of the derivative. As vectors, those of
    all answers add up to the derivative of the whole loss (`harness.measure.attribution`). ``word`` is what the step
    reads, where the task has words for it (`harness.tasks.experiment.Sample.words`), ``gloss`` the same in another
    language.

    Cost: that of a plain probe (two networks of 32 units, 60 steps, 32 sequences, on a CPU, one answer of one),
    growing with answers times samples; all answers go back at once, so that memory is that of as many sequences.
    """

    name = "attribution"

    samples: int = Field(1, ge=1, description="how many sequences of the probe batch to look at")
    answers: int = Field(40, ge=1, description="how many scored steps, spread evenly, first and last among them")

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd

        from harness.measure.attribution import by_answer

        moment = moment.first(self.samples)
        scored = moment.data.scored
        places = [int(place) for place in spread(range(len(scored)), self.answers)]
        steps, counts = np.array(scored)[places], moment.data.mask[:, :, places].cpu().numpy()
        states, by_input = by_answer(moment, places)
        rows = [self._rows(by_input, steps, counts).assign(layer=0, part="x")]
        for layer, parts in enumerate(states, start=1):
            rows += [self._rows(values, steps, counts).assign(layer=layer, part=part) for part, values in parts.items()]
        found = pd.concat(rows, ignore_index=True)
        words = _words(moment, self.samples)
        keys = list(zip(found["member"], found["sample"], found.t, strict=True))
        for place, column in enumerate(("word", "gloss")):
            found[column] = [words.get(key, ("", ""))[place] for key in keys]
        return found[COLUMNS]

    @staticmethod
    def _rows(values: Tensor, steps: np.ndarray, counts: np.ndarray) -> pd.DataFrame:
        """Norms of derivatives (K, A, T, B, ·) of the answers that count, (K, B, A), up to their own step."""
        import pandas as pd

        from harness.engine.scan.interface import norm

        norms = norm(values).cpu().numpy()
        before = np.arange(1, norms.shape[2] + 1) <= steps[:, None]
        there = before[None, :, :, None] & counts.transpose(0, 2, 1)[:, :, None]
        member, answer, t, sample = np.nonzero(there)
        place = {"member": member, "sample": sample, "answer": steps[answer], "t": t + 1}
        return pd.DataFrame(place | {"norm": norms[there]})


def _words(moment: Moment, samples: int) -> dict[tuple[int, int, int], tuple[str, str]]:
    """What a step of a sample reads, and the same in another language: by member, sample and step (from 1)."""
    found = {}
    for member, batch in enumerate(moment.data.batches):
        unsaid = np.zeros((len(batch.scored), moment.experiment.outputs.size))
        for sample in range(min(samples, len(batch.inputs))):
            own = moment.experiment.in_words(batch, sample, unsaid)
            words, glosses = (own.words, own.glosses) if own is not None else ((), ())
            for t, (word, gloss) in enumerate(zip_longest(words, glosses, fillvalue=""), start=1):
                found[member, sample, t] = (" ".join(word.split()) or "␣" * bool(word), gloss)
    return found
