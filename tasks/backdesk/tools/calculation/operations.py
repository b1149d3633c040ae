"""What signs do with values of each sort; what cannot be done is said by what the values are."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Any

from backdesk.tools.calculation import dates, units
from backdesk.tools.calculation.errors import NotCalculable
from backdesk.tools.calculation.values import (
    Money,
    Percent,
    Value,
    WorkingDays,
    bounded,
    divided,
    is_power,
    power,
    whole,
)


def add(one: Value, other: Value, sign: int = 1) -> Value:
    """Return a sum, or with `sign` -1 a difference; a percentage is one of what stands before it."""
    if isinstance(other, Percent) and not isinstance(one, Percent | date | str):
        return multiply(one, bounded(1 + sign * other.value / 100))
    if isinstance(one, date):
        return _from_day(one, other, sign)
    if isinstance(other, date) and sign > 0:
        return _from_day(other, one, sign)
    return _sum(one, other, sign)


def _sum(one: Value, other: Value, sign: int) -> Value:
    match one, other:
        case Fraction(), Fraction():
            return bounded(one + sign * other)
        case Percent(), Percent():
            return Percent(bounded(one.value + sign * other.value))
        case Money(), Money():
            _same_currency(one, other)
            return Money(bounded(one.amount + sign * other.amount), one.currency)
        case WorkingDays(), WorkingDays():
            return WorkingDays(bounded(one.count + sign * other.count))
        case _ if units.is_quantity(one) and units.is_quantity(other):
            return units.done(operator.add if sign > 0 else operator.sub, one, other)
    raise _no_sum(one, other, sign)


def _from_day(day: date, other: Value, sign: int) -> Value:
    if isinstance(other, date) and sign < 0:
        return units.quantity(Fraction((day - other).days), units.registry().day)
    if isinstance(other, WorkingDays):
        return dates.plus_working_days(day, sign * other.count)
    if units.is_quantity(other):
        return _later(day, other, sign)
    raise _no_sum(day, other, sign)


def _no_sum(one: Value, other: Value, sign: int) -> NotCalculable:
    return NotCalculable(f"{_sort(other)} cannot be {'added to' if sign > 0 else 'taken from'} {_sort(one)}")


def multiply(one: Value, other: Value) -> Value:
    """Return a product; percentages are hundredths."""
    match _plain(one), _plain(other):
        case Fraction() as left, Fraction() as right:
            return bounded(left * right)
        case (Fraction() as times, Money() as money) | (Money() as money, Fraction() as times):
            return Money(bounded(money.amount * times), money.currency)
        case (Fraction() as times, WorkingDays() as days) | (WorkingDays() as days, Fraction() as times):
            return WorkingDays(bounded(days.count * times))
        case left, right if _measured(left, right):
            return units.done(operator.mul, left, right)
    raise NotCalculable(f"{_sort(one)} cannot be multiplied by {_sort(other)}")


def divide(one: Value, other: Value) -> Value:
    """Return a quotient; of two amounts of a currency it is a number."""
    match _plain(one), _plain(other):
        case Fraction() as left, Fraction() as right:
            return divided(left, right)
        case Money() as money, Fraction() as by:
            return Money(divided(money.amount, by), money.currency)
        case Money() as money, Money() as by_money:
            _same_currency(money, by_money)
            return divided(money.amount, by_money.amount)
        case left, right if _measured(left, right):
            return units.done(operator.truediv, left, right)
    raise NotCalculable(f"{_sort(one)} cannot be divided by {_sort(other)}")


def floor_divide(one: Value, other: Value) -> Value:
    """Return how many times one number goes into another as a whole."""
    return bounded(Fraction(_numbers("//", one, other, operator.floordiv)))


def modulo(one: Value, other: Value) -> Value:
    """Return the rest of that."""
    return bounded(_numbers("%", one, other, operator.mod))


def raised(base: Value, exponent: Value) -> Value:
    """Return a power; of a quantity a whole and small one."""
    by = _plain(exponent)
    if isinstance(base, Fraction) and isinstance(by, Fraction):
        return power(base, by)
    if units.is_quantity(base) and isinstance(by, Fraction):
        count = whole(by, "the power of a measure")
        if abs(count) > units.MOST_POWER:
            raise NotCalculable(f"a measure is raised to at most its {units.MOST_POWER}th power")
        power(base.magnitude, by)
        return units.done(operator.pow, base, count)
    raise NotCalculable(f"{_sort(base)} cannot be raised to {_sort(exponent)}")


def is_exact_power(result: Value, base: Value, exponent: Value) -> bool:
    """Whether what `raised` has returned is the power itself; of numbers with a broken exponent most are near it."""
    return not isinstance(base, Fraction) or is_power(result, base, _plain(exponent))


def negative(value: Value) -> Value:
    """Return a value with the other sign."""
    if isinstance(value, Percent):
        return Percent(-value.value)
    if units.is_quantity(value):
        return units.quantity(-value.magnitude, value.units)
    return multiply(Fraction(-1), value)


def _later(day: date, span: Any, sign: int) -> date:
    registry = units.registry()
    for unit, months in ((registry.month, 1), (registry.year, 12)):
        if span.units == unit:
            return dates.plus_months(day, bounded(sign * months * span.magnitude))
    return dates.plus_days(day, sign * units.converted(span, registry.day).magnitude)


def _numbers(sign: str, one: Value, other: Value, call: Callable[[Any, Any], Any]) -> Fraction:
    if not isinstance(one, Fraction) or not isinstance(other, Fraction):
        raise NotCalculable(f"{sign} is for numbers, not for {_sort(one)} and {_sort(other)}")
    if other == 0:
        raise NotCalculable("this divides by zero")
    return Fraction(call(one, other))


def _plain(value: Value) -> Value:
    return bounded(value.value / 100) if isinstance(value, Percent) else value


def _measured(one: Value, other: Value) -> bool:
    return all(isinstance(each, Fraction) or units.is_quantity(each) for each in (one, other))


def _same_currency(one: Money, other: Money) -> None:
    if one.currency != other.currency:
        raise NotCalculable(f"{one.currency} and {other.currency} are two currencies, and no exchange rate is known")


def _sort(value: Value) -> str:
    known = next((told for sort, told in _SORTS if isinstance(value, sort)), None)
    return known or f"a measure in {units.written(value.units)}"


_SORTS: tuple[tuple[type, str], ...] = (
    (Fraction, "a number"),
    (Percent, "a percentage"),
    (Money, "an amount of money"),
    (WorkingDays, "working days"),
    (date, "a date"),
    (str, "a weekday"),
)
