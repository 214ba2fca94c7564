"""The words that reports use, each with what it means; those of columns as the tables define them."""

from __future__ import annotations

from harness.measure.flow import EXPLODING_ABOVE, LINE_R2, LINE_RESIDUAL, VANISHING_BELOW
from harness.tables.columns import column

GLOSSARY = (
    (
        "gradient at a time step",
        "How much the error at the end would change if the network's memory after that step were changed a little. "
        "Where it is zero, training cannot learn to remember anything from there. Its size is averaged over a fixed "
        "batch of sequences, each with its own error.",
    ),
    (
        "the way back",
        "Where several outputs of a sequence are scored, each sends its own gradient back, and they cover what becomes "
        "of any one of them. So the way back is measured with one alone: each sample's last judged output, its answer.",
    ),
    ("lag", "Distance back from the sample's answer in steps: lag 0 is the step of the answer."),
    (
        "factor per step",
        "What the answer's gradient is multiplied by, on average, on its way back over one step: from the slope of a "
        "straight line through the mean logarithms over samples, each relative to its own at lag 0. With several "
        "layers it is the top one's, where a step back is one product with that layer's recurrent weights. At 0.9, a "
        "hundredth is left after 44 steps; at 1.1 it has grown a hundredfold after 48.",
    ),
    (
        "verdict",
        f"Vanishing where the factor per step is below {VANISHING_BELOW}, exploding above {EXPLODING_ABOVE}, stable "
        "between them; rising, not exploding, after training has solved the task: the gradient then grows towards what "
        f"has to be remembered. Undefined where no line describes the way back: it explains less than {LINE_R2:.0%} of "
        f"the logarithm's variance and is off by more than {LINE_RESIDUAL:g} (about 10 % of the gradient), or the "
        "gradient breaks off. The shape says then what it does.",
    ),
    (
        "gradient at the cue",
        "The cue is the step, or the steps, with what has to be remembered: the first step where a task names none, "
        "since from there the way is longest. The ratio compares the answer's gradient at the cue with that at the "
        "answer, in the first layer, which everything that is read must pass.",
    ),
    ("horizon", column("runs", "horizon").meaning),
    (
        "weight scale",
        "The factor on the weights through which a network's state passes from one step to the next, at the start of "
        "the training.",
    ),
    ("loss", column("runs", "loss").meaning),
    ("solved", column("runs", "solved").meaning),
    (
        "chance, guessing",
        "The chance level is the share of right answers of the best predictor without memory, the one with the least "
        "loss. A setting is called "
        "guessing where its accuracy is not above chance by more than three standard errors (more, where few samples "
        "were judged); errors are from sample to sample, since answers within one sample are not independent.",
    ),
)
"""Terms and texts, in the order in which they build on each other."""
