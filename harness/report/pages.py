"""The report's two pages from one view, by their templates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2

from harness.base.files import write_text

TEMPLATES = Path(__file__).parent / "templates"


def write_pages(directory: Path, view: dict[str, Any]) -> Path:
    """Write ``report.md`` and ``report.html``.

    Returns:
        The path of ``report.html``.
    """
    for name, environment in (
        ("report.md", _templates(finalize=_without_markup)),
        ("report.html", _templates(autoescape=True)),
    ):
        write_text(directory / name, environment.get_template(f"{name}.j2").render(view))
    return directory / "report.html"


def _templates(**escaping: Any) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, lstrip_blocks=True, **escaping
    )
    environment.filters.update(beginning=beginning, ending=ending)
    return environment


def _without_markup(value: Any) -> Any:
    """A value as Markdown text: tags are no tags, marks of Markdown are the characters that they are.

    Quotes stay as they are, unlike in HTML's attributes; an underscore within a word means nothing in Markdown.
    """
    if hasattr(value, "__html__"):  # what the template calls safe
        return value
    text = " ".join(str(value).split()) if isinstance(value, str) and "\n" in value else str(value)
    text = re.sub(r"([\\`*\[\]|~]|(?<!\w)_|_(?!\w)|^[#+-](?=\s)|^\d+(?=[.)]\s))", _escaped, text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escaped(mark: re.Match[str]) -> str:
    found = mark.group()
    return f"{found[:-1]}{found[-1]}\\" if found[-1].isdecimal() else f"\\{found}"


def beginning(text: str, most: int) -> str:
    """The first characters of a text, up to a space where there is one in their second half."""
    space = text.rfind(" ", most // 2, most + 1)
    return text[: most if space < 0 else space]


def ending(text: str, most: int) -> str:
    """The last characters of a text, from a space on where there is one in their first half."""
    space = text.find(" ", len(text) - most - 1, len(text) - most // 2)
    return text[len(text) - most if space < 0 else space + 1 :]
