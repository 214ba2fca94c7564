"""What a probe is: the base class of every plugin in ``harness/probes``. See ``docs/plugins.md``.

``probes=[gates]`` turns them on, by name; their options stand under ``probes.<name>.*``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from harness.base.errors import UserError
from harness.base.options import Options
from harness.base.pluggable import Pluggable
from harness.tables.columns import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

    from harness.measure.moment import Moment


class Probe(Options, Pluggable):
    """Something to measure at every probe. Fields are its options (``probes.<name>.*``).

    Attributes:
        name: the probe's name on the command line and, for a table, the table's.
        adds: ``table``: what is measured becomes a table of its own, ``tables.<name>``, with ``run_id`` and
            ``step``; ``columns``: one row per member, whose columns join the table ``curves`` as
            ``<name>.<column>``.
    """

    kind: ClassVar[str] = "probe"
    name: ClassVar[str]
    adds: ClassVar[Literal["table", "columns"]] = "table"

    @classmethod
    def flaw(cls) -> str | None:
        """See `harness.base.pluggable.Pluggable.flaw`: what `adds` says, and a name that is no other table's."""
        if cls.adds == "table" and cls.name in COLUMNS:
            return f"name = {cls.name!r}: a table of that name is there in any case; valid: another name"
        return None if cls.adds in ("table", "columns") else f"adds = {cls.adds!r}; valid: table, columns"

    @abstractmethod
    def measure(self, moment: Moment) -> pd.DataFrame:
        """Measure every member.

        Returns:
            Rows with the column ``member`` (0 … K - 1), and whatever else was measured. A member has no row where
            there is nothing to measure, as in a cell without gates.
        """


def measured(probes: Iterable[Probe], moment: Moment) -> list[tuple[Probe, pd.DataFrame]]:
    """What each probe measures.

    Raises:
        UserError: what a probe returns cannot be put into a table.
    """
    found = [(probe, probe.measure(moment)) for probe in probes]
    for probe, frame in found:
        if problem := fault(probe, frame, len(moment.network.flat)):
            raise UserError(f"probe {probe.name}: {problem}")
    return found


RESERVED = ("run_id", "step")
"""Columns that the harness fills."""


def fault(probe: Probe, frame: object, members: int) -> str | None:
    """What is wrong with the form of what a probe returned; None where nothing is."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame) or "member" not in frame:
        return "measure returns no table with a column member; valid: a DataFrame with one"
    if not frame["member"].isin(range(members)).all():
        return f"measure returns a member outside of 0 to {members - 1}"
    if clash := [name for name in RESERVED if name in frame]:
        return f"measure returns the columns {clash}, which are filled by the harness"
    if probe.adds == "columns" and not frame["member"].is_unique:
        return "adds columns, but measure gives a member several rows; valid: one row per member, or adds = 'table'"
    return None
