"""The contract of plugins as a library: one line in a plugin's own test.

    from harness.testing import check_experiment

    def test_contract():
        check_experiment(FirstDigit())

Every check raises `ContractError` with one line per thing that does not hold.
"""

from harness.testing._problems import ContractError
from harness.testing.cell import check_cell
from harness.testing.experiment import check_experiment
from harness.testing.figure import check_figure, small_tables
from harness.testing.probe import check_probe

__all__ = ["ContractError", "check_cell", "check_experiment", "check_figure", "check_probe", "small_tables"]
