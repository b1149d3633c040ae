"""Words made comparable: by their stems in their language, across languages, and in scripts without spaces."""

from __future__ import annotations

import re

import pytest

from backdesk.service.knowledge.terms import MOST_ASKED, asked_in, terms_in_all, terms_of, words_of


@pytest.mark.parametrize(
    ("language", "said", "asked"),
    [
        ("en", "Pairing headphones", "paired headphone"),
        ("de", "Kopfhörer koppeln", "Kopfhörern Koppelns"),
        ("fr", "connecter les écouteurs", "connectez écouteur"),
        ("es", "conectar los auriculares", "conecta auricular"),
        ("ru", "подключить наушники", "подключили наушников"),
    ],
)
def test_forms_of_a_word_have_a_term_in_common(language: str, said: str, asked: str) -> None:
    known = set(terms_of(said, language))
    assert all(known & set(terms_of(word, language)) for word in asked.split())


def test_a_word_stands_for_itself_too_so_that_names_are_found_from_another_language() -> None:
    assert set(terms_of("router", "de")) & set(terms_of("router", "en"))


def test_accents_and_case_make_no_difference() -> None:
    assert set(terms_of("Café", None)) == set(terms_of("CAFE", None))


def test_keywords_are_found_by_their_forms_in_whichever_language_they_are() -> None:
    kept = set(terms_in_all("Kopfhörer écouteurs auriculares"))
    assert all(kept & set(terms_of(word, code)) for word, code in (("Kopfhörern", "de"), ("auricular", "es")))


def test_scripts_without_spaces_are_cut_into_pairs() -> None:
    assert words_of("耳机配对 Bluetooth") == ["耳机", "机配", "配对", "bluetooth"]
    assert words_of("จับคู่")[0] == "จั"


def test_terms_are_ascii_letters_and_digits_that_no_database_takes_apart() -> None:
    text = "Wi-Fi 2.4GHz, 5 €: naïve 耳机 Übergrößenträger हिन्दी"
    assert all(re.fullmatch(r"[a-z][a-z0-9]*", term) for term in terms_of(text, "de"))


def test_a_question_is_asked_without_the_words_that_say_nothing() -> None:
    assert asked_in("How do I pair my earphones with the laptop?").keys() == {"pair", "earphones", "laptop"}


def test_of_a_japanese_question_what_joins_its_words_is_not_asked_for() -> None:
    assert asked_in("刃の掃除方法を教えて").keys() == {"掃除", "除方", "方法"}
    assert asked_in("ひび").keys() == {"ひび"}


def test_a_long_question_is_asked_by_its_first_words() -> None:
    assert len(asked_in(" ".join(f"quibble{chr(97 + at % 26)}{at}" for at in range(500)))) == MOST_ASKED
