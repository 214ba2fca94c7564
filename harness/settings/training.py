"""What settings of a training would have no effect, and are refused: better an error than a run that is not as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.options import said

if TYPE_CHECKING:
    from harness.settings.settings import Train


def flaw_of_training(train: Train) -> str | None:
    """The first setting of a training that nothing would come of, in one line with what is valid; None: all is well."""
    if train.momentum and train.optimizer != "sgd":
        return f"train.momentum={train.momentum}: not for train.optimizer={train.optimizer}; valid: 0, or sgd"
    if train.warmup and train.warmup >= train.steps:
        return f"train.warmup={train.warmup}: no shorter than train.steps={train.steps}; valid: less than the steps"
    if train.schedule != "step":
        for key, value in (("step_size", train.step_size), ("gamma", train.gamma)):
            if value is not None:
                return f"train.{key}={said(value)}: not for train.schedule={train.schedule}; valid: null, or step"
    after = train.steps - train.warmup
    if train.step_size is not None and train.step_size >= after:
        return (
            f"train.step_size={train.step_size}: the rate would never drop in the {after} steps after the warm-up; "
            f"valid: less than {after}"
        )
    return None
