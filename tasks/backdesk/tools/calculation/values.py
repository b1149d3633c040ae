"""What an expression calculates with besides units and dates, and how large a number may grow."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from backdesk.tools.calculation.errors import NotCalculable

#: Of the parts of a fraction. Some 1,200 digits.
MOST_BITS = 4_096
#: Of the parts of a broken exponent: with more it is not worth while to find out whether a root is exact.
MOST_PROVEN = 12


@dataclass(frozen=True, slots=True)
class Percent:
    """So many hundredths, of what stands beside it."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Money:
    """An amount, not rounded until it is written."""

    amount: Fraction
    currency: str


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """A number of days from Monday to Friday."""

    count: Fraction


#: A number (Fraction), one of the above, a date, a weekday (str), or a quantity of pint, whose type is not known before
#: that is loaded.
Value: TypeAlias = Any


def bounded(number: Fraction) -> Fraction:
    """Return a number that is small enough to go on with. Raises NotCalculable."""
    if max(number.numerator.bit_length(), number.denominator.bit_length()) > MOST_BITS:
        raise NotCalculable("a number on the way to the result is too large, or has too many digits")
    return number


def power(base: Fraction, exponent: Fraction) -> Fraction:
    """Return a power, exact for whole exponents; of a number that would be too large nothing is calculated."""
    if exponent.denominator != 1:
        return root_power(base, exponent)
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(exponent) * max(1, bits - 1) > MOST_BITS and abs(base) not in (0, 1):
        raise NotCalculable(f"a power with the exponent {shown(exponent)} is too large here")
    if base == 0 and exponent < 0:
        raise NotCalculable("this divides by zero")
    if abs(base) in (0, 1):  # whatever the exponent is, it need not be counted up to
        return Fraction(1) if exponent == 0 else base if exponent % 2 else abs(base)
    return bounded(base ** int(exponent))


def root_power(base: Fraction, exponent: Fraction) -> Fraction:
    """Return a power with a broken exponent, to some 15 digits. Raises NotCalculable."""
    if base < 0:
        raise NotCalculable("a negative number has no such power")
    try:
        return bounded(Fraction(float(base) ** float(exponent)))
    except (OverflowError, ZeroDivisionError):
        raise NotCalculable("a power is too large here") from None


def is_power(result: Fraction, base: Fraction, exponent: Fraction) -> bool:
    """Whether a power is the result itself, and not near to it; one whose exponent has many digits counts as near."""
    above, below = exponent.numerator, exponent.denominator
    return below == 1 or (max(abs(above), below) <= MOST_PROVEN and result**below == base**above)


def divided(one: Fraction, other: Fraction) -> Fraction:
    """Return a quotient. Raises NotCalculable."""
    if other == 0:
        raise NotCalculable("this divides by zero")
    return bounded(one / other)


def whole(value: Fraction, what: str) -> int:
    """Return a whole number. Raises NotCalculable, which names what should be one."""
    if value.denominator != 1:
        raise NotCalculable(f"{what} must be a whole number, not {shown(value)}")
    return int(value)


def shown(number: Fraction) -> str:
    """Write a number for a message: exactly if that is short."""
    return str(number) if number.denominator == 1 and number.numerator.bit_length() < 200 else f"{_near(number):.12g}"


def _near(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
