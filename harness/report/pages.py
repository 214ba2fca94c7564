"""The report's two pages from one view, by their templates."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from harness.base.files import write_text
from harness.base.language import gettext, language, ngettext
from harness.report.typeface import with_font

TEMPLATES = Path(__file__).parent / "templates"

MARKS = re.compile(
    r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)"
    r"|^[#+-](?=\s|$)|^[-=](?=[-=\s]*$)|^\d+(?=[.)](?:\s|$))"  # only where a line begins
)
"""What would be a mark of Markdown."""

LONGEST = 20_000
"""Characters of a text, from which on a page shows no more than its beginning."""


def write_pages(directory: Path, view: dict[str, Any]) -> Path:
    """Write ``report.md`` and ``report.html``.

    Returns:
        The path of ``report.html``.
    """
    write_text(directory / "report.md", template("report.md").render(view))
    write_text(directory / "report.html", render("report.html", view))
    return directory / "report.html"


def render(name: str, view: dict[str, Any]) -> str:
    """A page in HTML, such as ``compare.html``, from its template, in the language in use and with a font for it."""
    return with_font(template(name).render({**view, "language": language()}))


@cache
def template(name: str) -> jinja2.Template:
    """The template of a page in Markdown or HTML, by the page's name."""
    markdown = name.endswith(".md")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        finalize=_without_markup if markdown else _cut,
        autoescape=not markdown,
    )
    environment.install_gettext_callables(gettext, ngettext)  # type: ignore[attr-defined]
    environment.filters.update(beginning=beginning, ending=ending, line=line, translated=gettext)
    return environment.get_template(f"{name}.j2")


def _cut(value: Any) -> Any:
    """A value, of a text no more than what a page is read for: a table from elsewhere may hold books."""
    if not isinstance(value, str) or len(value) <= LONGEST or hasattr(value, "__html__"):
        return value
    return f"{value[:LONGEST]} … ({len(value):,} characters)"


def _without_markup(value: Any) -> Any:
    """A value as Markdown text: tags are no tags, marks of Markdown are the characters that they are.

    Quotes stay as they are, unlike in HTML's attributes; an underscore within a word means nothing in Markdown.
    """
    if hasattr(value, "__html__"):  # what the template calls safe
        return value
    value = _cut(value)
    text = str(value)
    if len(text.splitlines()) > 1:
        text = " ".join(text.split())
    if text.strip():
        text = text.lstrip()  # four spaces begin a piece of code
    text = MARKS.sub(_escaped, text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escaped(mark: re.Match[str]) -> str:
    found = mark.group()
    return f"{found[:-1]}{found[-1]}\\" if found[-1].isdecimal() else f"\\{found}"


def line(text: str) -> str:
    """A command as a line of code: on one line, and no longer than anybody types."""
    return " ".join(str(text)[:LONGEST].splitlines())


def beginning(text: str, most: int) -> str:
    """The first characters of a text, up to a space where there is one in their second half."""
    space = text.rfind(" ", most // 2, most + 1)
    return text[: most if space < 0 else space]


def ending(text: str, most: int) -> str:
    """The last characters of a text, from a space on where there is one in their first half."""
    space = text.find(" ", len(text) - most - 1, len(text) - most // 2)
    return text[len(text) - most if space < 0 else space + 1 :]
