"""The words of an expression: numbers, dates, names and signs, with the place of each."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backdesk.tools.calculation.errors import NotCalculable

#: In characters. What people and models calculate in one line is shorter.
MOST_CHARACTERS = 500
MOST_DIGITS = 100
MOST_WORDS = 200

#: What is written in several ways, and is one sign here.
_SIGNS = {
    "\N{MULTIPLICATION SIGN}": "*",
    "\N{MIDDLE DOT}": "*",
    "\N{DOT OPERATOR}": "*",
    "\N{DIVISION SIGN}": "/",
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "^": "**",
    "\N{SUPERSCRIPT TWO}": "**2",
    "\N{SUPERSCRIPT THREE}": "**3",
    "\N{VULGAR FRACTION ONE HALF}": "0.5",
}
_WORKING_DAYS = re.compile(r"\b(?:working|business)[ -]?days?\b|\bworkdays?\b", re.IGNORECASE)
_WORD = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2}(?![\d-]))"
    r"|(?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3}(?![\w.]))?)"
    r"|(?P<name>[^\W\d_]+|°[CF]?|[$€£¥₹])"
    r"|(?P<sign>\*\*|//|[-+*/%(),])"
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of an expression; `kind` is `date`, `number`, `name`, `sign` or `end`."""

    kind: str
    text: str
    at: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f"{self.text!r} (character {self.at + 1})"


def words_of(expression: str) -> list[Word]:
    """Return the words of an expression, the last of which is its end. Raises NotCalculable."""
    text = expression.strip().rstrip("=?").rstrip()
    if len(text) > MOST_CHARACTERS:
        raise NotCalculable(f"an expression has at most {MOST_CHARACTERS} characters, not {len(text)}")
    for written, meant in _SIGNS.items():
        text = text.replace(written, meant)
    text = _WORKING_DAYS.sub("workday", text)
    words, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _WORD.match(text, at)
        if found is None:
            raise NotCalculable(f"{text[at]!r} (character {at + 1}) is not understood")
        words.append(Word(str(found.lastgroup), found.group(), at))
        at = found.end()
    if not words:
        raise NotCalculable("there is nothing to calculate")
    if len(words) > MOST_WORDS:
        raise NotCalculable(f"an expression has at most {MOST_WORDS} numbers, names and signs, not {len(words)}")
    if long := next((word for word in words if word.kind == "number" and len(word.text) > MOST_DIGITS), None):
        raise NotCalculable(f"the number at character {long.at + 1} has more than {MOST_DIGITS} digits")
    return [*words, Word("end", "", len(text))]
