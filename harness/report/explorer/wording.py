"""The texts of the explorer; its script puts numbers in place of the names in braces."""

from __future__ import annotations

from harness.analysis.words import together
from harness.base.language import gettext as _
from harness.report.bars import scale_in_words


def wording() -> dict[str, str]:
    """Every text of the explorer, in the language in use."""
    beside_the_scale = _(
        "A dot in place of a bar: the gradient is infinite or no number. The gradient is that of the last answer, as a "
        "mean over many samples; the words are those of one."
    )
    return {
        "title": _("Try it: look back through a network"),
        "intro": _(
            "Choose a cell and play its training. The bars over a word show how much of the answer's gradient arrives "
            "there."
        ),
        "scale": together([scale_in_words(), beside_the_scale]),
        "still": _("This is a still picture, taken after the training. Switch scripts on to play with it."),
        "beside": _("beside it"),
        "nothing": _("nothing"),
        "step": _("training step"),
        "of_steps": _("{step} of {last}"),
        "after_steps": _("after {step} of {last} training steps"),
        "play": _("Play the training"),
        "pause": _("Pause"),
        "words": _("A sample, step by step"),
        "unfold": _("… {count} more …"),
        "place": _("look at step"),
        "here": _("Step {t} of {length}, {lag} steps before the answer."),
        "here_word": _("Step {t} of {length}, {lag} steps before the answer: {word}."),
        "right": _("The right answer: {right}."),
        "answered": _("{who} answers after its training: {answered}."),
        "gradient": _("gradient here"),
        "share": _("of that at the answer"),
        "seeds": _("seeds"),
        "accuracy": _("right answers"),
        "guessing": _("guessing: {chance}"),
        "dependence": _("how much the answer depends on this word"),
        "dependences": _("how much each answer depends on this word"),
        "of_strongest": _("{norm} ({share} of its strongest)"),
        "at_answer": _("step {t}: {norm} ({share} of its strongest)"),
        "profile": _("Gradient that arrives, as a share of that at the answer"),
        "profile_x": _("steps before the answer"),
        "curve": _("Right answers"),
        "curve_x": _("training step"),
        "cue": _("cue"),
        "median": _("{who}: thick is the median, thin is each seed"),
        "one": _("{who}: one seed"),
        "not_a_number": _("not a number"),
        "infinite": _("infinite"),
        "no_such_run": _("no run with these settings"),
        "no_run": _("{who} has no run with these settings."),
        "adapted": _("There is no such run. Other settings changed with your choice."),
        "summary": _("{who}: {accuracy} right {when}."),
        "table": _("Values at the step that is looked at"),
    }
