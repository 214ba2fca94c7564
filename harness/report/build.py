"""From the tables of a results directory to its report."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.about_trouble import pruned, trouble
from harness.analysis.headline import headline
from harness.analysis.key_findings import key_findings
from harness.analysis.sentences import findings
from harness.base.language import gettext as _
from harness.base.language import language, written_in
from harness.plugins.registry import registry
from harness.report.cells import how_to_read
from harness.report.claims import check_claims
from harness.report.explorer import explorer
from harness.report.glossary import glossary
from harness.report.overview import overview
from harness.report.pages import write_pages
from harness.report.parts import with_short_names
from harness.report.pictures import draw_all
from harness.report.run_table import SHOWN_RUNS, columns_of, in_order_of_interest, row_of
from harness.report.sections import section
from harness.report.way_back import way_back
from harness.sweeping.plan import missing
from harness.sweeping.provenance import language_of, plugins_of, read_provenance
from harness.tables.tables import Tables


@dataclass(frozen=True)
class Report:
    """A report that was built.

    Attributes:
        path: of ``report.html``.
        findings: what came of the claims that were tested, and then what else was found, in sentences.
        language: in which it is written.
    """

    path: Path
    findings: list[str]
    language: str


def unknown_plugins(directory: Path, tables: Tables) -> list[str]:
    """What a report leaves out as no file is run that the results name themselves; a line at most."""
    there = registry().names("experiment")
    unknown = [str(name) for name in dict.fromkeys(tables.runs.experiment) if name not in there]
    own = registry().code()
    files = [origin for origin in plugins_of(read_provenance(directory)) if origin not in own]
    if not unknown and not files:
        return []
    what = (
        _("the claims of {experiments}").format(experiments=_(", ").join(unknown))
        if unknown
        else _("figures and cells")
    )
    made = _("{what} made with {files}, which is run only if you say {words}")
    return [made.format(what=what, files=_(", ").join(files), words="plugins=[FILE,…]") if files else what]


def build(directory: Path, tables: Tables, language: str | None = None) -> Report:
    """Write ``report.html``, ``report.md``, ``figures/`` and ``artefacts/`` of a results directory.

    Args:
        language: in which it is written; None: the sweep's own.

    Raises:
        UserError: a folder in it is a link that leads out of it, or there is no such language.
        OSError: the disk takes no more.
    """
    provenance = read_provenance(directory)
    with written_in(language or language_of(provenance)):
        return _build(directory, tables, provenance)


def _build(directory: Path, tables: Tables, provenance: dict[str, Any]) -> Report:
    tables = with_short_names(tables)
    experiments = list(dict.fromkeys(tables.runs.experiment))
    claims = check_claims(tables)
    expected, others = [each.sentence for each in claims.values() if each.sentence], findings(tables)
    found = [*expected, *others]
    sections = [section(directory, tables, name, claims.get(name)) for name in experiments]
    pictures = draw_all(directory, [wanted for each in sections for wanted in each.wanted])
    columns = columns_of(tables.runs)
    view = {
        "title": str(provenance.get("study") or ", ".join(experiments)),
        "runs": tables.runs,
        "overview": overview(tables.runs),
        "missing": str(missing(directory) or ""),
        "resume": shlex.join(["python", "-m", "harness", f"resume={directory}"]),
        "headline": headline(tables.runs),
        "way_back": way_back(tables),
        "key_findings": key_findings(tables.runs, expected, others),
        "trouble": [*trouble(tables.runs), *pruned(tables.runs)],
        "findings": found,
        "left_out": [*tables.left_out, *unknown_plugins(directory, tables)],
        "explorer": explorer(tables),
        "sections": sections,
        "cells_text": how_to_read,
        "pictures": pictures,
        "columns": columns,
        "rows": [row_of(run, columns) for __, run in in_order_of_interest(tables.runs).head(SHOWN_RUNS).iterrows()],
        "provenance": provenance,
        "directory": directory,
        "rebuild": shlex.join(["python", "-m", "harness.report", str(directory)]),
        "glossary": glossary(),
    }
    return Report(write_pages(directory, view), found, language())
