"""An equation with one unknown: what is it?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from harness.claims import solves_where_it_guesses
from harness.experiment import Tables, Verdict

from ._chomsky import DIGITS, TRAINING, ChomskyTask, Strings
from .modular_arithmetic_brackets import expressions

SIGNS = "+-()x="


class SolveEquation(ChomskyTask):
    """Which number below five stands for x in an equation of sums and differences in brackets, modulo five.

        ( ( 2 + x ) - ( - 3 ) ) = 1 _  ->  1

    An expression as in `modular_arithmetic_brackets`, but without times, is drawn; one of its numbers becomes x, and
    its result follows. So there is one solution. x replaces the number at a place that is drawn uniformly, or the next
    one after it. After n symbols an empty token asks (``seq_len`` n + 1).

    Numbers are uniform, and so is the solution: a network without memory guesses.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code. There
    strings of fewer than three symbols are all zeros, and left out here.
    """

    name = "solve_equation"
    claim = "An LSTM solves equations at which a plain RNN guesses."
    sweep = {"cell": "rnn,lstm", "seq_len": "8", **TRAINING}
    level = "context-free"
    shortest = 3

    modulus: int = Field(5, ge=2, le=10, description="numbers are below it, and sums are taken modulo it, 2 to 10")

    @property
    def symbols(self) -> Sequence[str]:
        return DIGITS[: self.modulus] + SIGNS

    @property
    def answer_symbols(self) -> Sequence[str]:
        return DIGITS[: self.modulus]

    def strings(self, rng: np.random.Generator, batch_size: int, length: int) -> Strings:
        drawn, values = expressions(rng, batch_size, length - 2, self.modulus, operators=2)
        # Brackets come one place later in the signs of expressions, behind times.
        drawn = np.where(drawn > self.modulus + 1, drawn - 1, drawn)
        rows = np.arange(batch_size)
        place = rng.integers(length - 2, size=batch_size)
        steps = (np.arange(length - 2) - place[:, None]) % (length - 2)
        place = np.where(drawn < self.modulus, steps, length).argmin(axis=1)
        solution = drawn[rows, place]
        drawn[rows, place] = self.modulus + SIGNS.index("x")
        equals = np.full(batch_size, self.modulus + SIGNS.index("="))
        return Strings(np.column_stack([drawn, equals, values]), solution[:, None], cue=place[:, None] + 1)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_guesses(tables, able="cell == 'lstm'", unable="cell == 'rnn'")
