"""What any plugin is, whatever its kind."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar


class Pluggable(ABC):
    """A class that is found by its name. The base class of each kind (`Cell`, `Experiment`, …) derives from it.

    Attributes:
        kind: stated by the base class of the kind, as in ``cell``.
        name: what the plugin is called on the command line and in tables.
        texts: names of the class attributes that a plugin of this kind must define as texts, besides its name.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    texts: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def flaw(cls) -> str | None:
        """Why this class cannot be used, beyond what is checked of every plugin; None where it can."""
        return None
