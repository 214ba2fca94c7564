"""``python docs/make_catalogues.py [LANGUAGE]``: collect all texts for readers, and compile the catalogues.

Every ``harness/locale/<language>/LC_MESSAGES/harness.po`` gets the texts that are new, loses those that are gone, and
is compiled to the ``.mo`` beside it. With a language (``fr``), a new catalogue begins.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from harness.base.language import CATALOGUES, DOMAIN
from harness.plugins.registry import registry
from harness.report.run_table import SHOWN_OUTCOMES
from harness.report.sections import first_line
from harness.tables.columns import column

ROOT = Path(__file__).parent.parent
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("**.j2", "jinja2")]
OPTIONS = {"**.j2": {"trim_blocks": "true", "lstrip_blocks": "true"}}
HEAD = "# What reports say in another language; see CONTRIBUTING.md."
EXPLAINED = ("horizon", "loss", "solved")
"""Columns whose meaning stands in the glossary."""


def texts() -> Catalog:
    """All texts for readers: those that the code marks, and what plugins and columns say of themselves."""
    found = Catalog(project="rnn-gradient-harness", charset="utf-8", fuzzy=False)
    for folder in ("harness", "experiments"):
        marked = extract_from_dir(ROOT / folder, METHODS, OPTIONS, KEYWORDS)
        for file, _, message, _, _ in marked:
            if message not in ("", ("", "")):
                found.add(message, locations=[(f"{folder}/{file}", 0)])
    for file, message in said_of_themselves():
        found.add(message, locations=[(file, 0)])
    return found


def said_of_themselves() -> Iterator[tuple[str, str]]:
    """Texts that are defined once and translated where they are shown, each with where it comes from."""
    for plugin in registry().of_kind("figure"):
        yield from ((f"figure:{plugin.name}", text) for text in (plugin.target.title, plugin.target.caption))
    for plugin in registry().of_kind("experiment"):
        yield from ((f"experiment:{plugin.name}", text) for text in (plugin.target.claim, first_line(plugin.target)))
    for name in SHOWN_OUTCOMES:
        if label := column("runs", name).label:
            yield "harness/tables/columns.py", label
    for name in EXPLAINED:
        yield "harness/tables/columns.py", column("runs", name).meaning


def read(path: Path) -> Catalog:
    """A catalogue from its ``.po``."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def compiled(catalogue: Catalog) -> bytes:
    """A catalogue as ``.mo``."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def begin(language: str) -> None:
    """An empty catalogue of a language."""
    path = CATALOGUES / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    path.parent.mkdir(parents=True)
    write(path, Catalog(locale=language, header_comment=HEAD, fuzzy=False))


def write(path: Path, catalogue: Catalog) -> None:
    """A catalogue as ``.po``, without line numbers: these would change with every edit of the code."""
    with path.open("wb") as file:
        write_po(file, catalogue, width=120, ignore_obsolete=True, include_lineno=False, sort_by_file=True)


def main(languages: list[str]) -> None:
    """Begin catalogues of new languages, bring all up to date, and say what is left to translate."""
    for language in languages:
        begin(language)
    for path in sorted(CATALOGUES.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        catalogue = read(path)
        before = catalogue.creation_date
        catalogue.update(texts(), no_fuzzy_matching=True)
        catalogue.creation_date = before
        write(path, catalogue)
        path.with_suffix(".mo").write_bytes(compiled(catalogue))
        left = [message for message in catalogue if message.id and not all(_strings(message.string))]
        print(f"{path.relative_to(ROOT)}: {len(catalogue)} texts, {len(left)} to translate")


def _strings(string: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return string if isinstance(string, tuple) else (string or "",)


if __name__ == "__main__":
    main(sys.argv[1:])
