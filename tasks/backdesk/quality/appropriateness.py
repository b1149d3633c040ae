"""What no answer says, whatever it is about: insults, and numbers that identify a person or a card."""

from __future__ import annotations

from dataclasses import dataclass

from backdesk.quality.check import Check, quoted, words_against
from backdesk.quality.draft import Draft
from backdesk.quality.notation import plain
from backdesk.quality.vocabulary import vocabulary_of
from backdesk.worker.text.identity import identity_numbers_in
from backdesk.worker.text.masking import cards_in, social_security_numbers_in

#: Words that are out of place in any letter to a customer; each is matched as a whole word.
RUDE = (
    "arse", "ass", "asshole", "bastard", "bitch", "bloody", "bollocks", "bullshit", "crap", "crappy", "damn",
    "dammit", "dick", "dumb", "fool", "fuck", "fucked", "fucking", "goddamn", "idiot", "idiotic", "idiots",
    "imbecile", "jerk", "loser", "moron", "moronic", "piss", "pissed", "retard", "retarded", "screw you", "shit",
    "shitty", "shut up", "slut", "stupid", "stupidity", "whore", "wtf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BannedWords(Check):
    """No banned word, as a whole word: "class" does not hold one; rude words of the answer's language are, too."""

    words: tuple[str, ...] = RUDE
    name = "banned_words"
    layer = "appropriateness"

    def fault(self, draft: Draft) -> str | None:
        found = words_against(self.words, vocabulary_of(draft.language).rude, draft)
        return f"Leave out {quoted(found)}: such words are not used with customers." if found else None


@dataclass(frozen=True, slots=True)
class NoSocialSecurityNumbers(Check):
    """No US social security number, not even the customer's own."""

    name = "social_security_number"
    layer = "appropriateness"

    def fault(self, draft: Draft) -> str | None:
        found = any(social_security_numbers_in(plain(draft.text)))
        return "Leave out the social security number; say that it is on file instead." if found else None


@dataclass(frozen=True, slots=True)
class NoIdentityNumbers(Check):
    """No number that identifies a person or an account elsewhere, not even the customer's own: see `identity`."""

    name = "identity_number"
    layer = "appropriateness"

    def fault(self, draft: Draft) -> str | None:
        found = any(identity_numbers_in(plain(draft.text)))
        return "Leave out the number of the person or account; say that it is on file instead." if found else None


@dataclass(frozen=True, slots=True)
class NoPaymentCards(Check):
    """No number of a payment card, not even the customer's own."""

    name = "payment_card"
    layer = "appropriateness"

    def fault(self, draft: Draft) -> str | None:
        found = any(cards_in(plain(draft.text)))
        return "Leave out the card's number; its last four digits say which card is meant." if found else None
