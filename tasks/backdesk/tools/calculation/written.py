"""Results as people read them, and whether what is written is exact."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from backdesk.tools.calculation import dates, units
from backdesk.tools.calculation.currencies import places_of
from backdesk.tools.calculation.values import Money, Percent, Value, WorkingDays

#: Up to so many digits a number is written as it is; one that has more is rounded to SIGNIFICANT.
MOST_EXACT = 40
SIGNIFICANT = 12
#: Of what was calculated by functions of floating point: more of its digits say nothing.
_BROAD = Context(prec=1_300)


def written(value: Value, exact: bool) -> tuple[str, bool]:
    """Return a result in words, and whether that is exact; one that is not `exact` itself has its first digits."""
    if isinstance(value, str):
        return value, True
    if isinstance(value, date):
        return f"{value.isoformat()} ({dates.weekday_of(value)})", True
    if isinstance(value, Money):
        text, whole = _money(value)
        return text, exact and whole
    return _counted(value, exact)


def _counted(value: Value, exact: bool) -> tuple[str, bool]:
    match value:
        case Fraction():
            return number(value, exact)
        case Percent():
            text, exact = number(value.value, exact)
            return f"{text} %", exact
        case WorkingDays():
            text, exact = number(value.count, exact)
            return f"{text} working days", exact
    text, exact = number(value.magnitude, exact)
    return units.measured(value.magnitude, text, value.units), exact


def number(value: Fraction, exact: bool) -> tuple[str, bool]:
    """Write a number by its decimal digits: all of them where they end soon, and they are exact."""
    if not exact:
        return _near(value), False
    if value.denominator == 1:
        text = str(value.numerator)
        return (
            (text, True) if len(text) <= MOST_EXACT else (f"{_decimal(value, SIGNIFICANT):.{SIGNIFICANT - 1}E}", False)
        )
    digits = _decimal(value, MOST_EXACT)
    if Fraction(digits) == value and len(digits.as_tuple().digits) <= 2 * SIGNIFICANT:
        return f"{digits.normalize():f}", True
    return _near(value), False


def _near(value: Fraction) -> str:
    near = _decimal(value, SIGNIFICANT).normalize()
    return f"{near:f}" if -8 < near.adjusted() < MOST_EXACT else str(near)


def _decimal(value: Fraction, digits: int) -> Decimal:
    return Context(prec=digits).divide(Decimal(value.numerator), Decimal(value.denominator))


def _money(value: Money) -> tuple[str, bool]:
    places = places_of(value.currency)
    unit = Decimal(1).scaleb(-places)
    rounded = _BROAD.divide(Decimal(value.amount.numerator), Decimal(value.amount.denominator))
    amount = rounded.quantize(unit, rounding=ROUND_HALF_UP, context=_BROAD)
    return f"{amount:f} {value.currency}", Fraction(amount) == value.amount
