"""Which language a text is in: long ones surely, short ones when they can be told, and none by guessing."""

from __future__ import annotations

from pathlib import Path

import pytest

from backdesk.quality.language import language_of, languages_of
from backdesk.quality.vocabulary import vocabularies
from backdesk.worker.errors import ConfigurationError


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Your order 10003 was delivered on 2 November 2026."),
        ("de", "Da habe ich leider keine Zeit"),
        ("fr", "Votre commande 10003 a été livrée."),
        ("es", "¿Dónde está mi pedido?"),
        ("it", "Dov'è il mio ordine?"),
        ("pt", "Onde está o meu pedido?"),
        ("nl", "Waar is mijn bestelling?"),
        ("pl", "Gdzie jest moje zamówienie?"),
        ("cs", "Vaše objednávka 10003 byla doručena 2. listopadu 2026."),
        ("sk", "Vaša objednávka 10003 bola doručená 2. novembra 2026."),
        ("sv", "Var är min beställning?"),
        ("da", "Din ordre 10003 blev leveret den 2. november 2026."),
        ("no", "Jeg vil gjerne ha pengene tilbake"),
        ("no", "Bestillingen din leveres den 17. januar."),
        ("fi", "Missä tilaukseni on?"),
        ("tr", "Siparişim nerede?"),
        ("ro", "Unde este comanda mea?"),
        ("hu", "Hol van a rendelésem?"),
        ("hr", "Vaša narudžba 10003 dostavljena je 2. studenoga 2026."),
        ("vi", "Đơn hàng của bạn đã được giao."),
        ("id", "Pesanan Anda telah dikirim."),
        ("ru", "Где мой заказ?"),
        ("uk", "Де моє замовлення?"),
        ("bg", "Вашата поръчка беше доставена."),
        ("el", "Πού είναι η παραγγελία μου;"),
        ("ja", "はい"),
        ("ja", "注文10003は11月2日に配達済みです"),
        ("zh", "您的订单10003已送达。"),
        ("ko", "제 Lumina 주문은 어디에 있나요?"),
        ("ar", "أين طلبي؟"),
        ("he", "איפה ההזמנה שלי?"),
        ("hi", "मेरा ऑर्डर कहाँ है?"),
        ("th", "คำสั่งซื้อของฉันอยู่ที่ไหน"),
    ],
)
def test_a_sentence_tells_its_language(language: str, text: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", "How much have I spent each month?|Too expensive|Wrong size|Update on my ticket?"),
        ("de", "Was kostet die Tastatur?|Gibt es Rabatt?|Der Bildschirm bleibt schwarz|Es kam beschädigt an"),
        ("fr", "Combien ai-je dépensé chaque mois ?|Trop cher|L'écran reste noir|Je dois suivre mes instructions."),
        ("es", "¿Cuánto he gastado cada mes?|Este mes lleva gastados 234 €, y el mes pasado fueron 120 €."),
        ("es", "Prefiero que me contacten por correo electrónico, por favor|No dude en contactarnos.|Demasiado caro"),
        (
            "it",
            "Preferisco essere contattato via email|Quanto costa la tastiera?|Quando arriva?|Non esiti a contattarci.",
        ),
        ("pt", "Quanto custa o teclado?|Quanto gastei por mês?|Quando chega?|Tamanho errado"),
        ("nl", "Bent u er?|Ik word liever per e-mail benaderd|Verkeerd artikel ontvangen|Te duur"),
        ("pl", "Ile kosztuje klawiatura Cobalt?|Ile to kosztuje?|Za drogo"),
        ("sv", "Fick fel vara|Finns det rabatt?|Den kom skadad"),
        ("da", "Er der rabat?|Skærmen er sort|Forkert størrelse"),
        ("tr", "İki kez çekildi|Ne zaman gelir?|PayPal ile ödeyebilir miyim?|Ekran siyah"),
        ("ru", "Сколько стоит клавиатура?|Хочу вернуть лампу|Не тот товар|Слишком дорого"),
        ("uk", "Скільки коштує клавіатура?|Хочу повернути лампу"),
        ("cs", "Kolik stojí klávesnice?|Balík je u kurýra.|Není zač"),
    ],
)
def test_an_everyday_sentence_of_a_few_words_tells_it(language: str, texts: str) -> None:
    assert {text: language_of(text) for text in texts.split("|")} == dict.fromkeys(texts.split("|"), language)


def test_short_replies_tell_it_by_their_words() -> None:
    assert [language_of(each) for each in ("genau", "vale", "No, do not book that")] == ["de", "es", "en"]


@pytest.mark.parametrize(
    "text",
    ["", "10003", "Hvor er min pakke?", "R-10003", "ok", "Lumina LED", "\ud800\x00", "😀", "سفارش من کجاست؟ چرا"],
)
def test_what_could_be_any_language_is_none(text: str) -> None:
    assert language_of(text) is None


def test_what_could_be_several_may_be_each_of_them_and_what_tells_is_in_its_own() -> None:
    assert set(languages_of("17. Januar")) == {"de", "da", "no"}
    assert (languages_of("17 stycznia"), languages_of("10003")) == (("pl",), ())


def test_words_in_another_language_amid_a_text_change_nothing() -> None:
    assert language_of('Ihre Bestellung "Desk lamp with USB" ist heute unterwegs zu Ihnen.') == "de"


def test_a_deployment_adds_languages_and_replaces_parts_of_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "et.toml").write_text('name = "Eesti"\ncommon = "teie tellimus on kohale"\n')
    (tmp_path / "de.toml").write_text('name = "Hochdeutsch"\n')
    monkeypatch.setenv("BACKDESK_LANGUAGES", str(tmp_path))
    vocabularies.cache_clear()
    try:
        assert vocabularies()["et"].name == "Eesti"
        assert (vocabularies()["de"].name, "und" in vocabularies()["de"].common) == ("Hochdeutsch", True)
    finally:
        vocabularies.cache_clear()


@pytest.mark.parametrize(
    ("text", "said"), [('nmae = "x"', "nmae: Extra inputs"), ("name", "et.toml cannot be read: Expected '='")]
)
def test_a_file_that_is_wrong_is_refused_with_its_name_and_the_reason(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "et.toml").write_text(text)
    monkeypatch.setenv("BACKDESK_LANGUAGES", str(tmp_path))
    vocabularies.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=said):
            vocabularies()
    finally:
        vocabularies.cache_clear()
