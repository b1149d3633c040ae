"""Which language a text is written in: by its script, and by the common words of the languages that share it.

The words stand in `languages/`, one file a language. Answers are a sentence or two and questions often a word, which
the libraries for it mistake: their models know long texts of a hundred languages, and take 3 to 1,100 MB.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache, lru_cache

from backdesk.quality.vocabulary import vocabularies

#: How much of a text is looked at, in characters.
MOST_READ = 2_000
#: A longer text that does not tell its language is in none that is known.
MOST_GUESSED = 300
#: What the words of a language must come to, each counting 1 over the number of languages that have it, and letters
#: half of that; and how many times as much as those of the next language.
LEAST_SCORE, LEAST_LEAD = 0.5, 1.15

#: The languages that have a word or a letter, each with what it says for it.
Weights = dict[str, tuple[tuple[str, float], ...]]

_WORD = re.compile(r"[^\W\d_]+")
#: Scripts that one language has; a letter of the first two says as much as two of an alphabet.
_SCRIPTS = {
    "ja": re.compile(r"[\u3040-\u30ff\uff66-\uff9d]"),
    "zh": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]"),
    "ko": re.compile(r"[\uac00-\ud7a3\u1100-\u11ff]"),
    "el": re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "ar": re.compile(r"[\u0600-\u06ff]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
}
_PERSIAN = re.compile(r"[\u067e\u0686\u0698\u06af\u06cc\u06a9]")


@lru_cache(maxsize=256)
def language_of(text: str) -> str | None:
    """Return the language of a text by its ISO 639-1 code; None for one that is unknown, or could be several."""
    text = _lower(text[:MOST_READ])
    return _by_script(text) or _told(_scores(text))


@lru_cache(maxsize=256)
def languages_of(text: str) -> tuple[str, ...]:
    """Return the languages that a text may be in, the likeliest first: its own, or those that it could be in alike.

    "17. Januar" is German, Danish or Norwegian. Those that have none of its words are left out: there may be none.
    """
    if code := language_of(text):
        return (code,)
    scores = _scores(_lower(text)) if len(text) <= MOST_GUESSED else {}
    least = max(scores.values(), default=0.0) / LEAST_LEAD
    return tuple(sorted((code for code, score in scores.items() if score > least), key=lambda code: -scores[code]))


def _lower(text: str) -> str:
    """Return a text in lower case, Turkish "İki" as the "iki" of the lists."""
    return text.lower().replace("i\u0307", "i")


def _by_script(text: str) -> str | None:
    found = {code: len(letters.findall(text)) for code, letters in _SCRIPTS.items()}
    code, count = max(found.items(), key=lambda each: each[1])
    # Names of products stay in Latin letters, each of which says less than a character of Chinese.
    if not count or count * 3 < len(re.findall(r"[a-z\u0400-\u04ff]", text)):
        return None
    if code == "zh" and found["ja"] * 10 >= count:
        return "ja"
    return None if code == "ar" and len(_PERSIAN.findall(text)) * 20 > count else code


def _scores(text: str) -> dict[str, float]:
    score: defaultdict[str, float] = defaultdict(float)
    for word in _WORD.findall(text):
        for code, weight in _words().get(word, ()):
            score[code] += weight
        for letter in set(word) & _letters().keys():
            for code, weight in _letters()[letter]:
                score[code] += weight / 2
    return score


def _told(scores: dict[str, float]) -> str | None:
    (_, second), (best, first) = sorted([(None, 0.0), (None, 0.0), *scores.items()], key=lambda each: each[1])[-2:]
    return best if first >= LEAST_SCORE and first >= LEAST_LEAD * second else None


@cache
def _words() -> Weights:
    return _weighed(
        {code: {*each.common.split(), *each.slang, *each.rude, *each.promises} for code, each in vocabularies().items()}
    )


@cache
def _letters() -> Weights:
    return _weighed({code: set(each.letters) for code, each in vocabularies().items()})


def _weighed(marks: dict[str, set[str]]) -> Weights:
    having: defaultdict[str, list[str]] = defaultdict(list)
    for code, those in marks.items():
        for each in those:
            having[each].append(code)
    return {mark: tuple((code, 1 / len(codes)) for code in codes) for mark, codes in having.items()}
