"""The words that reports use, each with what it means; those of columns as the tables define them."""

from __future__ import annotations

from harness.measure.flow import EXPLODING_ABOVE, VANISHING_BELOW
from harness.tables.columns import column

GLOSSARY = (
    (
        "gradient at a time step",
        "How much the error at the end would change if the network's memory after that step were changed a little. "
        "Where it is zero, training cannot learn to remember anything from there. Its size is averaged over a fixed "
        "batch of sequences, each with its own error.",
    ),
    ("lag", "Distance from the end of the sequence in steps: lag 0 is the last step."),
    (
        "factor per step",
        "What the gradient is multiplied by, on average, on its way back over one step. At 0.9, a hundredth is left "
        "after 44 steps; at 1.1 it has grown a hundredfold after 48. The verdict is vanishing below "
        f"{VANISHING_BELOW}, exploding above {EXPLODING_ABOVE}, and stable between them.",
    ),
    (
        "gradient at the cue",
        "The cue is the step, or the steps, with what has to be remembered: the first step where a task names none, "
        "since from there the way is longest. The ratio compares the gradient at the cue with the gradient at the last "
        "step.",
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
        "The chance level is the share of right answers that a predictor without memory can reach. A setting is called "
        "guessing where its accuracy is not above chance by more than three standard errors (more, where few samples "
        "were judged); errors are from sample to sample, since answers within one sample are not independent.",
    ),
)
"""Terms and texts, in the order in which they build on each other."""
