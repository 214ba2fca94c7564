"""The experiments as a package, so that one can build on another: ``from .digits_rows import DigitsRows``.

Their folder lies beside ``harness`` in a source tree and inside it once installed. Either way it is searched here, so
that each file is one module, ``harness.experiments.<name>``, whoever imports it first.
"""

from harness.base.paths import shipped_folder

__path__ = [str(shipped_folder("experiments"))]
