"""What answers disagree on, as far as code can tell: yes or no, and values of the same sort."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date

from backdesk.kinds.collaborate.contract import Disagreement
from backdesk.quality.facts import Fact, facts_of
from backdesk.quality.values import is_date

_YES = re.compile(r"\W*(?:yes|yep|ja|oui|sí|sì|sim|tak|да|evet|はい|是的?|네)\b", re.IGNORECASE)
_NO = re.compile(r"\W*(?:no|nein|non|não|nee|nie|нет|hay[^\W\d_]r|いいえ|不|아니요)\b", re.IGNORECASE)


def differences(answers: Mapping[str, str], today: date) -> list[Disagreement]:
    """Return what the answers of experts, by name, say differently; of what one alone speaks, nobody disagrees."""
    sorts: defaultdict[str, dict[str, dict[str, frozenset[str]]]] = defaultdict(dict)
    for name, answer in answers.items():
        for about, shown, forms in _claims(answer, today):
            sorts[about].setdefault(name, {})[shown] = forms
    return [
        Disagreement(about=about, said={name: [*values] for name, values in said.items()})
        for about, said in sorts.items()
        if _differ([frozenset().union(*values.values()) for values in said.values()])
    ]


def _differ(said: list[frozenset[str]]) -> bool:
    # What all of them name, as a limit that the question sets, is none of their findings.
    common = frozenset.intersection(*said)
    own = [each - common for each in said if each - common]
    return any(not one & other for at, one in enumerate(own) for other in own[at + 1 :])


def _claims(answer: str, today: date) -> Iterator[tuple[str, str, frozenset[str]]]:
    for word, pattern in (("yes", _YES), ("no", _NO)):
        if pattern.match(answer):
            yield "yes or no", word, frozenset({word})
    for fact in facts_of(answer, today=today):
        if (about := _sort(fact)) is not None:
            yield about, fact.shown, fact.forms


def _sort(fact: Fact) -> str | None:
    """Return of what sort a fact is; None for ids and what else is not compared."""
    if fact.currencies:
        return "/".join(sorted(fact.currencies))
    if "%" in fact.shown:
        return "percent"
    if any(is_date(form) for form in fact.forms):
        return "a date"
    for unit, name in ((" h", "time"), (" min", "time"), (" months", "months")):
        if any(form.endswith(unit) for form in fact.forms):
            return name
    return "a number" if re.fullmatch(r"[\d.,\s]+", fact.shown) else None
