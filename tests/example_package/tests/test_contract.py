"""The contract of each plugin, in one line."""

from rnn_extras.damped import Damped
from rnn_extras.echo import Echo
from rnn_extras.last_loss import LastLoss
from rnn_extras.stuck import Stuck

from harness.testing import check_cell, check_experiment, check_figure, check_probe


def test_experiment() -> None:
    check_experiment(Echo())


def test_cell() -> None:
    check_cell(Damped())


def test_probe() -> None:
    check_probe(Stuck())


def test_figure() -> None:
    check_figure(LastLoss())
