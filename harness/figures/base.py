"""What a figure is: the base class of every plugin in ``harness/figures``."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from harness.base.pluggable import Pluggable

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from harness.tables.tables import Tables


class Figure(Pluggable):
    """One picture of the report.

    A subclass states its `name` (file name and plugin name), `title`, `caption` (how to read it, for
    somebody who has not seen the code) and `order` (its place in the report), and draws itself from tables.
    One that makes sense for some experiments alone names them in `experiments`, one that draws what probes
    measured names these in `probes`. Where a sweep varies an option of the task, the report draws it for each
    version apart, unless it shows all of them itself: `across_versions`.

    ``tables.runs``, ``tables.gradients`` and so on are DataFrames. A sweep may be large, though (100,000 runs have
    10^8 gradient rows), and the report refuses to give a table that fits no memory as a whole: a figure that must cope
    with such sweeps takes what it draws by ``tables.read(name, columns, filters)``.
    """

    kind: ClassVar[str] = "figure"
    texts: ClassVar[tuple[str, ...]] = ("title", "caption")
    name: ClassVar[str]
    title: ClassVar[str]
    caption: ClassVar[str]
    order: ClassVar[int] = 100
    experiments: ClassVar[tuple[str, ...]] = ()
    probes: ClassVar[tuple[str, ...]] = ()
    across_versions: ClassVar[bool] = False

    @abstractmethod
    def draw(self, tables: Tables) -> Canvas | None:
        """Draw from the tables alone; None where they hold nothing that this figure could show."""
