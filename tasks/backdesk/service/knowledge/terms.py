"""Words made comparable: what a text is found by, in whichever language it is and whoever asks.

A word stands for itself and by its stem, so that names are found across languages and forms within one. Scripts
without spaces are cut into pairs of characters. Terms are ASCII letters and digits: nothing is left to the tokenizer
of a database, and all databases find the same.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from backdesk.quality.language import language_of

#: Of a question, how many words are looked for at most.
MOST_ASKED = 32
#: What is longer is no word.
LONGEST = 60
#: The stemmers by language, as Snowball calls them.
_STEMMERS = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
#: The languages that a word of unknown language may be in, by its script.
_LATIN = ("cs", "da", "de", "en", "es", "fi", "fr", "hu", "id", "it", "nl", "no", "pl", "pt", "ro", "sv", "tr")
_BY_SCRIPT = {"LATIN": _LATIN, "ARABIC": ("ar",), "CYRILLIC": ("ru",), "GREEK": ("el",), "DEVANAGARI": ("hi",)}
#: Thai to Burmese, Khmer, the scripts of Japan, Chinese characters, and Hangul, whose endings nothing sets apart.
_UNPARTED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff66-\uff9f]+"
)
#: What Japanese writes endings and particles with: pairs across it are of one sentence alone.
_HIRAGANA = re.compile(r"[\u3040-\u309f]")
_ACCENTS = re.compile(r"[\u0300-\u036f]")
#: A stemmer keeps the word that it works on in itself.
_one_at_a_time = threading.Lock()


def terms_of(text: str, language: str | None) -> list[str]:
    """Return the terms of a text in their order; without a language its words stand for themselves alone."""
    return [term for word in words_of(text) for term in dict.fromkeys((_term(word), _stem(word, language)))]


def terms_in_all(text: str) -> list[str]:
    """Return the terms of words that may each be in another language, as keywords are."""
    return [term for word in words_of(text) for term in sorted(_in_all(word))]


def asked_in(question: str) -> dict[str, frozenset[str]]:
    """Return what a question asks for: its words, without those that say nothing, each with the terms to look for."""
    language = language_of(question)
    idle = _stop_words(language)
    telling = [word for word in dict.fromkeys(words_of(question)) if word not in idle]
    words = ([word for word in telling if not _HIRAGANA.search(word)] or telling)[:MOST_ASKED]
    if language is None:
        return {word: _in_all(word) for word in words}
    return {word: frozenset((_term(word), _stem(word, language))) for word in words}


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, numbers among them; single Latin letters are none."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    parted = "".join(each if each.isalnum() or unicodedata.category(each)[0] == "M" else " " for each in plain).split()
    words = (word for each in parted for word in _pieces(each))
    return [word for word in words if len(word) <= LONGEST and (len(word) > 1 or not word.isascii())]


def _pieces(written: str) -> Iterator[str]:
    end = 0
    for run in _UNPARTED.finditer(written):
        yield from filter(None, (written[end : run.start()],))
        signs, end = run[0], run.end()
        yield from (signs[at : at + 2] for at in range(max(len(signs) - 1, 1)))
    yield from filter(None, (written[end:],))


def _in_all(word: str) -> frozenset[str]:
    script = unicodedata.name(word[0], "").partition(" ")[0]
    return frozenset((_term(word), *(_stem(word, language) for language in _BY_SCRIPT.get(script, ()))))


@lru_cache(maxsize=20_000)
def _stem(word: str, language: str | None) -> str:
    stemmer = _stemmer(language)
    if stemmer is None:
        return _term(word)
    with _one_at_a_time:
        return _term(stemmer.stemWord(word))


@cache
def _stemmer(language: str | None) -> Any:
    import snowballstemmer  # noqa: PLC0415 - megabytes, for those who search

    name = _STEMMERS.get(language or "")
    return snowballstemmer.stemmer(name) if name else None


def _term(word: str) -> str:
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", word))
    return bare if bare.isascii() and bare.isalpha() else f"x{bare.encode().hex()}"


@cache
def _stop_words(language: str | None) -> frozenset[str]:
    import stopwordsiso  # noqa: PLC0415 - as above

    known = stopwordsiso.stopwords(language) if language and stopwordsiso.has_lang(language) else ()
    return frozenset(word for each in known for word in words_of(each))
