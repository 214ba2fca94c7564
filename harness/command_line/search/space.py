"""What is searched: the words of Hydra's grammar as Optuna's distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import IntervalSweep, Override

from harness.base.errors import UserError, first_line

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def distribution(override: Override) -> BaseDistribution:
    """What a word of Hydra's grammar searches: an interval, a range of whole numbers, or some values.

    Raises:
        UserError: it holds no value.
    """
    from optuna import distributions

    value = override.value()
    if isinstance(value, IntervalSweep):
        whole = isinstance(value.start, int) and isinstance(value.end, int)
        kind: Any = distributions.IntDistribution if whole else distributions.FloatDistribution
        try:
            made: BaseDistribution = kind(value.start, value.end, log="log" in value.tags)
        except ValueError as error:
            raise UserError(f"{override.input_line}: {first_line(error)}") from None
        return made
    values = list(override.sweep_string_iterator())
    if not values:
        raise UserError(f"{override.input_line}: matches nothing; valid: at least one value")
    if override.is_range_sweep() and all(each.lstrip("-").isdecimal() for each in values):
        numbers = sorted(map(int, values))
        step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
        return distributions.IntDistribution(numbers[0], numbers[-1], step=step)
    return distributions.CategoricalDistribution(values)


def ends(searched: Any) -> tuple[Any, Any]:
    """The first and the last value of what is searched."""
    choices = getattr(searched, "choices", None)
    return (choices[0], choices[-1]) if choices else (searched.low, searched.high)
