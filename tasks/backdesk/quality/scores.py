"""How good an answer is that may be said: four scores, and one that weighs them. Pure."""

from __future__ import annotations

import re

from backdesk.quality.appropriateness import RUDE
from backdesk.quality.brand_voice import SLANG, shouts
from backdesk.quality.check import found_words, words_against
from backdesk.quality.draft import Draft, sentences_of, words_of
from backdesk.quality.factual import read_of
from backdesk.quality.language import language_of
from backdesk.quality.legal import DENIALS
from backdesk.quality.notation import plain
from backdesk.quality.vocabulary import vocabulary_of
from backdesk.worker.text.masking import mask

#: An answer with fewer words is curt.
LEAST_WORDS = 8
#: By what an answer says no without a negation.
_REGRETS = ("afraid", "only", "sorry", "unfortunately")
#: What an answer without an echo still has of completeness in a language whose small words are not known.
LEAST_ECHO = 0.4
#: A message of so few words in such a language, such as thanks, has no subject that must come back.
FEW_WORDS = 3
#: A mark of question; several in a row are one. The Greek one looks like a semicolon.
_QUESTION = re.compile(r"[?\u037e\uff1f\u061f](?![?\uff1f\u061f])")
#: Words of a question that say nothing about its subject.
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a about again all also am an and any are as at be because been but by can could did do does done dont
        for from get got had has have hello help here how i if in is it its just know like me my need no not now
        of on or our out please so some still tell than thank thanks that the their them then there they this to
        too up us want was we were what when where which who why will with would yes you your yours hi dear
        order number
        """,
    )
)


def overall(sentiment: float, professionalism: float, completeness: float, accuracy: float) -> float:
    """Return 0 to 1: `0.2 (sentiment + 1) / 2 + 0.4 professionalism + 0.3 completeness + 0.1 accuracy`."""
    return round(0.2 * (sentiment + 1) / 2 + 0.4 * professionalism + 0.3 * completeness + 0.1 * accuracy, 4)


def professionalism(text: str) -> float:
    """Return 0 to 1: 1, less what is out of place in a letter to a customer.

    0.4 for shouting; 0.4 for each rude word; 0.2 for each word of slang; 0.1 for each mark of exclamation beyond the
    first and each emoticon beyond the first, 0.3 at most; up to 0.4 for fewer than 8 words; 0.3 times the share of
    sentences that begin in lower case. Words are looked for in English and in the language of the text.
    """
    marks = max(text.count("!") - 1, 0) + max(len(re.findall(r"[\U0001F300-\U0001FAFF]|[:;]-?[)(DP]", text)) - 1, 0)
    sentences = sentences_of(text)
    careless = sum(re.match(r"[^\w(]*[a-z]", each) is not None for each in sentences) / max(len(sentences), 1)
    missing = max(LEAST_WORDS - len(words_of(text)), 0) / LEAST_WORDS
    draft, own = Draft(text), vocabulary_of(language_of(text))
    rude, slang = words_against(RUDE, own.rude, draft), words_against(SLANG, own.slang, draft)
    return _share(
        1
        - 0.4 * shouts(text)
        - 0.4 * len(rude)
        - 0.2 * len(slang)
        - min(0.1 * marks, 0.3)
        - 0.4 * missing
        - 0.3 * careless
    )


def completeness(draft: Draft) -> float:
    """Return 0 to 1: whether the answer takes up what was asked, in any language, and is whole.

    `mean(references, subject) * whole * questions`. References: the share of the order numbers and ids of the question
    that the answer names (left out of the mean when there are none). Subject: 1 when the answer states something that
    was found for it (a fact that the evidence supports), asks back, says in a whole sentence what is not, or may be
    about a file; else the echo; outside English, whose small words alone it knows, 0.4 at least, and 1 for three words,
    such as thanks.
    Whole: 0.2 when the answer breaks off amid a sentence. Questions: sentences for each question mark, 1 at most.
    """
    facts = read_of(mask(draft.text), draft)
    found = bool(draft.files) or len(facts.stated) > len(facts.unsupported)
    says_what_is_not = len(words_of(draft.text)) >= LEAST_WORDS and denies(draft.text, draft.language)
    if found or says_what_is_not or _QUESTION.search(draft.text):
        return _complete(draft, 1.0)
    return _complete(draft, max(_echo(draft), 0.0 if draft.language in {None, "en"} else LEAST_ECHO))


def echo(draft: Draft) -> float:
    """Return what completeness was at first, 0 to 1: the same, but the subject is the echo alone.

    The echo: how many of the question's words and references come back, 1 from two on; 1 too for a question of less
    than two, such as "Really?"; rude words and slang need not come back. It knows the small words of English alone.
    """
    return _complete(draft, _echo(draft))


def denies(text: str, language: str | None) -> bool:
    """Whether a text says of something that it is not so, or not done, in its own language or in English."""
    denials = (*DENIALS, *_REGRETS, *vocabulary_of(language).denials)
    return bool(found_words(denials, text))


def _complete(draft: Draft, subject: float) -> float:
    references = _references(draft)
    parts = [subject]
    if references:
        parts.append(sum(each in plain(draft.text).lower() for each in references) / len(references))
    asked = len(_QUESTION.findall(draft.asked))
    questions = min(len(sentences_of(draft.text)) / asked, 1) if asked else 1.0
    return _share(sum(parts) / len(parts) * (1 if is_whole(draft.text) else 0.2) * questions)


def _references(draft: Draft) -> list[str]:
    return re.findall(r"(?<![A-Za-z0-9])(?=[\w-]{0,40}\d{5})[A-Za-z0-9_-]+", mask(plain(draft.asked)).lower())


def _echo(draft: Draft) -> float:
    references, subject = _references(draft), _stems(draft.asked) - _UNFIT
    shared = len(subject & _stems(draft.text)) + any(each in plain(draft.text).lower() for each in references)
    wanted = len(subject) + bool(references)
    if len(words_of(draft.asked)) <= FEW_WORDS and draft.language not in {None, "en"}:
        return 1.0
    return min(shared / 2, 1.0) if wanted >= 2 else 1.0


def accuracy(draft: Draft) -> float:
    """Return 0 to 1: the share of the answer's facts that the evidence supports; 1 for an answer without facts."""
    facts = read_of(mask(draft.text), draft)
    return _share(1 - len(facts.unsupported) / len(facts.stated)) if facts.stated else 1.0


def is_whole(text: str) -> bool:
    """Whether a text ends where a sentence, a link or a list could, and closes the brackets that it opens."""
    text = text.strip()
    ends = re.search(
        r"[.!?…:)\]\"'*_`]\Z|[^\w\s,;(\[-]\Z|https?://\S+\Z|^\W*(?:[-*•]|\d+[.)])\s.*\Z", text, re.MULTILINE
    )
    return bool(ends) and text.count("(") <= text.count(")") and text.count("```") % 2 == 0


def _stems(text: str) -> set[str]:
    return {word[:5] for word in (each.lower() for each in words_of(text)) if len(word) > 2 and word not in _STOP_WORDS}


def _share(value: float) -> float:
    return round(max(0.0, min(1.0, value)), 4)


#: What no answer may repeat, and so is not missing from it.
_UNFIT = _stems(" ".join((*RUDE, *SLANG)))
