"""Holding each experiment's claim against its results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.base.errors import reason
from harness.base.language import gettext as _
from harness.plugins.registry import registry
from harness.report.parts import of_experiment
from harness.tables.tables import Tables
from harness.tasks.experiment import Experiment, Verdict

Status = Literal["borne out", "not borne out", "not tested", "not checked"]


@dataclass(frozen=True)
class ClaimResult:
    """A claim, and what came of it.

    Attributes:
        status: ``not tested``: these runs do not test it; ``not checked``: its check raised.
        text: the numbers that say so, or why it could not be checked; empty where it was not tested.
    """

    experiment: str
    claim: str
    status: Status
    text: str = ""

    @property
    def beside_claim(self) -> str:
        """What stands beside the claim."""
        if self.status == "not tested":
            return _("not tested by these runs.")
        if self.status == "not checked":
            return _("could not be checked: {problem}").format(problem=self.text)
        pattern = _("borne out. {numbers}") if self.status == "borne out" else _("not borne out. {numbers}")
        return pattern.format(numbers=self.text)

    @property
    def sentence(self) -> str:
        """The claim and what came of it, in a sentence; empty where it was not tested."""
        if self.status == "not tested":
            return ""
        if self.status == "not checked":
            unchecked = _("The claim of {experiment} could not be checked: {problem}.")
            return unchecked.format(experiment=self.experiment, problem=self.text)
        expected = (
            _("As expected: “{claim}” {numbers}")
            if self.status == "borne out"
            else _("Not as expected: “{claim}” {numbers}")
        )
        return expected.format(claim=self.claim, numbers=self.text)


def check_claims(tables: Tables) -> dict[str, ClaimResult]:
    """Hold the claim of every experiment that there still is against its results, by the experiment's name."""
    known = registry().names("experiment")
    return {
        name: _check(registry().get("experiment", name), of_experiment(tables, name))
        for name in dict.fromkeys(tables.runs.experiment)
        if name in known
    }


def _check(experiment: type[Experiment], tables: Tables) -> ClaimResult:
    claim = _(experiment.claim)
    try:
        found: object = experiment.bears_out(tables)
    except (Exception, SystemExit) as error:
        return ClaimResult(experiment.name, claim, "not checked", reason(error, experiment))
    if found is None:
        return ClaimResult(experiment.name, claim, "not tested")
    if not isinstance(found, Verdict):
        problem = f"bears_out returns {found!r}; valid: Verdict or None"
        return ClaimResult(experiment.name, claim, "not checked", problem)
    status: Status = "borne out" if found.holds else "not borne out"
    return ClaimResult(experiment.name, claim, status, found.numbers)
