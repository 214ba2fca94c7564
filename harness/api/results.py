"""The results of sweeps in Python: their tables, figures, findings and report."""

from __future__ import annotations

import html
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from harness.analysis.sentences import findings
from harness.base.errors import UserError, unknown
from harness.base.language import written_in
from harness.plugins.registry import registry
from harness.report.claims import check_claims
from harness.report.parts import of_experiment, with_short_names
from harness.report.short_tables import ShortTable, short_tables
from harness.sweeping.provenance import language_of, read_provenance
from harness.tables.gather import load as merged
from harness.tables.gather import with_variants
from harness.tables.survey import first_of_each
from harness.tables.tables import Tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from harness.analysis.comparison import Comparison


class Results(Tables):
    """The tables of one or more results directories, and what is made of them: figures, findings, the report.

    A notebook shows the findings of results that end a cell.

    Attributes:
        directories: where they come from.
    """

    def __init__(self, tables: Tables, directories: Sequence[Path]):
        super().__init__({name: tables.scan(name) for name in tables}, left_out=tables.left_out)
        self.directories = list(directories)

    @property
    def findings(self) -> list[str]:
        """What came of the claims that were tested, and then what else was found: the sentences of the report.

        Examples:
            >>> len(found.findings) > 0
            True
        """
        tables = with_short_names(self)
        with written_in(self.language):
            return [*(each.sentence for each in check_claims(tables).values() if each.sentence), *findings(tables)]

    @property
    def language(self) -> str:
        """The language in which these results are reported, ``en`` or ``zh``: the sweep's ``report.language``.

        Examples:
            >>> found.language
            'en'
        """
        return language_of(read_provenance(self.directories[0]))

    def figure(self, name: str, experiment: str | None = None) -> Canvas:
        """One of the report's figures, to be looked at, changed and saved.

        Args:
            name: of a figure plugin, as the files in ``DIR/figures`` are called: ``gradient_profile_init``.
            experiment: whose results it shows, where there are those of several.

        Raises:
            UserError: there is no such figure or experiment, or the results hold nothing that it could show.

        Examples:
            >>> figure = found.figure("gradient_profile_init")
            >>> figure.savefig("profile.pdf")
        """
        from harness.report.rendering import styled

        figure = registry().get("figure", name)()
        names = list(dict.fromkeys(map(str, self.runs.experiment)))
        if experiment not in names:
            if experiment is not None or len(names) > 1:
                raise unknown("experiment", experiment, names)
            experiment = names[0]
        with styled(), written_in(self.language):
            canvas: Canvas | None = figure.draw(of_experiment(with_short_names(self), experiment))
        if canvas is None:
            raise UserError(f"figure={name}: these results of {experiment} hold nothing that it could show")
        return canvas

    def report(self, language: str | None = None) -> Path:
        """The path of ``report.html``, which is built where there is none.

        Args:
            language: to write it anew in, ``en`` or ``zh``.

        Raises:
            UserError: these are results of several directories, each with a report of its own; or there is no such
                language.

        Examples:
            >>> found.report().name
            'report.html'
        """
        if len(self.directories) > 1:
            raise UserError(f"{len(self.directories)} directories: each has its own report; valid: those of one")
        path = self.directories[0] / "report.html"
        if language is not None or not path.exists():
            from harness.report.build import build

            build(self.directories[0], self, language)
        return path

    def compare(self, after: Tables) -> Comparison:
        """What has changed from these results to others, condition by condition, and what of it is certain.

        Args:
            after: those after a change, as `harness.load` gives them.

        Returns:
            ``findings``, sentences; ``table``, a row for each condition and measure with the change and its interval;
            ``conditions``, ``changes``, ``only_before``, ``only_after``.

        Raises:
            UserError: no condition stands in both.

        Examples:
            >>> changed = harness.load("results/before").compare(harness.load("results/after"))    # doctest: +SKIP
            >>> found.compare(found).findings
            ['All values are the same on both sides, to the last bit.']
        """
        from harness.analysis.comparison import compare

        own, other = (", ".join(map(str, getattr(each, "directories", []))) for each in (self, after))
        with written_in(self.language):
            return compare(with_short_names(self).runs, with_short_names(after).runs, (own, other or "after"))

    def _repr_html_(self) -> str:
        """Where the results are, accuracies, and the findings, for a notebook."""
        with written_in(self.language):
            accuracies = "".join(map(_as_html, short_tables(with_short_names(self))))
        shown = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in self.findings)
        places = ", ".join(f"<code>{html.escape(str(each))}</code>" for each in self.directories)
        sizes = ", ".join(f"{name} ({self.rows(name)} rows)" for name in self)
        head = f"<p><b>{len(self.runs)} runs</b> in {places}</p>"
        return f"{head}{accuracies}<ul>{shown}</ul><p>Tables: {html.escape(sizes)}</p>"


def _as_html(table: ShortTable) -> str:
    heads = "".join(f"<th>{html.escape(head)}</th>" for head in table.heads)
    cells = [[f"<td>{html.escape(text)}</td>" for text in row] for rows in table.sections for row in rows]
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
    title, caption = (f"<p>{html.escape(text)}</p>" if text else "" for text in (table.title, table.caption))
    return f"{title}<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{caption}"


def load(*directories: str | PathLike[str]) -> Results:
    """The tables of results directories as pandas DataFrames, each read when it is first asked for.

    Args:
        directories: such as a sweep or a run has written (the ones with ``report.html``). Those of several are put
            together in memory; a run that stands in more than one is there once, if possible with an outcome.

    Raises:
        UserError: there are no results, or a table is damaged or of another format.

    Examples:
        >>> tables = harness.load("results/dish/2026-01-31_12-00-00")    # doctest: +SKIP
        >>> tables = harness.load(found.directories[0])
        >>> tables.runs.cell.tolist()
        ['rnn', 'lstm']
        >>> tables.with_settings("transport", ["cell"]).cell.cat.categories.tolist()
        ['rnn', 'lstm']
    """
    if not directories:
        raise UserError("load(): a directory is missing; valid: results directories, such as results/dish/…")
    paths = [Path(each) for each in directories]
    found = [merged(path) for path in paths]
    return Results(found[0] if len(found) == 1 else _together(found), paths)


def _together(found: Sequence[Tables]) -> Tables:
    """The tables of several sweeps as one."""
    runs = [each.scan("runs").to_table() for each in found]
    wanted = first_of_each(_joined(runs))
    borders = np.cumsum([len(each) for each in runs])[:-1]
    own = [each.filter(mask) for each, mask in zip(runs, np.split(wanted, borders), strict=True)]
    tables = {"runs": with_variants(_joined(own))}
    for name in dict.fromkeys(name for each in found for name in each if name != "runs"):
        tables[name] = _joined(
            [
                each.scan(name).to_table(filter=pc.field("run_id").isin(kept["run_id"].combine_chunks()))
                for each, kept in zip(found, own, strict=True)
                if name in each
            ]
        )
    return Tables(
        {name: ds.dataset(table) for name, table in tables.items()},
        left_out=[line for each in found for line in each.left_out],
    )


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(parts, promote_options="permissive")
