"""What a message says to a proposal, by its words alone: for the offline model, and where no model could judge.

Strict: a yes is a message that has nothing in it but words of assent and courtesy, in any of the languages of
`assent.toml`. A no is one that begins with a no. Whatever else there is in a message changes nothing. Pure.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path

from backdesk.agents.proposals.verdict import Verdict

#: What its file says of them; phrases of the languages that write without spaces are lists of their own.
_WORDS: dict[str, str] = tomllib.loads(Path(__file__).with_name("assent.toml").read_text("utf-8"))
#: A question mark stays, in all scripts: no yes has one.
_MARKS = re.compile(r"[^\w\s?\u061f'-]+")


def verdict_of(message: str) -> Verdict:
    """Return what a message says by its words: confirm, decline or other."""
    text = _plain(message)
    yes, no = _longest(_any_of("yes"), text), _longest(_any_of("no"), text)
    if no and len(no) > len(yes):
        return Verdict.DECLINE
    return Verdict.CONFIRM if _is_assent(text) else Verdict.OTHER


def _is_assent(text: str) -> bool:
    yes, courtesy = _any_of("yes"), _any_of("courtesy")
    agreed = False
    while text:
        found, polite = _longest(yes, text), _longest(courtesy, text)
        if not found and not polite:
            return False
        agreed = agreed or bool(found)
        text = text[max(len(found), len(polite)) :].lstrip()
    return agreed


def _plain(message: str) -> str:
    text = unicodedata.normalize("NFKC", message).casefold().replace("\u2019", "'").replace("\u0307", "")
    return " ".join(_MARKS.sub(" ", text).split())


def _longest(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.match(text)
    return found[0] if found else ""


@cache
def _any_of(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{_either(name)})(?![\w'-])|(?:{_either(f'{name}_joined')})")


def _either(name: str) -> str:
    each = {_plain(phrase) for phrase in _WORDS[name].replace("\n", " ").split(",")} - {""}
    return "|".join(re.escape(phrase) for phrase in sorted(each, key=len, reverse=True))
