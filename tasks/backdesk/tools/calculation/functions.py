"""The functions that an expression may call, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from backdesk.tools.calculation.errors import NotCalculable
from backdesk.tools.calculation.values import bounded, root_power, whole

#: Of numbers alone: what each needs, and what it does.
Function = Callable[..., Fraction]
MOST_PLACES = 100


def _sqrt(x: Fraction) -> Fraction:
    if x < 0:
        raise NotCalculable("a negative number has no square root")
    roots = math.isqrt(x.numerator), math.isqrt(x.denominator)
    exact = Fraction(*roots)
    return exact if exact * exact == x else root_power(x, Fraction(1, 2))


def _round(x: Fraction, places: Fraction = Fraction(0)) -> Fraction:
    digits = whole(places, "the number of places")
    if abs(digits) > MOST_PLACES:
        raise NotCalculable(f"a number is rounded to at most {MOST_PLACES} places")
    unit = Fraction(10) ** -digits
    nearest = math.floor(abs(x) / unit + Fraction(1, 2)) * unit
    return nearest if x >= 0 else -nearest


def _by_float(function: Callable[[float], float]) -> Function:
    def called(x: Fraction) -> Fraction:
        try:
            return bounded(Fraction(function(float(x))))
        except (ValueError, OverflowError):
            raise NotCalculable(f"{function.__name__} has no value there, or one that is too large") from None

    return called


def is_exact(name: str, values: Sequence[Fraction], result: Fraction) -> bool:
    """Whether a function has returned its value itself, and not the nearest one that floating point knows."""
    match name:
        case "sqrt":
            return result * result == values[0]
        case "log":
            return result.denominator == 1 and Fraction(10) ** int(result) == values[0]
        case "ln" | "exp" | "sin" | "cos" | "tan":
            return values[0] in (0, 1) and result.denominator == 1
    return True


def _mean(*values: Fraction) -> Fraction:
    return bounded(sum(values, Fraction(0)) / len(values))


FUNCTIONS: dict[str, tuple[int, int, Function]] = {
    "sqrt": (1, 1, _sqrt),
    "abs": (1, 1, abs),
    "round": (1, 2, _round),
    "floor": (1, 1, lambda x: Fraction(math.floor(x))),
    "ceil": (1, 1, lambda x: Fraction(math.ceil(x))),
    "min": (1, 100, lambda *values: min(values)),
    "max": (1, 100, lambda *values: max(values)),
    "sum": (1, 100, lambda *values: bounded(sum(values, Fraction(0)))),
    "mean": (1, 100, _mean),
    "average": (1, 100, _mean),
    "ln": (1, 1, _by_float(math.log)),
    "log": (1, 1, _by_float(math.log10)),
    "exp": (1, 1, _by_float(math.exp)),
    "sin": (1, 1, _by_float(math.sin)),
    "cos": (1, 1, _by_float(math.cos)),
    "tan": (1, 1, _by_float(math.tan)),
}
