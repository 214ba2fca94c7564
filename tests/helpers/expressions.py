"""What an arithmetic expression comes to, in whole numbers of any size, by recursive descent."""

from __future__ import annotations


def value_of(text: str) -> int:
    """The value of an expression of one-digit numbers, ``+ - *``, minus signs in front and brackets."""
    value, rest = _sum(text)
    assert not rest, f"{text}: {rest} is left over"
    return value


def _sum(text: str) -> tuple[int, str]:
    value, rest = _product(text)
    while rest and rest[0] in "+-":
        sign = 1 if rest[0] == "+" else -1
        other, rest = _product(rest[1:])
        value += sign * other
    return value, rest


def _product(text: str) -> tuple[int, str]:
    value, rest = _factor(text)
    while rest.startswith("*"):
        other, rest = _factor(rest[1:])
        value *= other
    return value, rest


def _factor(text: str) -> tuple[int, str]:
    if text[0] == "-":
        value, rest = _factor(text[1:])
        return -value, rest
    if text[0] == "(":
        value, rest = _sum(text[1:])
        assert rest[0] == ")"
        return value, rest[1:]
    return int(text[0]), text[1:]
