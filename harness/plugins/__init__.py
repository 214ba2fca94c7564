"""Plugins: finding them, checking them, listing them, starting a new one.

A plugin is a class with a ``name`` in a module of its own. Nothing is registered by hand. In come folders, installed
packages and the files of ``plugins=[…]``; out come classes by kind and name, and a reason for each that cannot be used.
What the kinds are, is said by their base classes (`harness.base.pluggable.Pluggable`), which are not imported here.
"""

from harness.plugins.registry import Broken, Plugin, Registry, registry
from harness.plugins.studies import studies

__all__ = ["Broken", "Plugin", "Registry", "registry", "studies"]
