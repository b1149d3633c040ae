"""What an answer must not promise, and what it must say when it touches a delicate subject."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backdesk.quality.check import Check, found_words, quoted
from backdesk.quality.draft import Draft, sentences_of

PROMISES = (
    "we guarantee", "i guarantee", "guaranteed", "we promise", "i promise", "legal advice", "medical advice",
    "financial advice", "investment advice", "we are liable", "we accept liability", "admit liability", "risk-free",
    "without any risk", "100% safe", "you will win", "binding offer", "lifetime warranty", "unlimited warranty",
)  # fmt: skip
_DENIED = re.compile(r"\b(?:not|no|never|nor|cannot|without|\w+n't)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Disclaimer:
    """What must be said when an answer touches a subject: `says` is what is looked for, `sentence` what to add."""

    subject: str
    words: tuple[str, ...]
    says: tuple[str, ...]
    sentence: str


DISCLAIMERS = (
    Disclaimer(
        "the law",
        ("attorney", "in court", "lawsuit", "lawyer", "lawyers", "legal action", "sue", "sued"),
        ("not legal advice", "cannot give legal advice", "no legal advice"),
        "This is not legal advice.",
    ),
    Disclaimer(
        "health",
        ("diagnosis", "dosage", "dose", "medication", "prescription", "symptom", "symptoms"),
        ("not medical advice", "cannot give medical advice", "no medical advice", "consult a doctor", "see a doctor"),
        "This is not medical advice.",
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
    """Nothing that binds the shop beyond its terms. What a sentence denies ("this is not legal advice") is not one."""

    phrases: tuple[str, ...] = PROMISES
    name = "promises"
    layer = "legal"

    def fault(self, draft: Draft) -> str | None:
        sentences = (each for each in sentences_of(draft.text) if not _DENIED.search(each))
        found = list(dict.fromkeys(phrase for each in sentences for phrase in found_words(self.phrases, each)))
        return f"Promise and advise nothing that the shop is bound by: leave out {quoted(found)}." if found else None


@dataclass(frozen=True, slots=True)
class Disclaimers(Check):
    """A delicate subject comes with its disclaimer."""

    subjects: tuple[Disclaimer, ...] = DISCLAIMERS
    name = "disclaimers"
    layer = "legal"

    def fault(self, draft: Draft) -> str | None:
        missing = [
            each.sentence
            for each in self.subjects
            if found_words(each.words, draft.text) and not found_words((*each.says, each.sentence), draft.text)
        ]
        return f"Add, word for word: {quoted(missing)}." if missing else None
