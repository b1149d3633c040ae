"""Whether an answer calls undone what was done before.

An answer denies by the words of its language, in a statement that nothing asks or makes depend on something: "nothing
was refunded", not "a second refund was not made", or "order 10004 was not refunded" where order 10003 was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backdesk.quality.check import Check, found_words, quoted
from backdesk.quality.completion import Claim, claims_in, clauses_of, is_asked, spoken
from backdesk.quality.draft import Draft, sentences_of
from backdesk.quality.facts import unsupported
from backdesk.quality.language import language_of
from backdesk.quality.notation import plain
from backdesk.quality.phrases import matters_of
from backdesk.quality.references import names, references_in
from backdesk.quality.vocabulary import APART, Completion, Vocabulary

#: Matters of which an answer that denies one denies the other.
_ALIKE = {"purchase": "order"}
#: What undoes what was done before it, so that it may be denied again.
_UNDOES = {"cancellation": {"booking", "move", "order"}, "booking": {"cancellation"}, "order": {"cancellation"}}


@dataclass(frozen=True, slots=True)
class Denial:
    """That something is not done: what, and in which statement of which sentence."""

    matter: str
    clause: str
    sentence: str

    def concerns(self, done: str, draft: Draft, about: Iterable[str]) -> bool:
        """Whether it is of what was done: by what it names, else by what the answer names, the question, the turn."""
        for text in (self.clause, self.sentence):
            if named := references_in(text):
                return names(done, named)
        if unsupported(self.sentence, [done], languages=draft.languages):
            return False
        for text in (draft.text, draft.asked, *about):
            if named := references_in(text):
                return names(done, named)
        return not any(unsupported(each, [done]) for each in about)


@dataclass(frozen=True, slots=True)
class UndeniedEffects(Check):
    """The answer calls nothing undone that `done`, the oldest first, says was done in former turns.

    `about` tells besides the question what the turn is about, for an answer that names nothing: what was proposed, and
    looked up. Both are read only for an answer that denies something.
    """

    done: Iterable[str] = ()
    about: Iterable[str] = ()
    name = "undenied_effects"
    layer = "factual"

    def fault(self, draft: Draft) -> str | None:
        denied = denials_in(draft.text, draft.language)
        told = {_matter(each) for each in claims_in(draft.text, draft.language)} if denied else set()
        denied = [each for each in denied if each.matter not in told]
        known, about = (standing(self.done), [*self.about]) if denied else ([], [])
        wrong = [
            (denial.sentence, each.text)
            for denial in denied
            for each in known
            if denial.matter == each.matter and denial.concerns(each.text, draft, about)
        ]
        if not wrong:
            return None
        said, done = (quoted([*dict.fromkeys(each)]) for each in zip(*wrong, strict=True))
        return f"Do not say {said}, as this was done before: {done}. If you mean something else, name it."


def denials_in(text: str, language: str | None) -> list[Denial]:
    """Return what a text says is not done, in its language, where that is known, or in English."""
    sentences = sentences_of(plain(text))
    found = (denial for words in spoken(language) for each in sentences for denial in _denied(each, words))
    return list(dict.fromkeys(found))


def standing(texts: Iterable[str]) -> list[Claim]:
    """Return what texts, the oldest first, say was done and nothing later has undone."""
    done: list[Claim] = []
    for text in texts:
        for claim in claims_in(text, language_of(text)):
            known = claim._replace(matter=_matter(claim))
            undone = _UNDOES.get(known.matter, set())
            done = [*(each for each in done if each.matter not in undone), known]
    return done


def _matter(claim: Claim) -> str:
    return _ALIKE.get(claim.matter, claim.matter)


def _denied(sentence: str, words: Vocabulary) -> Iterator[Denial]:
    completion = words.completion
    if is_asked(sentence):
        return
    for clause in clauses_of(sentence):
        if not found_words(completion.denials, clause.text) or found_words(completion.besides, clause.text):
            continue
        if found_words(completion.conditions, clause.said):
            return
        phrases = _phrases(completion)
        for matter in matters_of(clause.text, clause.text, phrases, completion.instead):
            if any(_is_denied(clause.text, phrase, words) for phrase in phrases.get(matter, ())):
                yield Denial(_ALIKE.get(matter, matter), clause.text, sentence)


def _phrases(completion: Completion) -> dict[str, tuple[str, ...]]:
    """Return what a denial may deny, by matters."""
    claims, denied = completion.claims, completion.denied
    return {matter: (*claims.get(matter, ()), *denied.get(matter, ())) for matter in {**claims, **denied}}


def _is_denied(clause: str, phrase: str, words: Vocabulary) -> bool:
    parts = [found_words((part,), clause) for part in phrase.split(APART)]
    if not all(parts):
        return False
    last = parts[-1][0]
    until = clause.lower().find(last) + len(last) if words.denied == "before" else len(clause)
    return bool(found_words(words.completion.denials, clause[:until]))
