"""Units of measure, by pint. Only single names are ever given to it: its own parser of expressions has no bounds."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from threading import Lock
from typing import Any

from backdesk.tools.calculation.errors import NotCalculable
from backdesk.tools.calculation.values import bounded

MOST_POWER = 12
MISSING = 'units of measure need the library pint: pip install "backdesk[tools]"'
#: Signs, and what people write in place of pint's names.
_ALIASES = {
    "°C": "degC", "°F": "degF", "°": "degree", "celsius": "degC", "fahrenheit": "degF", "C": "degC", "F": "degF",
    "kmh": "kph", "sec": "second", "secs": "second", "mins": "minute", "hr": "hour", "hrs": "hour", "ltr": "liter",
    "lbs": "pound", "h": "hour", "d": "day", "wk": "week",
}  # fmt: skip
_NAME = re.compile(r"[^\W\d_]{1,30}")
#: What is written by its name.
_SPANS = ("day", "week", "month", "year")
#: Constants of nature and of numbers that pint has among its units, and single letters that mean something else.
_NO_UNITS = {"e", "pi", "x", "i"}


#: Quantities of two registries do not go together.
_loading = Lock()


def registry() -> Any:
    """Return the units, with exact numbers. Loads the library: half a second. Raises NotCalculable without it."""
    with _loading:
        return _registry()


@cache
def _registry() -> Any:
    try:
        import pint  # noqa: PLC0415 - costly, and only needed where a unit is written
    except ImportError:
        raise NotCalculable(MISSING) from None
    return pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)


def unit_named(name: str) -> Any | None:
    """Return the unit of a name, singular or plural; None when there is none."""
    if name == "sqm":
        return registry().meter ** 2
    meant = _ALIASES.get(name) or _ALIASES.get(name.lower(), name)
    if not _NAME.fullmatch(meant) or meant in _NO_UNITS:
        return None
    for spelling in dict.fromkeys((meant, meant.lower())):
        if registry().parse_unit_name(spelling):
            return _linear(spelling)
    return None


def _linear(name: str) -> Any | None:
    """Return a unit, None for one of a logarithmic scale: pint has no exact numbers on these, and fails over them."""
    try:
        unit = registry().Unit(name)
    except _errors():  # as for thousandths of a scale that has no parts
        return None
    return None if any(registry()._units[each].is_logarithmic for each in unit._units) else unit  # noqa: SLF001 - there is no public way


def is_quantity(value: Any) -> bool:
    """Whether a value has a unit of measure."""
    return _registry.cache_info().currsize > 0 and isinstance(value, registry().Quantity)


def measured(number: Fraction, text: str, unit: Any) -> str:
    """Write a number with its unit; days and longer spans by their names."""
    name = next((each for each in _SPANS if unit == registry().Unit(each)), None)
    if name is not None:
        return f"{text} {name}" if number == 1 else f"{text} {name}s"
    return f"{text} {written(unit)}"


def quantity(number: Fraction, unit: Any) -> Any:
    """Return so many of a unit; of temperatures a point of the scale."""
    return registry().Quantity(number, unit)


def checked(value: Any) -> Any:
    """Return a quantity that may go on; one without a unit left is a number. Raises NotCalculable."""
    if any(abs(power) > MOST_POWER for power in value.dimensionality.values()):
        raise NotCalculable(f"a unit is raised to more than its {MOST_POWER}th power")
    try:
        number, plain = Fraction(value.magnitude), value.unitless
    except _errors() as error:  # as of the square of a point of a scale
        raise NotCalculable(told(error)) from None
    return bounded(number) if plain else registry().Quantity(bounded(number), value.units)


def converted(value: Any, unit: Any) -> Any:
    """Return a quantity in another unit. Raises NotCalculable for one that measures something else."""
    try:
        return checked(value.to(unit))
    except _errors() as error:
        raise NotCalculable(told(error)) from None


def done(call: Any, *values: Any) -> Any:
    """Return what an operation on quantities comes to. Raises NotCalculable."""
    try:
        result = call(*values)
    except _errors() as error:
        raise NotCalculable(told(error)) from None
    return checked(result) if is_quantity(result) else result


def told(error: Exception) -> str:
    """Say what is wrong, in one line."""
    if isinstance(error, ZeroDivisionError):
        return "this divides by zero"
    if type(error).__name__ == "OffsetUnitCalculusError":
        return "points of a temperature scale cannot be added or multiplied: convert them to kelvin first"
    if type(error).__name__ == "DimensionalityError":
        one, other = (_told(getattr(error, name)) for name in ("units1", "units2"))
        return f"{one} and {other} measure different things"
    return "these units do not go together"


@cache
def _errors() -> tuple[type[Exception], ...]:
    import pint  # noqa: PLC0415 - there already when a quantity is

    return (pint.errors.PintError, ZeroDivisionError, OverflowError, TypeError, ValueError)


def written(unit: Any) -> str:
    """Write a unit by its signs: km/h, m²."""
    powers = [(_sign(name), Fraction(power)) for name, power in registry().Unit(unit)._units.items()]  # noqa: SLF001 - pint's own way to write them cannot write exact powers
    above = "·".join(f"{sign}{_raised(power)}" for sign, power in powers if power > 0)
    below = "".join(f"/{sign}{_raised(-power)}" for sign, power in powers if power < 0)
    return f"{above or 1}{below}"


def _told(unit: Any) -> str:
    return unit if isinstance(unit, str) else written(unit)


def _sign(name: str) -> str:
    return str(registry().get_symbol(name)).replace("Δ", "")


def _raised(power: Fraction) -> str:
    return {Fraction(1): "", Fraction(2): "²", Fraction(3): "³"}.get(power, f"^{power}")
