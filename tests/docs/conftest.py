"""The scripts of ``docs`` import each other as they do when they are run."""

import sys

from tests.helpers.sweeps import ROOT

sys.path.append(str(ROOT / "docs"))
