"""The columns of the standard tables: name, type, how reports call them, and what they mean. All of it stands here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        dtype: pandas' type of its values: ``str``, ``float64``, ``int64``, or ``Int64`` and ``boolean``, which can be
            missing.
        meaning: what it says, with its unit; the report's glossary takes its text from here.
        label: its name in the report, where that is another one.
    """

    name: str
    dtype: str
    meaning: str
    label: str = ""


VARIANT = Column(
    "variant", "str",
    "What tells apart runs of one cell besides length, weight scale and seed: its options that the sweep varies.",
)  # fmt: skip

RUN_ID = Column("run_id", "str", "A short hash of everything that determines the run's numbers.")

SETTINGS = (
    Column("experiment", "str", "The task."),
    Column("cell", "str", "The kind of recurrent cell."),
    Column("seq_len", "int64", "Steps of a sequence, T."),
    Column("weight_scale", "float64", "The factor on the recurrent weights at the start of the training."),
    Column("seed", "int64", "The seed of all randomness of the run."),
    Column("hidden_size", "int64", "Units of a layer, H."),
    Column("init", "str", "How the recurrent weights are drawn."),
)
"""Settings that stand in front of every table of runs; all other settings follow by their dotted name."""

GRADIENT_FLOW = (
    Column(
        "decay_rate", "float64",
        "Slope of ln(gradient norm) per step back from the answer, in the top layer; exp of it is the factor per step.",
        "factor per step after",
    ),
    Column(
        "decay_r2", "float64",
        "How well a straight line describes that logarithm: the share of its variance that the line explains.",
    ),
    Column(
        "shape", "str",
        "What the gradient does on its way back, in words: falls, flat, rises, falls and rises, rises and falls, "
        "wavers, breaks off (zero from some step on, without having fallen there), nothing arrives, no error, not "
        "finite, one step.",
    ),
    Column(
        "grad_ratio", "float64",
        "Gradient norm at the cue over that at the answer, in the first layer.", "gradient at cue / at answer",
    ),
    Column(
        "horizon", "float64",
        "The first lag at which no more than about a third (1/e) of the gradient at the answer is left. It is inf "
        "where there is none. Further back, the gradient may grow again.",
    ),
    Column(
        "verdict", "str",
        "Whether the gradient is vanishing, stable or exploding, by the factor per step; rising instead of exploding "
        "where training has solved the task; undefined where no single factor describes the way back.",
    ),
)  # fmt: skip
"""What is derived of the transported gradient: after the training, and with ``_init`` before it."""

GRADIENT_FLOW_INIT = tuple(
    Column(
        f"{each.name}_init", each.dtype, f"Before the training: {each.meaning}", each.label.replace("after", "before")
    )
    for each in GRADIENT_FLOW
)

WITHOUT_OUTCOME = {"failed", "pruned"}
"""What a run's status says where nothing is known of a network that was trained to its end."""

OUTCOMES = (
    Column(
        "status", "str",
        "How the run ended: ok, diverged (a loss or its gradient was not finite), failed (an exception) or pruned (a "
        "search has ended the training early; there is no outcome, but what was measured till then stands in the other "
        "tables).",
    ),
    Column("reason", "str", "Why it failed, or why it diverged with a finite loss, in one line."),
    Column("accuracy", "float64", "Share of right answers on held-out samples at the last evaluation, from 0 to 1."),
    Column(
        "loss", "float64",
        "The mean loss on held-out samples at the last evaluation, over all scored outputs. It is the cross-entropy in "
        "nats, or the squared error where the outputs are numbers.",
    ),
    Column(
        "accuracy_se", "float64",
        "Standard error of the accuracy, from sample to sample: answers within one sample are not independent.",
    ),
    Column("chance", "float64", "Accuracy of the predictor without memory whose loss is the least."),
    Column("chance_loss", "float64", "Its loss, where it is known."),
    Column(
        "solved", "boolean",
        "The accuracy on held-out samples reaches the task's own threshold at the end. Only the last evaluation "
        "counts. A network that was there before and fell back has not solved the task.",
    ),
    Column("solved_step", "Int64", "Training steps after which an evaluation first found the task solved."),
    *GRADIENT_FLOW,
    *GRADIENT_FLOW_INIT,
    Column(
        "decay_rate_theory", "float64",
        "What theory says of decay_rate_init, for a single layer of many units with random weights; NaN where it says "
        "nothing.",
    ),
    Column(
        "decay_rate_bound_init", "float64",
        "Before the training, ln of the largest singular value of the top layer's recurrent matrix, times the largest "
        "slope of its units: the gradient cannot grow faster per step. NaN of cells whose step is no such product.",
    ),
    Column("decay_rate_bound", "float64", "The same at the end of the training."),
    Column(
        "diverged_at", "Int64", "The training step in which the loss or its gradient was not finite.", "diverged at"
    ),
    Column("steps", "Int64", "Training steps that were done."),
    Column("seconds", "float64", "The run's share of its pack's time."),
    Column("parameters", "Int64", "Number of trained weights."),
    Column("family", "str", "What the cell is grouped with: classic, gated, linear and so on."),
    Column("memory", "str", "The part of the cell's state that carries its memory, as in the tables of gradients."),
    Column("has_memory", "boolean", "Whether the cell carries anything over time."),
    Column("cue_step", "float64", "The step that holds what has to be remembered, from 1: the mean over the batch."),
    Column("answer_step", "float64", "The step of a sample's last judged output, from 1: the mean over the batch."),
    Column("eval_samples", "Int64", "Held-out samples of an evaluation."),
    Column("job", "str", "The job, a folder in jobs/, that the run was part of."),
)  # fmt: skip
"""What came of a run."""

STEP = Column("step", "int64", "Training steps done before the measurement.")

PLACE = (
    Column("layer", "int64", "Layer, from 1; 0 for the inputs."),
    Column("part", "str", "Part of the cell's state; x for the inputs."),
)
"""Where in the network a gradient is measured."""

GRADIENT_NORMS = (
    Column("grad_norm", "float64", "Norm of the gradient of a sample's loss, as a mean over the batch."),
    Column("grad_q10", "float64", "Its 10 % quantile over the batch."),
    Column("grad_q50", "float64", "Its median over the batch."),
    Column("grad_q90", "float64", "Its 90 % quantile over the batch."),
)

TABLES: dict[str, tuple[Column, ...]] = {
    "runs": (RUN_ID, *SETTINGS[:2], VARIANT, *SETTINGS[2:], *OUTCOMES),
    "curves": (
        RUN_ID,
        STEP,
        Column("loss", "float64", "Mean loss on held-out samples."),
        Column("accuracy", "float64", "Share of right answers on held-out samples."),
        Column("grad_norm_weights", "float64", "Norm of the gradient by all weights."),
        Column("clipped", "float64", "Share of the training steps since the last row whose gradient was clipped."),
        Column("spectral_radius", "float64",
            "The largest |eigenvalue| among all recurrent H×H blocks, or of a linear recurrence's factors; NaN where "
            "the inputs decide what is kept.",),
    ),
    "gradients": (
        RUN_ID,
        STEP,
        *PLACE,
        Column("t", "int64", "Time step, from 1."),
        Column("lag", "int64", "Distance from the end of the longest sequence in steps, T - t."),
        *GRADIENT_NORMS,
        Column("samples", "int64", "Samples of the batch that have this step."),
    ),
    "transport": (
        RUN_ID,
        STEP,
        *PLACE,
        Column("lag", "int64", "Steps back from the sample's own answer, its last judged output."),
        *GRADIENT_NORMS,
        Column(
            "log_ratio", "float64",
            "Mean over samples of ln(norm at this lag / the sample's own norm at lag 0); samples without a gradient at "
            "lag 0 are left out.",
        ),
        Column("samples", "int64", "Samples of the batch that have this lag."),
    ),
    "generalization": (
        RUN_ID,
        Column("length", "int64", "Steps of the sequences that the trained network is tried on."),
        Column("accuracy", "float64", "Share of right answers on held-out samples of this length."),
        Column("accuracy_se", "float64", "Its standard error, from sample to sample."),
        Column("loss", "float64", "Mean loss on held-out samples of this length."),
        Column("chance", "float64", "Accuracy at this length of the predictor without memory whose loss is the least."),
        Column("chance_loss", "float64", "Its loss, where it is known."),
        Column("solved", "boolean", "The accuracy at this length reaches the task's own threshold."),
        *GRADIENT_FLOW,
    ),
    "samples": (
        RUN_ID,
        Column("sample", "int64", "Number of the held-out sample, from 0."),
        Column("text", "str", "The sequence in words."),
        Column("translation", "str", "The same in another language, or a remark."),
        Column("words", "str", "What each step up to the last judged output reads, a line each; or nothing."),
        Column("glosses", "str", "Each of the words in another language, a line each; or nothing."),
        Column("expected", "str", "The right answer."),
        Column("answered", "str", "The answer that was given."),
        Column("accuracy", "float64", "Share of the sample's answers that are right."),
    ),
}  # fmt: skip
"""The columns that every table of that name has, in this order (``runs`` has further settings besides)."""


def column(table: str, name: str) -> Column:
    """A column of a standard table."""
    return next(each for each in TABLES[table] if each.name == name)


COLUMNS = {table: [each.name for each in columns] for table, columns in TABLES.items()}
RUN_SETTINGS = [each.name for each in SETTINGS]
RUN_OUTCOMES = [each.name for each in OUTCOMES]
FLOAT_OUTCOMES = {each.name for each in OUTCOMES if each.dtype == "float64"}
CURVES = [each.name for each in TABLES["curves"] if each.dtype == "float64"]
"""What is measured at every evaluation."""
