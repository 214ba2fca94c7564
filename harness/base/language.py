"""The language of what is written for readers: pages, captions, sentences. English stands in the code.

A text for readers is written ``_("…")`` with `gettext` imported as ``_``, and its numbers are put in afterwards:
``_("{count} runs failed.").format(count=3)``. What is said of a class or a column once and for all (a figure's
``title``, a claim) stays as it is where it is defined, and goes through `gettext` where it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from gettext import NullTranslations, translation
from pathlib import Path

from harness.base.errors import unknown

CATALOGUES = Path(__file__).parent.parent / "locale"
"""``<language>/LC_MESSAGES/harness.mo``, compiled from the ``.po`` beside it."""

DOMAIN = "harness"
SOURCE = "en"

_in_use: ContextVar[tuple[str, NullTranslations]] = ContextVar("_in_use", default=(SOURCE, NullTranslations()))


def gettext(text: str) -> str:
    """A text in the language in use, or as it is where there is no translation. Imported as ``_``."""
    return _in_use.get()[1].gettext(text) if text else ""  # a catalogue's head stands under the empty text


def ngettext(one: str, many: str, count: int) -> str:
    """A text that depends on a number, in the language in use."""
    return _in_use.get()[1].ngettext(one, many, int(count))  # numpy's integers are none to it


def language() -> str:
    """The language in use, as pages name it: ``en``, ``zh``."""
    return _in_use.get()[0]


def languages() -> list[str]:
    """The languages that reports can be written in: English, and those with a catalogue."""
    return [SOURCE, *sorted(path.parts[-3] for path in CATALOGUES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))]


def known(language: str) -> str:
    """The language itself.

    Raises:
        UserError: there is no catalogue of it.
    """
    if language not in languages():
        raise unknown("language", language, languages())
    return language


@contextmanager
def written_in(language: str) -> Iterator[None]:
    """Inside, texts are in this language.

    Raises:
        UserError: there is no catalogue of it.
    """
    found = NullTranslations() if known(language) == SOURCE else translation(DOMAIN, CATALOGUES, [language])
    token = _in_use.set((language, found))
    try:
        yield
    finally:
        _in_use.reset(token)
