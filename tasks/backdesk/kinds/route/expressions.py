"""What in a message can be calculated: its longest part that is an expression, whatever words stand around it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from backdesk.tools.calculation.errors import NotCalculable
from backdesk.tools.calculation.tool import calculation

#: More words than that are a text with numbers in it. Each part of them is tried.
MOST_WORDS = 40
MOST_PART = 16
#: Signs in the words of several languages, where they stand between numbers.
_BETWEEN = (
    (r"multiplied by|times|mal|fois|por|per|vezes|keer|razy|умножить на|çarp\w+|x", "*"),
    (r"divided by|over|geteilt durch|divisé par|dividido (?:entre|por)|diviso(?: per)?|gedeeld door|podzielić przez|"
     r"разделить на|bölü", "/"),
    (r"plus|più|mais|más|плюс|art\w|und", "+"),
    (r"minus|moins|menos|meno|min|минус|eksi", "-"),
)  # fmt: skip
_PERCENT = r"(?:percent|per ?cent|prozent|pour ?cent|por ciento|per cento|por cento|procent|процент\w*|%)"
_OF = r"(?:of|von|de|di|van|z|от|out of)"
_INTO = r"(?:in|to|into|nach|en|auf|na|в|w)"
_UNITS = {
    "kilometers?|kilometres?|kilometer|kilomètres?|kilómetros?|chilometri|километр\\w*": "km",
    "meilen|milles|millas|miglia|милях": "miles",
    "fuß": "ft",
    "pfund": "pounds",
    "stunden?|heures?|horas": "hours",
    "minuten|minutos|minuti": "minutes",
    "grad celsius|degrees celsius": "°C", "grad fahrenheit|degrees fahrenheit": "°F",
}  # fmt: skip
_TROUBLE = re.compile(r"[?!;:\"„“”«»]|(?<=\d)[.](?=\s|$)|,(?=\s|$)|=")
_WORKS = re.compile(
    r"[-+*/^%\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}]|\b(?:in|to|of|between|until|since|weekday|sqrt|mod)\b"
)
_ROOT = re.compile(
    r"(?:square root of|quadratwurzel (?:aus|von)|wurzel (?:aus|von)|racine carrée de|raíz cuadrada de|"
    r"radice quadrata di|raiz quadrada de|wortel van)\s*([\d.]+)"
)


@lru_cache(maxsize=256)
def expression_in(message: str, today: date) -> str | None:
    """Return the longest part of a message that can be calculated, in the words of the calculator; None for none."""
    text = _plain(message)
    words = text.split()
    if len(words) > MOST_WORDS or not re.search(r"\d", text):
        return None
    return next((part for part in _parts(words) if _comes_to_something(part, today)), None)


def is_only(expression: str, message: str) -> bool:
    """Whether a message says nothing but an expression."""
    return _plain(message).split() == expression.split()


def _plain(message: str) -> str:
    text = _TROUBLE.sub(" ", message.lower())
    # Units and currencies are known by their case.
    text = re.sub(r"\b(eur|usd|gbp|jpy|chf|pln|sek|czk|inr|try)\b", lambda found: found.group().upper(), text)
    text = re.sub(r"(\d),(\d{1,2})(?!\d)", r"\1.\2", text)
    text = re.sub(r"(\d),(\d{3})(?!\d)", r"\1\2", text)
    for written, unit in _UNITS.items():
        text = re.sub(rf"\b(?:{written})\b", unit, text)
    text = re.sub(rf"(\d)\s*{_PERCENT}\s+{_OF}\s+", r"\1% of ", text)
    text = _ROOT.sub(r"sqrt(\1)", text)
    for words, sign in _BETWEEN:
        text = re.sub(rf"(?<=[\w)%°])\s+(?:{words})\s+(?=[\d(])", f" {sign} ", text)
    text = re.sub(rf"(?<=[a-z°\d])\s+{_INTO}\s+(?=[a-z°])", " in ", text)
    text = re.sub(r"°([cf])\b", lambda found: found.group().upper(), text)
    return re.sub(r"\b(?:degrees|grad) (?=in)", "° ", text)


def _parts(words: list[str]) -> Iterator[str]:
    for length in range(min(len(words), MOST_PART), 0, -1):
        for start in range(len(words) - length + 1):
            part = " ".join(words[start : start + length])
            if re.search(r"\d", part) and _WORKS.search(part):
                yield part


def _comes_to_something(part: str, today: date) -> bool:
    if re.fullmatch(r"[-+]?[\d.]+%?|\d{4}-\d\d-\d\d", part.strip()):
        return False
    try:
        calculation(part, today)
    except NotCalculable:
        return False
    return True
