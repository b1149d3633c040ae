"""What an answer must not promise, and what it must say when it touches a delicate subject."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from backdesk.quality import vocabulary
from backdesk.quality.check import Check, found_words, quoted, without
from backdesk.quality.draft import Draft, sentences_of
from backdesk.quality.vocabulary import Vocabulary, vocabulary_of

PROMISES = (
    "we guarantee", "i guarantee", "guaranteed", "we promise", "i promise", "legal advice", "medical advice",
    "financial advice", "investment advice", "we are liable", "we accept liability", "admit liability", "risk-free",
    "without any risk", "100% safe", "you will win", "binding offer", "lifetime warranty", "unlimited warranty",
)  # fmt: skip
DENIALS = ("not", "no", "never", "nor", "cannot", "without", "neither", "nothing", "n't", "can't", "don't", "doesn't",
           "isn't", "aren't", "won't", "couldn't", "wouldn't")  # fmt: skip
#: Phrases of `PROMISES` that are advice, which a sentence may also deny behind them.
ADVICE = tuple(phrase for phrase in PROMISES if phrase.endswith("advice"))
#: Where one statement ends and the next begins: "No problem, we guarantee it" denies nothing.
_CLAUSE = re.compile(
    r"[,;:!?\u2013\u2014\u3001\uff0c\u3002\u060c\u061b]|(?<=\w)\.\s|\b(?:and|but|und|aber|et|mais|y|pero|e|ma|mas|en|maar|och|men|og|i|ale|a|ve|ama|и|но)\b",
    re.IGNORECASE,
)

#: Where it begins what is promised: "vi garanterar att den aldrig blinkar" denies nothing.
_CONTENT = re.compile(r"\b(?:that|dass|daß|dat|att|at)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Disclaimer:
    """What must be said when an answer touches a subject: `says` is what is looked for, `sentence` what to add."""

    subject: str
    words: tuple[str, ...]
    says: tuple[str, ...]
    sentence: str
    #: Words that do not touch it where `devices` are spoken of and no `bodies`: "the symptoms of the router".
    unsure: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()

    def without(self, harmless: tuple[str, ...]) -> Disclaimer:
        """Return it without the words that mean something else in a language."""
        words, unsure = (tuple(each for each in some if each not in harmless) for some in (self.words, self.unsure))
        return replace(self, words=words, unsure=unsure)


#: One of these, or of a language's file.
AnyDisclaimer = Disclaimer | vocabulary.Disclaimer
DISCLAIMERS = (
    Disclaimer(
        "the law",
        ("attorney", "in court", "lawsuit", "lawyer", "lawyers", "legal action", "sue", "sued"),
        ("not legal advice", "cannot give legal advice", "no legal advice"),
        "This is not legal advice.",
    ),
    Disclaimer(
        "health",
        ("dosage", "dose", "medication", "prescription"),
        ("not medical advice", "cannot give medical advice", "no medical advice", "consult a doctor", "see a doctor"),
        "This is not medical advice.",
        unsure=("diagnosis", "symptom", "symptoms"),
        devices=(
            "router",
            "modem",
            "wi-fi",
            "wifi",
            "network",
            "lamp",
            "lamps",
            "lights",
            "device",
            "cable",
            "screen",
            "display",
            "monitor",
            "battery",
            "charger",
            "printer",
            "keyboard",
            "headphones",
            "laptop",
            "computer",
        ),
        bodies=(
            "body",
            "skin",
            "pain*",
            "head",
            "headache*",
            "eye",
            "eyes",
            "allerg*",
            "rash",
            "fever",
            "flu",
            "ill",
            "sick",
            "illness*",
            "sickness*",
            "disease*",
            "health*",
            "doctor*",
            "nausea",
            "dizz*",
            "itch*",
            "infection*",
            "migraine*",
            "asthma",
            "medic*",
        ),
    ),
    Disclaimer(
        "money matters",
        ("invest", "investing", "investment", "investments", "stock market", "tax deductible", "tax return"),
        ("not financial advice", "cannot give financial advice", "no financial advice"),
        "This is not financial advice.",
    ),
)


@dataclass(frozen=True, slots=True)
class NoPromises(Check):
    """Nothing that binds the shop beyond its terms. What a statement denies ("this is not legal advice") is not one."""

    phrases: tuple[str, ...] = PROMISES
    name = "promises"
    layer = "legal"

    def fault(self, draft: Draft) -> str | None:
        own = vocabulary_of(draft.language)
        sentences = sentences_of(without(own.innocent, draft.text))
        clauses = [each for sentence in sentences for each in _CLAUSE.split(sentence) if each]
        found = [phrase for clause in clauses for phrase in _promised(clause, self.phrases, own)]
        named = list(dict.fromkeys(found))
        return f"Promise and advise nothing that the shop is bound by: leave out {quoted(named)}." if named else None


def _promised(clause: str, english: tuple[str, ...], own: Vocabulary) -> list[str]:
    """Return the promises of one statement that nothing in it denies."""
    found = [
        *((each, "around" if each in ADVICE else "before", DENIALS) for each in found_words(english, clause)),
        *((each, own.denied, own.denials) for each in found_words(own.promises, clause)),
        *((each, "around", own.denials) for each in found_words(own.advice, clause)),
    ]
    return [phrase for phrase, where, denials in found if not _is_denied(phrase, clause.lower(), where, denials)]


def _is_denied(phrase: str, clause: str, where: str, denials: tuple[str, ...]) -> bool:
    if where == "none":
        return False
    before, _, after = re.sub(r"\s+", " ", clause).partition(phrase)
    after = _CONTENT.split(after)[0]
    return bool(found_words(denials, before) or (where == "around" and found_words(denials, after)))


@dataclass(frozen=True, slots=True)
class Disclaimers(Check):
    """A delicate subject comes with its disclaimer."""

    subjects: tuple[Disclaimer, ...] = DISCLAIMERS
    name = "disclaimers"
    layer = "legal"

    def fault(self, draft: Draft) -> str | None:
        own = vocabulary_of(draft.language)
        text = without(own.innocent, draft.text)
        subjects: list[AnyDisclaimer] = [
            *(each.without(own.harmless) for each in self.subjects),
            *own.disclaimers.values(),
        ]
        missing = [each.sentence for each in subjects if _touches(text, draft.asked, each) and not _says(text, each)]
        return f"Add, word for word: {quoted(missing)}." if missing else None


def _touches(text: str, asked: str, subject: AnyDisclaimer) -> bool:
    if found_words(subject.words, text):
        return True
    both = f"{asked}\n{text}"
    of_device = found_words(subject.devices, both) and not found_words(subject.bodies, both)
    return bool(found_words(subject.unsure, text)) and not of_device


def _says(text: str, subject: AnyDisclaimer) -> bool:
    return bool(found_words((*subject.says, subject.sentence), text))
