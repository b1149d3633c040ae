"""Reads an expression and calculates it, word after word; nothing of it is ever executed as code."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from backdesk.tools.calculation import dates, operations, units
from backdesk.tools.calculation.currencies import currency_named
from backdesk.tools.calculation.errors import NotCalculable
from backdesk.tools.calculation.functions import FUNCTIONS, is_exact
from backdesk.tools.calculation.tokens import Word, words_of
from backdesk.tools.calculation.values import Money, Percent, Value, WorkingDays, bounded, whole

#: How deep brackets and signs may be nested.
MOST_DEEP = 40
_INTO = ("in", "to", "as", "into")
_CONSTANTS = {"pi": Fraction(math.pi), "e": Fraction(math.e)}
_DAYS = {"today": 0, "tomorrow": 1, "yesterday": -1}
_PRODUCTS: dict[str, Callable[[Value, Value], Value]] = {
    "*": operations.multiply,
    "x": operations.multiply,
    "times": operations.multiply,
    "of": operations.multiply,
    "/": operations.divide,
    "per": operations.divide,
    "//": operations.floor_divide,
    "%": operations.modulo,
    "mod": operations.modulo,
}


def evaluate(expression: str, today: date) -> tuple[Value, bool]:
    """Return what an expression comes to, and whether no number on the way was only near. Raises NotCalculable."""
    parser = _Parser(words_of(expression), today)
    return parser.whole(), parser.exact


class _Parser:
    def __init__(self, words: list[Word], today: date) -> None:
        self._words = words
        self._today = today
        self._at = 0
        self._deep = 0
        #: Whether none of what was calculated so far is of floating point.
        self.exact = True

    def whole(self) -> Value:
        value = self._conversion()
        if self._word.kind != "end":
            raise self._unexpected()
        return value

    @property
    def _word(self) -> Word:
        return self._words[self._at]

    def _after(self, ahead: int = 1) -> Word:
        return self._words[min(self._at + ahead, len(self._words) - 1)]

    def _take(self) -> Word:
        word = self._word
        self._at += word.kind != "end"
        return word

    def _took(self, *texts: str) -> str | None:
        if self._word.kind in ("sign", "name") and self._word.text.lower() in texts:
            return self._take().text.lower()
        return None

    def _need(self, text: str) -> None:
        if self._took(text) is None:
            raise NotCalculable(f"{text!r} was expected in place of {self._word}")

    def _unexpected(self) -> NotCalculable:
        if self._word.text == ",":
            return NotCalculable(f"{self._word} is not understood: write numbers as 1234.56, with no other marks")
        if self._word.kind == "end":
            return NotCalculable("the expression ends too early")
        return NotCalculable(f"{self._word} is not understood")

    def _conversion(self) -> Value:
        self._deep += 1
        if self._deep > MOST_DEEP:
            raise NotCalculable(f"brackets and signs are nested more than {MOST_DEEP} deep")
        value = self._sum()
        while self._took(*_INTO):
            value = self._into(value)
        self._deep -= 1
        return value

    def _into(self, value: Value) -> Value:
        if self._took("%", "percent"):
            return Percent(bounded(_number(value, "what is told in percent") * 100))
        if currency := currency_named(self._word.text):
            self._take()
            return operations.add(value, Money(Fraction(0), currency))
        place, target = self._word, self._product()
        if not units.is_quantity(target):
            raise NotCalculable(f"{place} is no unit")
        if not units.is_quantity(value):
            raise NotCalculable(f"what has no unit cannot be told in {units.written(target.units)}")
        return units.converted(value, target.units)

    def _sum(self) -> Value:
        value = self._product()
        while sign := self._took("+", "-", "plus", "minus"):
            value = operations.add(value, self._product(), -1 if sign in ("-", "minus") else 1)
        return value

    def _product(self) -> Value:
        value = self._unary()
        while sign := self._took(*_PRODUCTS):
            value = _PRODUCTS[sign](value, self._unary())
        return value

    def _unary(self) -> Value:
        minus = False
        while sign := self._took("+", "-"):
            minus ^= sign == "-"
        value = self._power()
        return operations.negative(value) if minus else value

    def _power(self) -> Value:
        value = self._percentage()
        if not self._took("**"):
            return value
        self._deep += 1
        if self._deep > MOST_DEEP:
            raise NotCalculable(f"brackets and signs are nested more than {MOST_DEEP} deep")
        exponent = self._unary()
        result = operations.raised(value, exponent)
        self.exact &= operations.is_exact_power(result, value, exponent)
        self._deep -= 1
        return result

    def _percentage(self) -> Value:
        value = self._primary()
        named = self._word.text.lower() in ("percent", "pct")
        if named or (self._word.text == "%" and not self._divides()):
            self._take()
            return Percent(_number(value, "a percentage"))
        return value

    def _divides(self) -> bool:
        """Whether what follows a % is what it divides by."""
        after = self._after()
        ends = (*_INTO, *_PRODUCTS, "plus", "minus", "and")
        return (
            after.kind in ("number", "date") or after.text == "(" or (after.kind == "name" and after.text not in ends)
        )

    def _primary(self) -> Value:
        word = self._take()
        match word.kind:
            case "number":
                return self._measured(Fraction(Decimal(word.text)))
            case "date":
                return dates.read_date(word.text)
            case "name":
                return self._named(word)
            case "sign" if word.text == "(":
                value = self._conversion()
                self._need(")")
                return value
        self._at -= word.kind != "end"
        raise self._unexpected()

    def _measured(self, number: Fraction) -> Value:
        """Return a number with the unit or the currency that may follow it, as in 3 h 20 min."""
        if self._word.text == "workday":
            self._take()
            return WorkingDays(number)
        if self._word.kind == "name" and (currency := currency_named(self._word.text)):
            self._take()
            return Money(number, currency)
        if (unit := self._unit()) is None:
            return number
        value = units.checked(units.quantity(number, unit))
        while self._word.kind == "number":
            count = Fraction(Decimal(self._take().text))
            if (smaller := self._unit()) is None:
                self._at -= 1
                raise self._unexpected()
            value = operations.add(value, units.quantity(count, smaller))
        return value

    def _unit(self) -> Any | None:
        """Take the unit that comes next, with its power; None when what comes next is none."""
        word = self._word
        if word.kind != "name" or word.text.lower() in _PRODUCTS or self._converts():
            return None
        if (unit := units.unit_named(word.text)) is None:
            return None
        self._take()
        joined = self._word.kind == "number" and self._word.at == word.at + len(word.text)
        if joined or (self._word.text == "**" and self._after().kind == "number"):
            self._took("**")
            power = whole(Fraction(Decimal(self._take().text)), "the power of a unit")
            if power > units.MOST_POWER:
                raise NotCalculable(f"a unit is raised to at most its {units.MOST_POWER}th power")
            unit = unit**power
        return unit

    def _converts(self) -> bool:
        """Whether the next word asks for another unit: `in` is one of length only before a sign, an end, or another."""
        after = self._after()
        is_inch = (after.kind in ("sign", "end") and after.text != "%") or after.text in _INTO
        return self._word.text in _INTO and not (self._word.text == "in" and is_inch)

    def _named(self, word: Word) -> Value:
        name = word.text.lower()
        if name in _CONSTANTS:
            self.exact = False
            return _CONSTANTS[name]
        if (currency := currency_named(word.text)) and self._word.kind == "number":
            return Money(Fraction(Decimal(self._take().text)), currency)
        if name in FUNCTIONS and self._word.text == "(":
            return self._called(name)
        return self._dated(word) or self._bare_unit()

    def _dated(self, word: Word) -> Value | None:
        """Return what begins with a name and is about days; None for any other name."""
        if word.text.lower() in _DAYS:
            return self._today + timedelta(days=_DAYS[word.text.lower()])
        if word.text.lower() == "weekday":
            return dates.weekday_of(_day(self._sum() if self._took("of") else self._unary()))
        if self._word.text in ("between", "from", "since", "until", "till"):
            return self._span(word)
        return None

    def _bare_unit(self) -> Value:
        self._at -= 1
        if (unit := self._unit()) is None:
            raise self._unexpected()
        return units.quantity(Fraction(1), unit)

    def _span(self, unit: Word) -> Value:
        """Return the time between two days, as in: days between A and B, working days until A."""
        kind = self._take().text
        if kind in ("between", "from"):
            first = _day(self._sum())
            self._need("and" if kind == "between" else "to")
            last = _day(self._sum())
        else:
            day = _day(self._sum())
            first, last = (day, self._today) if kind == "since" else (self._today, day)
        if unit.text == "workday":
            return WorkingDays(Fraction(dates.working_days_between(first, last)))
        if (meant := units.unit_named(unit.text)) is None:
            raise NotCalculable(f"{unit} is no span of time")
        return units.converted(operations.add(last, first, -1), meant)

    def _called(self, name: str) -> Value:
        least, most, function = FUNCTIONS[name]
        self._need("(")
        values = [self._conversion()]
        while self._took(","):
            values.append(self._conversion())
        self._need(")")
        if not least <= len(values) <= most:
            raise NotCalculable(f"{name} takes {least if least == most else f'{least} to {most}'} values")
        numbers = [_number(value, f"what {name} is of") for value in values]
        result = bounded(function(*numbers))
        self.exact &= is_exact(name, numbers, result)
        return result


def _number(value: Value, what: str) -> Fraction:
    if isinstance(value, Percent):
        return bounded(value.value / 100)
    if not isinstance(value, Fraction):
        raise NotCalculable(f"{what} must be a number")
    return value


def _day(value: Value) -> date:
    if not isinstance(value, date):
        raise NotCalculable("a day was expected, as 2026-12-24")
    return value
