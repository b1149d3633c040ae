"""How the scripts of the world write numbers and signs, brought to one form, so that facts are looked for in one."""

from __future__ import annotations

import re
import sys
import unicodedata

from backdesk.worker.text import boundaries

_SIGNS = {
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2007": " ", "\u3000": " ", "\u2019": "'", "\u02bc": "'",
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u301c": "-",
    "\u066b": ".", "\u066c": ",", "\u066a": "%", "\u200e": "", "\u200f": "", "\u00ad": "",
}  # fmt: skip
_DIGITS = {
    ord(digit): str(unicodedata.decimal(digit))
    for digit in map(chr, range(0x80, sys.maxunicode // 8))
    if digit.isdecimal()
}
_WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {0xFF0C: ", "}
#: A wide comma within a number.
_THOUSANDS = re.compile(r"(?<=\d)\uff0c(?=\d{3}(?!\d))")
_PLAIN = {**{ord(sign): plain for sign, plain in _SIGNS.items()}, **_WIDE, **_DIGITS}
#: Scripts other than Latin put no space between a number and a word.
_LETTER = r"[^\W\d_\u0000-\u024f]"
#: Scripts that write no space between words.
UNPARTED = re.compile(f"[{boundaries.UNPARTED}]")
#: Where a word begins, after the small words that Hebrew and Arabic write together with it, and where it ends.
_HEBREW, _ARABIC = "[\u05d1\u05d4\u05d5\u05db\u05dc\u05de\u05e9]", "[\u0628\u0641\u0643\u0644\u0648]"
BEFORE = (
    r"(?:(?<![^\W\d_])(?<![\u0900-\u097f])"
    rf"|(?<=\b{_HEBREW})|(?<=\b{_ARABIC})|(?<=\b\u0627\u0644)|(?<=\b{_ARABIC}\u0627\u0644))"
)
AFTER = r"(?![^\W\d_])(?![\u0900-\u097f])"
#: Letters that patterns hold for one, each with that which stands for all: the long s, the last sigma, the i of Turkish
#: without a dot and with it. What is one letter stays one.
_ALIKE = {
    ord(letter): alike
    for letter in map(chr, range(0x80, 0x2200))
    if (len(alike := letter.casefold()) == 1 or len(alike := letter.lower()) == 1) and alike != letter
} | {0x130: "i", 0x131: "i"}
_TOUCHING = re.compile(rf"(?<={_LETTER})(?=[A-Za-z]?[A-Za-z-]*\d)|(?<=\d)(?={_LETTER})")


def plain(text: str) -> str:
    """Return a text with ASCII digits and signs, and a space between numbers and letters of other scripts."""
    if text.isascii():
        return text
    text = _THOUSANDS.sub(",", unicodedata.normalize("NFC", text))
    return _TOUCHING.sub(" ", text.translate(_PLAIN))


def folded(word: str) -> str:
    """Return what is the same for all ways of writing a word that `re.IGNORECASE` holds for one."""
    return plain(word).translate(_ALIKE).lower()
