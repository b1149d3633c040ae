"""Whether what an answer calls done is known to be done: by what tools returned, and by what was said before.

An answer claims by the words of its language, in a statement that nothing denies, asks or leaves open: "I have refunded
order 10003", not "it will be refunded", "unused orders are refunded within 30 days" or "shall I refund it?".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from backdesk.quality.check import Check, found_words, quoted, spans_of
from backdesk.quality.draft import Draft, sentences_of
from backdesk.quality.language import language_of
from backdesk.quality.legal import DENIALS
from backdesk.quality.notation import plain
from backdesk.quality.phrases import matters_of
from backdesk.quality.references import names, references_in
from backdesk.quality.vocabulary import Completion, Vocabulary, vocabularies, vocabulary_of
from backdesk.quality.withdrawal import is_of_a_request

#: What a tool has done whose result no words are known of, and any matter that leaves no trace in records.
ANY, UNRECORDED = "*", "-"
#: Of what is cancelled; and of a request that is, so that it is not made.
_CANCELLED, _WITHDRAWN = "cancellation", "withdrawal"
#: What sounds like such a thing and is none: "you have moved the router".
_OTHER = "other"
#: Where a statement ends, but not before what it says is so ("ich sehe nicht, dass es erstattet wurde"); and what joins
#: it to another.
_STOP = r"[;:!\u2013\u3001\u3002\u060c\u061b\n]|,(?!\d|\s*(?:dass|daß|что|що|że|ki)\b)|\s-\s"
_JOIN = r"\b(?:and|but|und|aber|et|mais|y|pero|e|ma|mas|en|maar|och|men|но|и)\b"
_STATEMENT, _CLAUSE = re.compile(_STOP, re.IGNORECASE), re.compile(f"{_STOP}|{_JOIN}", re.IGNORECASE)
_ASKED = re.compile(r"[?\u037e\uff1f\u061f][\"')\]]*\Z")
#: "0.00 EUR were refunded" is the opposite.
_ZERO = re.compile(r"(?<![\d.,])0(?:[.,]0+)?(?![\d.,])")
#: The fields of records that say how it stands with something, and those in which tools speak in sentences.
_STATES = frozenset({"status", "state", "type", "kind", "change"})
_SENTENCES = frozenset({"refused", "message", "summary"})


class Claim(NamedTuple):
    """That something is done: what, and the sentence or record that says so."""

    matter: str
    text: str

    def follows_from(self, known: Claim) -> bool:
        """Whether it says what is known, of one of the numbers that it names."""
        matter = self.matter if self.matter in _recorded_by() else UNRECORDED
        return known.matter in {self.matter, matter, ANY} and names(known.text, references_in(self.text))


def is_asked(sentence: str) -> bool:
    """Whether a sentence is a question."""
    return bool(_ASKED.search(sentence))


def spoken(language: str | None) -> Iterable[Vocabulary]:
    """Return the words of a language and those of English; of all where it is not known."""
    return [vocabulary_of(language), vocabulary_of("en")] if language else vocabularies().values()


def claims_in(text: str, language: str | None) -> list[Claim]:
    """Return what a text says is done, in its language, where that is known, or in English."""
    sentences = sentences_of(plain(text))
    found = (
        Claim(matter, each) for words in spoken(language) for each in sentences for matter in _claimed(each, words)
    )
    return list(dict.fromkeys(found))


class Clause(NamedTuple):
    """A statement in a sentence: what is said until its end, it with those that "and" joins to it, and what follows."""

    text: str
    said: str
    joined: str
    follows: str

    def leads(self, words: tuple[str, ...]) -> bool:
        """Whether it is a condition without a word for that, by how it begins: "Ist das Kabel verlegt, ..."."""
        before = self.said[: -len(self.text)].rstrip()
        begins = spans_of(words, self.text.lstrip())[:1]
        return before[-1:] in {"", ";", ":"} and self.follows.startswith(",") and any(not at for at, _ in begins)


def clauses_of(sentence: str) -> Iterator[Clause]:
    """Yield the statements of a sentence that are more than a mark."""
    begin = 0
    for end, after in [*(each.span() for each in _CLAUSE.finditer(sentence)), (len(sentence), len(sentence))]:
        said, follows = sentence[:end], sentence[end:]
        if begin < end:
            joined = _STATEMENT.split(said)[-1] + _STATEMENT.split(follows)[0]
            yield Clause(sentence[begin:end], said, joined, follows)
        begin = after


@dataclass(frozen=True, slots=True)
class KnownCompletion(Check):
    """The answer calls nothing done of which no record says so.

    `done` is what the tools have returned that do such things; `told` what others returned, and what was said before;
    `declined` what was proposed and the customer did not want: all are read only for an answer that calls something
    done. A statement that names numbers needs a record with one of them.
    """

    done: Iterable[str] = ()
    told: Iterable[str] = ()
    declined: Iterable[str] = ()
    name = "known_completion"
    layer = "factual"

    def fault(self, draft: Draft) -> str | None:
        claimed = claims_in(draft.text, draft.language)
        known = [*self._known()] if claimed else []
        wrong = dict.fromkeys(each.text for each in claimed if not any(map(each.follows_from, known)))
        if not wrong:
            return None
        return f"No tool has done that. Say what is so, and of nothing that it is done: {quoted([*wrong])}."

    def _known(self) -> Iterator[Claim]:
        for text in self.told:
            yield from _records(text)
        for text in self.done:
            recorded = [*_records(text)]
            yield from [*recorded, Claim(UNRECORDED if recorded else ANY, text)]
        yield from (Claim(_WITHDRAWN, text) for text in self.declined)


def _claimed(sentence: str, words: Vocabulary) -> Iterator[str]:
    """Yield what a sentence says is done, by the words of one language."""
    completion = words.completion
    if not completion.claims or is_asked(sentence):
        return
    for clause in clauses_of(sentence):
        # As a rule: to look for all phrases takes ten times as long.
        if not found_words(completion.claimed, clause.text):
            continue
        if clause.leads(completion.leads) or found_words(completion.conditions, clause.said):
            continue
        if not _is_open(clause.text, words):
            yield from _matters(clause, sentence, completion)


def _matters(clause: Clause, sentence: str, completion: Completion) -> Iterator[str]:
    withdrawn = is_of_a_request(clause.text, sentence, completion.declined)
    for matter in matters_of(clause.text, clause.joined, completion.claims, completion.instead):
        if matter != _OTHER:
            yield _WITHDRAWN if matter == _CANCELLED and withdrawn else matter


def _is_open(clause: str, words: Vocabulary) -> bool:
    completion = words.completion
    found = found_words((*completion.affirms, *completion.open, *words.denials, *DENIALS), clause)
    return bool(_ZERO.search(clause) or {*found} - {each.lower() for each in completion.affirms})


def _records(text: str) -> Iterator[Claim]:
    """Yield what a text, or the objects of JSON in it, say is done."""
    data = _data(text)
    if data is None:
        yield from claims_in(text, language_of(text))
        return
    for each in _objects(data, {}):
        shown = json.dumps(each, ensure_ascii=False)
        yield from (Claim(matter, shown) for matter in _recorded(each))


def _data(text: str) -> Any:
    try:
        data = json.loads(text)
    except ValueError:
        return None
    return data if isinstance(data, dict | list) else None


def _objects(data: Any, around: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the objects in a value, each with the plain fields of those around it."""
    if isinstance(data, dict):
        yield around | data
        around = around | {name: each for name, each in data.items() if not isinstance(each, dict | list)}
    for each in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from _objects(each, around)


def _recorded(record: dict[str, Any]) -> Iterator[str]:
    """Yield what an object says is done: by a field that is set, by how it stands, or in a sentence."""
    marks = {name for name, value in record.items() if value}
    marks |= {str(value).lower() for name, value in record.items() if name in _STATES}
    for matter, by in _recorded_by().items():
        if marks & {*by}:
            yield matter
    for name in _SENTENCES & record.keys():
        yield from (each.matter for each in claims_in(str(record[name]), language_of(str(record[name]))))


def _recorded_by() -> dict[str, tuple[str, ...]]:
    """Return the fields and states of records by matters; tools speak English."""
    return vocabulary_of("en").completion.records
