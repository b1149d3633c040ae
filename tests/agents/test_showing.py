"""Whether an answer puts what is proposed to the customer."""

from __future__ import annotations

from datetime import date

import pytest

from backdesk.agents.proposals.showing import ShowsProposal, hidden, is_asked, moments_of
from backdesk.quality import Draft
from backdesk.shop.contract import PHRASES

STATEMENT = "Shall I refund 78.00 EUR for order 10003?"


@pytest.mark.parametrize(
    "answer",
    [
        "That would be 78.00 EUR for order 10003. Do you agree?",
        "I can refund 78.00 EUR for order 10003. Please confirm.",
        "Ich kann 78,00 EUR für Bestellung 10003 erstatten. Bitte bestätigen Sie das.",
        "ご注文10003の78.00ユーロを返金してもよろしいですか。",
        "订单10003退款78.00欧元可以吗",
        "هل أعيد لك 78.00 EUR عن الطلب 10003؟",
        "Να επιστρέψω 78,00 EUR για την παραγγελία 10003;",
    ],
)
def test_what_names_all_of_it_and_asks_shows_it(answer: str) -> None:
    assert is_asked(STATEMENT, answer)


@pytest.mark.parametrize(
    "answer",
    [
        "I will refund 78.00 EUR for order 10003.",
        "Die Bestellung 10003 wird mit 78,00 EUR erstattet.",
        "ご注文10003の78.00ユーロを返金します。",
        "Shall I refund order 10003?",
    ],
)
def test_a_statement_shows_nothing_and_neither_does_a_question_that_leaves_something_out(answer: str) -> None:
    fault = ShowsProposal(STATEMENT).fault(Draft(answer))
    assert fault is not None
    assert STATEMENT in fault


#: How each language names the refund and asks for a yes without a mark of question; and what it says to end with.
ASKING = {
    "en": (
        "I can refund 78.00 EUR for order 10003.",
        [
            'Just reply "yes" and I will process it.',
            "I just need your confirmation.",
            "Reply with \u2018yes\u2019, please.",
        ],
        [
            "I have done it.",
            "Let me know if you need anything else.",
            "Is there anything else?",
            "Thank you for your yes.",
        ],
    ),
    "de": (
        "Ich kann 78,00 EUR für die Bestellung 10003 erstatten.",
        [
            "Geben Sie mir bitte Bescheid, ob ich das tun soll.",
            "Antworten Sie einfach mit \u201eJa\u201c.",
            "Bitte teilen Sie mir mit, ob Sie einverstanden sind.",
            "Dafür brauche ich noch Ihre Zustimmung.",
        ],
        [
            "Das ist erledigt.",
            "Kann ich sonst noch etwas für Sie tun?",
            "Geben Sie mir bitte Bescheid, wenn noch etwas ist.",
        ],
    ),
    "fr": (
        "Je peux rembourser 78,00 EUR pour la commande 10003.",
        [
            "Merci de me confirmer votre accord.",
            "Répondez simplement « oui ».",
            "J\u2019attends votre confirmation.",
        ],
        ["C'est fait, merci de votre confirmation.", "Puis-je faire autre chose pour vous ?"],
    ),
    "es": (
        "Puedo reembolsar 78,00 EUR del pedido 10003.",
        ["Responda «sí» y lo hago.", "Indíqueme si está de acuerdo.", "Solo necesito su confirmación."],
        [
            "Ya está hecho, gracias por su confirmación.",
            "¿Puedo ayudarle en algo más?",
            "Avíseme si necesita algo más.",
        ],
    ),
    "it": (
        "Posso rimborsare 78,00 EUR per l'ordine 10003.",
        [
            "Mi faccia sapere se va bene.",
            "La prego di confermare.",
            "Basta che risponda «sì».",
            "Attendo una sua conferma.",
        ],
        ["Grazie della conferma, è tutto fatto.", "Posso fare altro per Lei?", "Mi faccia sapere se ha altre domande."],
    ),
    "pt": (
        "Posso reembolsar 78,00 EUR da encomenda 10003.",
        ["Responda «sim».", "Aguardo a sua confirmação."],
        ["Obrigado pela sua confirmação, está feito.", "Posso ajudar em mais alguma coisa?"],
    ),
    "nl": (
        "Ik kan 78,00 EUR voor bestelling 10003 terugbetalen.",
        ["Antwoord met 'ja'.", "Graag hoor ik of u akkoord gaat.", "Bevestigt u dit alstublieft."],
        ["Het is gedaan.", "Kan ik verder nog iets voor u doen?", "Laat het me weten als u nog vragen hebt."],
    ),
    "pl": (
        "Mogę zwrócić 78,00 EUR za zamówienie 10003.",
        [
            "Proszę dać mi znać, czy się Pani zgadza.",
            "Wystarczy odpowiedzieć \u201etak\u201d.",
            "Czekam na Państwa potwierdzenie.",
        ],
        ["Dziękuję za potwierdzenie, gotowe.", "Czy mogę jeszcze w czymś pomóc?"],
    ),
    "tr": (
        "10003 numaralı sipariş için 78,00 EUR iade edebilirim.",
        ['Onaylamak için lütfen "evet" yazın.', "Onayınızı bekliyorum.", "Uygunsa bana bildirin."],
        ["Onayınız için teşekkürler, işlem tamam.", "Size başka bir konuda yardımcı olabilir miyim?"],
    ),
    "ru": (
        "Я могу вернуть 78,00 EUR за заказ 10003.",
        ["Сообщите, пожалуйста, согласны ли вы.", "Жду вашего подтверждения.", "Напишите, если вы согласны."],
        ["Спасибо за подтверждение, всё готово.", "Могу ли я помочь чем-нибудь ещё?"],
    ),
    "zh": (
        "我可以为订单10003退款78.00欧元。",
        ["请回复\u201c是\u201d。", "请您确认。", "等待您的确认。"],
        ["已经为您办理，谢谢您的确认。", "请问您还有其他问题吗？"],
    ),
    "ja": (
        "ご注文10003の78.00ユーロを返金できます。",
        [
            "「はい」とご返信ください。",
            "「はい」とお返事ください。",
            "お返事をお願いいたします。",
            "ご承諾ください。",
            "ご確認をお願いいたします。",
        ],
        ["ご確認ありがとうございます。手続きは完了しました。", "ほかにご用はございますか。"],
    ),
}


@pytest.mark.parametrize("language", ASKING)
def test_a_yes_is_asked_for_without_a_mark_of_question_and_not_by_an_offer_of_more(language: str) -> None:
    names, asking, ending = ASKING[language]
    assert [each for each in asking if not is_asked(STATEMENT, f"{names} {each}")] == []
    assert [each for each in ending if is_asked(STATEMENT, f"{names} {each}")] == []
    assert all(is_asked(STATEMENT, f"{names} {asking[0]} {each}") for each in ending), "it asks all the same"


AT_NOON = {"starts_at": "2026-12-03T12:00:00+01:00", "moved_from": "2026-12-02T16:30:00+01:00", "spoken": "at noon"}


@pytest.mark.parametrize(
    ("statement", "answer", "shown"),
    [
        ("Shall I book Thursday, December 3, at noon?", "Shall I book Thursday, December 3, at noon?", True),
        ("Shall I book Thursday, December 3, at noon?", "Shall I book Thursday, December 3, at 12 PM?", True),
        ("Shall I book Thursday, December 3, at noon?", "Shall I book Thursday, December 3, at 11 AM?", False),
        ("Soll ich den 3. Dezember 2026, 12:00 buchen?", "Soll ich den 3. Dezember, 12 Uhr, buchen?", True),
        ("Soll ich den 3. Dezember 2026, 12:00 buchen?", "Den 3. Dezember, 11 Uhr oder 12 Uhr?", False),
        ("Dois-je réserver le 3 décembre 2026, 12:00 ?", "Je réserve le 3 décembre à 12 heures ?", True),
        ("Dois-je réserver le 3 décembre 2026, 12:00 ?", "Je réserve le 3 décembre à 11 heures ou à 12 h ?", False),
        ("2026年12月3日木曜日, 12:00で予約しますか", "12月3日木曜日の12時でよろしいですか。", True),
        ("2026年12月3日木曜日, 12:00で予約しますか", "12月3日木曜日の11時または12時でよろしいですか。", False),
        ("Shall I move it to December 3, at noon?", "Shall I move it from 4:30 PM to December 3, at noon?", True),
        ("Shall I move it to December 3, at noon?", "Shall I move it from 3:30 PM to December 3, at noon?", False),
        (STATEMENT, "We are open until 6 PM. Shall I refund 78.00 EUR for order 10003?", True),
    ],
)
def test_what_names_another_time_than_the_proposal_has_shows_nothing(statement: str, answer: str, shown: bool) -> None:
    moments = () if statement == STATEMENT else moments_of(AT_NOON)
    today = date(2026, 11, 30)
    assert is_asked(statement, answer, today, moments=moments) is shown
    assert (ShowsProposal(statement, moments).fault(Draft(answer, today=today)) is None) is shown


def test_tomorrow_is_a_day_where_today_is_known() -> None:
    booked = "Your appointment is booked: Wednesday, March 25, at 3 PM."
    assert hidden(booked, "You are booked tomorrow at 3 PM.", date(2026, 3, 24)) == []
    assert hidden(booked, "You are booked tomorrow at 3 PM.", date(2026, 3, 20)) != []


@pytest.mark.parametrize(("name", "language"), [(name, code) for name, by in PHRASES.all().items() for code in by])
def test_what_code_asks_is_a_question_with_all_of_it_in_every_language(name: str, language: str) -> None:
    asked = PHRASES.say(name, language, amount="78.00 EUR", order_number=10003, items="1 x lamp", refund_id="R-10003")
    statement = STATEMENT if name == "ask_refund" else "Shall I order 1 x lamp: 78.00 EUR in all?"
    assert is_asked(statement, asked) == name.startswith("ask_")
