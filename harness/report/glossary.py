"""The words that reports use, each with what it means; those of columns as the tables define them."""

from __future__ import annotations

from harness.base.language import gettext as _
from harness.measure.flow import EXPLODING_ABOVE, LINE_R2, LINE_RESIDUAL, VANISHING_BELOW
from harness.tables.columns import column


def glossary() -> list[tuple[str, str]]:
    """Terms and texts in the language in use, in the order in which they build on each other."""
    return [
        (
            _("gradient at a time step"),
            _(
                "How much the error at the end would change if the network's memory after that step were changed a "
                "little. Where it is zero, training cannot learn to remember anything from there. Its size is a mean "
                "over a fixed batch of sequences, each with its own error."
            ),
        ),
        (
            _("the way back"),
            _(
                "A sequence may have several scored outputs. Each sends its own gradient back, and they cover each "
                "other. So the way back is measured with one alone: the answer, the last judged output of a sample."
            ),
        ),
        (_("lag"), _("Distance back from the answer in steps. Lag 0 is the step of the answer.")),
        (
            _("factor per step"),
            _(
                "What one step back multiplies the answer's gradient by, on average. It is the slope of a straight "
                "line through the mean logarithms, each relative to lag 0 of its own sample. Of several layers the "
                "top one counts: there a step back is one product with the recurrent weights. At 0.9, a hundredth is "
                "left after 44 steps. At 1.1, the gradient is a hundred times as large after 48."
            ),
        ),
        (
            _("verdict"),
            _(
                "Vanishing: the factor per step is below {low}. Exploding: it is above {high}. Stable: it is between "
                "them. Rising: it is above {high}, but training has solved the task, and the gradient grows towards "
                "what has to be remembered. Undefined: no straight line describes the way back. Such a line explains "
                "less than {r2} of the variance and misses by more than {miss}, about 10 % of the gradient. Or the "
                "gradient breaks off. The shape then says what it does."
            ).format(low=VANISHING_BELOW, high=EXPLODING_ABOVE, r2=f"{LINE_R2:.0%}", miss=f"{LINE_RESIDUAL:g}"),
        ),
        (
            _("gradient at the cue"),
            _(
                "The cue is the step that holds what has to be remembered. It may also be several steps; where a task "
                "names none, it is the first. The ratio compares the answer's gradient at the cue with that at the "
                "answer. It is taken in the first layer, which everything that is read must pass."
            ),
        ),
        (_("horizon"), _(column("runs", "horizon").meaning)),
        (
            _("weight scale"),
            _(
                "The factor on the recurrent weights at the start of the training. Through them a network's state "
                "passes from one step to the next."
            ),
        ),
        (_("loss"), _(column("runs", "loss").meaning)),
        (_("solved"), _(column("runs", "solved").meaning)),
        (
            _("chance, guessing"),
            _(
                "The chance level is what the best predictor without memory gets right: the one with the least loss. "
                "A setting guesses where its accuracy is not above chance by more than three standard errors. Where "
                "few samples were judged, more is asked for. Errors are counted from sample to sample, since answers "
                "within one sample depend on each other."
            ),
        ),
        (
            _("rank correlation"),
            _(
                "How well the order of two quantities agrees: 1 is the same order, -1 the opposite, 0 no relation. "
                "All seeds and lengths of a setting are kept together. It counts as a relation where its 99 % "
                "interval leaves out 0. Also, chance alone must give as much in at most 1 % of cases."
            ),
        ),
    ]
