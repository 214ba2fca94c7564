"""The language of what is written for readers: pages, captions, sentences. English stands in the code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from gettext import NullTranslations, translation
from pathlib import Path

CATALOGUES = Path(__file__).parent.parent / "locale"
"""``<language>/LC_MESSAGES/harness.mo``, made of the ``.po`` beside it."""

_in_use: ContextVar[NullTranslations] = ContextVar("_in_use", default=NullTranslations())  # noqa: B039


def gettext(text: str) -> str:
    """A text in the language in use, or as it is where there is no translation. Imported as ``_``."""
    return _in_use.get().gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """A text that depends on a number, in the language in use."""
    return _in_use.get().ngettext(one, many, count)


@contextmanager
def written_in(language: str) -> Iterator[None]:
    """Inside, texts are in this language (``en``, ``zh``)."""
    found = NullTranslations() if language == "en" else translation("harness", CATALOGUES, [language])
    token = _in_use.set(found)
    try:
        yield
    finally:
        _in_use.reset(token)
