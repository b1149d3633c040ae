"""Facts: one value however a language writes it, and another value found in every language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal

import pytest

from backdesk.quality.calendar import calendar_of
from backdesk.quality.draft import Draft
from backdesk.quality.facts import carries, facts_of, unsupported
from backdesk.quality.vocabulary import vocabularies

TODAY = date(2026, 11, 20)
RECORD = (
    '{"order_number":10003,"total_cents":124900,"currency":"EUR","delivered_at":"2026-11-06T15:00:00","return_days":14}',
    "We are open Mon-Fri 09:00-18:00.",
)
#: How each language says that order 10003 of 1,249 EUR was delivered on Friday, 6 November 2026, at 15:00, and that it
#: may be returned within 14 days: with places for the order, amount, day, hour and days.
SENTENCES = {
    "en": "Order {order} over {amount}.00 EUR was delivered on Friday, November {day}, 2026 at {hour}:00. Return it within {days} days.",
    "de": "Bestellung {order} über {amount},00 € wurde am Freitag, {day}. November 2026 um {hour} Uhr geliefert, Rückgabe binnen {days} Tagen.",
    "fr": "La commande {order} de {amount},00 € a été livrée le vendredi {day} novembre 2026 à {hour}h00, retour sous {days} jours.",
    "es": "El pedido {order} de {amount},00 euros fue entregado el viernes {day} de noviembre de 2026 a las {hour}:00; {days} días.",
    "it": "L'ordine {order} di {amount},00 euro è stato consegnato venerdì {day} novembre 2026 alle {hour}; reso entro {days} giorni.",
    "pt": "O pedido {order} de {amount},00 EUR foi entregue na sexta-feira, {day} de novembro de 2026, às {hour}h; {days} dias.",
    "nl": "Bestelling {order} van {amount},00 euro is op vrijdag {day} november 2026 om {hour}.00 uur bezorgd; {days} dagen.",
    "pl": "Zamówienie {order} na {amount},00 euro dostarczono w piątek {day} listopada 2026 r. o godz. {hour}; zwrot do {days} dni.",
    "cs": "Objednávka {order} za {amount},00 EUR byla doručena v pátek {day}. listopadu 2026 v {hour} hodin; vrácení do {days} dnů.",
    "sv": "Beställning {order} på {amount},00 euro levererades fredag den {day} november 2026 kl. {hour}; retur inom {days} dagar.",
    "da": "Ordre {order} på {amount},00 euro blev leveret fredag den {day}. november 2026 kl. {hour}.00; retur inden {days} dage.",
    "no": "Bestilling {order} på {amount},00 euro ble levert fredag {day}. november 2026 kl. {hour}; retur innen {days} dager.",
    "fi": "Tilaus {order}, {amount},00 euroa, toimitettiin perjantaina {day}. marraskuuta 2026 klo {hour}; palautus {days} päivän kuluessa.",
    "tr": "{order} numaralı {amount},00 EUR tutarındaki sipariş {day} Kasım 2026 Cuma günü saat {hour}.00'te teslim edildi; {days} gün.",
    "ro": "Comanda {order} de {amount},00 EUR a fost livrată vineri, {day} noiembrie 2026, ora {hour}; retur în {days} zile.",
    "hu": "A(z) {order} számú, {amount},00 eurós rendelést 2026. november {day}-án, pénteken {hour} órakor kézbesítettük; {days} napon belül.",
    "ru": "Заказ {order} на {amount},00 евро доставлен в пятницу, {day} ноября 2026 года, в {hour}:00; возврат в течение {days} дней.",
    "uk": "Замовлення {order} на {amount},00 євро доставлено в п'ятницю, {day} листопада 2026 року, о {hour}:00; {days} днів.",
    "el": "Η παραγγελία {order} των {amount},00 ευρώ παραδόθηκε την Παρασκευή {day} Νοεμβρίου 2026 στις {hour}:00, σε {days} ημέρες.",
    "ja": "ご注文{order}（{amount}ユーロ）は2026年11月{day}日金曜日の{hour}時に配達されました。返品は{days}日以内です。",
    "zh": "订单{order}（{amount}欧元）已于2026年11月{day}日星期五{hour}点送达，{days}天内可退货。",
    "ko": "주문 {order}({amount}유로)은 2026년 11월 {day}일 금요일 {hour}시에 배송되었습니다. {days}일 이내에 반품할 수 있습니다.",
    "ar": "تم تسليم الطلب {order} بقيمة {amount} يورو يوم الجمعة {day} نوفمبر 2026 الساعة {hour}:00، والإرجاع خلال {days} يومًا.",
    "he": "הזמנה {order} על סך {amount} יורו נמסרה ביום שישי, {day} בנובמבר 2026 בשעה {hour}:00; החזרה תוך {days} ימים.",
    "hi": "ऑर्डर {order} ({amount} यूरो) शुक्रवार, {day} नवंबर 2026 को {hour}:00 बजे डिलीवर हुआ; वापसी {days} दिन में।",
    "vi": "Đơn hàng {order} trị giá {amount} EUR đã được giao Thứ Sáu ngày {day} tháng 11 năm 2026 lúc {hour} giờ; {days} ngày.",
}  # fmt: skip
TRUE = {"order": "10003", "amount": "1249", "day": "6", "hour": "15", "days": "14"}
FALSE = {"order": "10004", "amount": "1250", "day": "13", "hour": "16", "days": "15"}


def said(language: str, **other: str) -> list[str]:
    text = SENTENCES[language].format(**{**TRUE, **other})
    return [fact.shown for fact in unsupported(text, RECORD, today=TODAY)]


@pytest.mark.parametrize("language", SENTENCES)
def test_what_the_record_says_is_supported_in_every_language(language: str) -> None:
    assert said(language) == []


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("wrong", FALSE)
def test_what_nobody_said_is_found_in_every_language(language: str, wrong: str) -> None:
    found = said(language, **{wrong: FALSE[wrong]})
    assert any(FALSE[wrong] in shown for shown in found), found


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("Come at 3:00 PM.", "3 PM"),
        ("Come at 15:00.", "3 p.m."),
        ("Kommen Sie um 15 Uhr.", "3 PM"),
        ("Venez à 15h.", "15:00"),
        ("午後3時にお越しください。", "15:00"),
        ("오후 3시 30분에 오세요.", "15:30"),
        ("下午3点半见。", "15:30"),
        ("Приходите в 3 часа дня.", "15:00"),
        ("تعال الساعة ٣ مساءً", "15:00"),
        ("We are open from 9 AM to 6 PM, Monday to Friday.", "Mon-Fri 09:00-18:00"),
        ("Wir sind montags bis freitags von 9 bis 18 Uhr da.", "Mon-Fri 09:00-18:00"),
        ("Nous sommes ouverts du lundi au vendredi de 9h à 18h.", "Mon-Fri 09:00-18:00"),
        ("月曜日から金曜日の9時から18時まで営業しています。", "Mon-Fri 09:00-18:00"),
        ("Pracujemy od poniedziałku do piątku w godz. 9-18.", "Mon-Fri 09:00-18:00"),
        ("Sie zahlen 1.249,00 €.", "1,249.00 EUR"),
        ("Sie zahlen CHF 1'249.00.", '"total_cents":124900,"currency":"CHF"'),
        ("Vous payez 1 249,00 EUR.", "€1249"),
        ("आपको १,२४९ रुपये देने हैं।", "1249 INR"),
        ("You pay 1,24,900 rupees.", "124900 INR"),
        ("４９．９０ユーロです。", "49.90 EUR"),
        ("Hafta içi 09.00 ile 18.00 arasında açığız.", "Mon-Fri 09:00-18:00"),
        ("Saat 09.00'dan 18.00'e kadar açığız.", "Mon-Fri 09:00-18:00"),
        ("เราเปิดวันจันทร์ถึงศุกร์ 9.00-18.00 น.", "Mon-Fri 09:00-18:00"),
        ("Åbent 09.00-18.00.", "Mon-Fri 09:00-18:00"),
        ("Lengths are 12.50-18.00 cm.", "12.5 and 18"),
        ("Das geht zwei Wochen lang.", "14 days"),
        ("You have two years of warranty.", "24 months"),
        ("Je peux vous proposer mardi à 9h ou à 15h30.", "2026-11-24T09:00:00 2026-11-24T15:30:00"),
        ("Заказ пришёл две недели назад, 6 ноября, в три часа дня.", "2026-11-06T15:00:00"),
        ("В понедельник мы открыты с 9 до 18, а сегодня нет.", "Monday 09:00-18:00"),
        ("Хорошо, мы позвоним вам завтра в 10:00.", "Позвоните завтра в 10"),
        ("It came at three in the afternoon.", "2026-11-06T15:00:00"),
        ("Shall I book Friday at 5 PM?", "I'd like Friday at five"),
        ("We are open on Mondays and Fridays.", "Monday 09:00, Friday 09:00"),
        ("We have two lamps at two of our shops.", "nothing"),
        ("Das sind 5 Prozent.", "5%"),
        ("Rückgabe vom 2. bis 5. November.", "2026-11-02 2026-11-05"),
        ("It came three days ago.", "2026-11-17"),
        ("Es kommt morgen.", "2026-11-21"),
        ("Es kommt am Samstag.", "2026-11-21"),
        ("Guten Morgen, es kommt heute.", "nothing"),
        ("It was on 2 November.", "2026-11-02"),
        ("It was on 2 November 2026.", "the 2nd of November"),
        ("2026年11月2日です", "2 November 2026"),
        ("Am 02.11. kam es.", "2026-11-02"),
    ],
)
def test_a_value_is_the_same_however_it_is_written(text: str, evidence: str) -> None:
    assert unsupported(text, (evidence,), today=TODAY) == []


@pytest.mark.parametrize(
    ("text", "evidence", "shown"),
    [
        ("Come at 3 AM.", "3 PM", "at 3 AM"),
        ("Kommen Sie um 14 Uhr.", "3 PM", "14 Uhr"),
        ("It came at four in the afternoon.", "2026-11-06T15:00:00", "at four in the afternoon"),
        ("We are open on Mondays and Thursdays.", "09:00-18:00 on Monday", "Thursdays"),
        ("It is Tuesday, 2 November 2026.", "2026-11-02", "Tuesday 2 November 2026"),
        ("Es kommt am Donnerstag.", "2026-11-21", "Donnerstag"),
        ("Es kommt morgen.", "2026-11-22", "morgen"),
        ("Delivery takes 3 days.", "quantity 3", "3 days"),
        ("Lieferung in drei Tagen.", "3", "drei Tagen"),
        ("You get 5 percent off.", "none", "5 percent"),
        ("Sie bekommen 5 Prozent Rabatt.", "none", "5 Prozent"),
        ("You pay 49.90 USD.", "49.90 EUR", "49.90 USD"),
        ("ご注文10005です。", "10003", "10005"),
        ("Ihre Nummer ist R-10004.", "R-10003", "R-10004"),
        ("We are open on Saturday.", "Mon-Fri 09:00-18:00", "Saturday"),
        ("Åbent 09.00-20.00.", "Mon-Fri 09:00-18:00", "09.00-20.00"),
    ],
)
def test_a_value_that_nobody_said_is_named(text: str, evidence: str, shown: str) -> None:
    assert [fact.shown for fact in unsupported(text, (evidence,), today=TODAY)] == [shown]


@pytest.mark.parametrize(
    ("text", "evidence", "supported"),
    [
        ("We are free at 9 AM.", '{"starts_at":"2026-12-01T09:00:00+01:00"}', True),
        ("Um 9 Uhr ist etwas frei.", '{"starts_at":"2026-12-01T09:00:00.120000+01:00"}', True),
        ("We are free at 1 AM.", '{"starts_at":"2026-12-01T09:00:00+01:00"}', False),
        ("We are free at 8 AM.", '{"starts_at":"2026-12-01T09:00:00-08:00"}', False),
        ("We are free at 8 AM.", '{"starts_at":"2026-12-01T08:00:00Z"}', False),
        ("Um 8 Uhr ist etwas frei.", '{"starts_at":"2026-12-01T08:00Z"}', False),
        ("Il y a de la place à 8h15.", '{"starts_at":"2026-12-01 08:15:00.5Z"}', False),
        ("15時が空いています。", '{"starts_at":"2026-12-01T11:15:00Z"}', False),
        ("Nora is there on December 1.", '{"starts_at":"2026-12-01T08:00:00Z"}', True),
        ("We are open until 12:00.", "Mon-Fri 10:00-12:00", True),
    ],
)
def test_the_hour_of_a_moment_is_that_of_the_clocks_it_is_given_by(text: str, evidence: str, supported: bool) -> None:
    assert (unsupported(text, [evidence], today=TODAY) == []) is supported


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("17. Januar.", ("de",)),
        ("17. Januar.", ("en", "de")),
        ("17. Januar.", ()),
        ("Le 17 janvier.", ("en", "fr")),
        ("17 मई को।", ("hi",)),
        ("17 ноября.", ("uk", "ru")),
    ],
)
@pytest.mark.parametrize("day", [17, 5])
def test_a_date_in_a_few_words_is_read_in_a_language_that_knows_its_month(
    text: str, languages: tuple[str, ...], day: int
) -> None:
    months = {"Januar": 1, "janvier": 1, "मई": 5, "ноября": 11}
    month = next(number for name, number in months.items() if name in text)
    said, right, wrong = text.replace("17", str(day)), date(2027, month, day), date(2027, month + 1, day)
    assert unsupported(said, (right.isoformat(),), languages=languages) == []
    assert unsupported(said, (wrong.isoformat(),), languages=languages) != []


def test_a_month_that_languages_call_alike_is_that_of_the_question_s_language() -> None:
    asked, october = "Kada stiže moja narudžba?", "2026-10-17"
    assert Draft("17. listopada.", asked).languages == ("hr",)
    assert unsupported("17. listopada.", (october,), languages=("hr",)) == []
    assert unsupported("17. listopada.", (october,), languages=("cs",)) != []


def test_english_words_that_look_like_other_languages_state_nothing() -> None:
    assert facts_of("I may call you; let me see an item. Mon dieu, on set, at 3 of them out of luck.") != []
    assert facts_of("I may call you; let me see an item of the set.") == []


@pytest.mark.parametrize(
    ("text", "carried"),
    [
        ("Shall I refund 49.90 EUR for order 10003 on Tuesday, 24 November at 3 PM?", True),
        ("Soll ich 49,90 € für Bestellung 10003 am 24.11. um 15 Uhr erstatten?", True),
        ("10003の49.90ユーロを11月24日午後3時に返金しますか。", True),
        ("Soll ich 49,90 € für Bestellung 10003 am Dienstag um 15 Uhr erstatten?", True),
        ("Shall I refund 49.90 EUR for order 10003 on 25 November at 3 PM?", False),
        ("Shall I refund 48.90 EUR for order 10003 on 24 November at 3 PM?", False),
        ("Shall I refund it?", False),
    ],
)
def test_a_text_carries_values_or_lacks_one(text: str, carried: bool) -> None:
    values = (Decimal("49.90"), "10003", datetime(2026, 11, 24, 15), time(15), date(2026, 11, 24))  # noqa: DTZ001 - by the text's clock
    assert carries(text, values, today=TODAY) is carried


@pytest.mark.parametrize(("text", "language"), [("17. Januar", None), ("17 mai 2027", "fr"), ("17 Ocak'ta", None)])
def test_a_text_of_a_few_words_carries_its_date(text: str, language: str | None) -> None:
    month = 5 if "mai" in text else 1
    assert carries(text, [date(2027, month, 17)], language=language)
    assert not carries(text, [date(2027, month, 18)], language=language)
    assert not carries(text, [date(2027, month + 1, 17)], language=language)


@pytest.mark.parametrize(("text", "carried"), [("On 17 January.", True), ("On 17 January 2028.", False)])
@pytest.mark.parametrize("value", ["2027-01-17", date(2027, 1, 17)])
def test_a_date_may_be_given_without_its_year_but_not_with_another(text: str, carried: bool, value: date | str) -> None:
    assert carries(text, [value]) is carried


#: Letters that are one whatever their case, in the ways that texts write them.
ALIKE = str.maketrans({"i": "İ", "ı": "I", "s": "ſ", "ς": "σ", "σ": "ς", "μ": "µ"})


def words_of(language: str) -> set[str]:
    words = calendar_of(language)
    own = vocabularies()[language]
    named = {*words.months, *words.weekdays, *words.short_weekdays, *words.halves, *words.spans, *words.relative}
    as_in_file = (own.am, own.pm, *own.spans.values(), *(each.split() for each in own.numbers.values()))
    named |= {*words.hours, *words.by_hours, *words.at, *words.clock, *words.minutes}
    return named | {*words.numbers} | {each for group in as_in_file for each in group}


def of_each_letter(words: set[str]) -> list[str]:
    """So few of some words that they have all letters of all of them, each of those where it begins a word too."""
    chosen, had = list[str](), set[str]()
    for word in sorted(words):
        if letters := {word[0].upper(), *word} - had:
            chosen.append(word)
            had |= letters
    return chosen


@pytest.mark.parametrize("chosen", [of_each_letter, pytest.param(sorted, marks=pytest.mark.soak)], ids=["few", "all"])
@pytest.mark.parametrize("language", vocabularies())
def test_words_of_every_language_are_read_alike_in_whatever_case_they_are_written(
    language: str, chosen: Callable[[set[str]], list[str]]
) -> None:
    for word in chosen(words_of(language) - calendar_of(language).homonyms.keys()):
        said = f"3 {word}, {word} 3, 3 PM {word}, at {word} o'clock, 3 {word} 3 Uhr"
        written = {said.lower(), said.title(), said.upper(), said.translate(ALIKE), said.title().translate(ALIKE)}
        of_one_length = [each for each in written if len(each) == len(said)]
        found = [[each.forms for each in facts_of(one, language=language, today=TODAY)] for one in of_one_length]
        assert found == [found[0]] * len(found), word


@pytest.mark.parametrize(
    ("text", "evidence", "wrong"),
    [
        ("İki gün önce verdiğiniz siparişin ödemesi alındı.", "2 gün", "3 gün"),
        ("3 İş Günü sürer.", "72 saat", "4 iş günü"),
        ("2 YIL garanti, 3 AYLIK iade.", "24 ay, 3 ay", "2 ay, 3 yıl"),
        ("Siparişiniz YARIN gelecek.", "2026-11-21", "2026-11-22"),
        ("It takes ſix hours or 3 dayſ.", "6 hours, 3 days", "6 days, 3 hours"),
        ("Σε 3 μήνεσ.", "3 μήνες", "3 ημέρες"),
    ],
)
def test_unusual_letters_are_those_that_patterns_hold_them_for(text: str, evidence: str, wrong: str) -> None:
    assert unsupported(text, (evidence,), today=TODAY) == []
    assert unsupported(text, (wrong,), today=TODAY) != []


@pytest.mark.parametrize(
    ("language", "text", "days"),
    [
        ("ru", "Среди ваших заказов средства вернутся, в среднем за час.", ""),
        ("ru", "В среду, по понедельникам, до четверга, к воскресенью, пятницей.", "20364"),
        ("uk", "Серед ваших замовлень є одне.", ""),
        ("uk", "У середу, в п'ятницю, до понеділка, з неділі, четвергом.", "24063"),
        ("pl", "Wszelkie środki wrócą.", ""),
        ("pl", "W środę, do piątku, w niedzielę, we wtorek, od soboty.", "24615"),
        ("cs", "2 lednice jsou v našem středisku.", ""),
        ("cs", "Ve středu, v pátek, od neděle, do pondělí, v sobotu.", "24605"),
        ("sk", "Naše stredisko to má.", ""),
        ("sk", "V stredu, v piatok, do nedele, pred utorkom.", "2461"),
        ("tr", "Pazarlama ekibimiz yazacak.", ""),
        ("tr", "Pazara kadar, salıya, cumadan, pazartesiye.", "6140"),
        ("el", "Είναι η τρίτη φορά και η πέμπτη παραγγελία.", ""),
        ("el", "Την Τρίτη, της Πέμπτης, το Σάββατο.", "135"),
        ("pt", "A sua segunda encomenda chegou na quarta tentativa.", ""),
        ("pt", "Na segunda, na quarta às tantas, terça-feira, até quinta.", "0213"),
        ("id", "Sudah beberapa minggu.", ""),
        ("id", "Buka hari minggu dan Senin, pada Minggu tutup.", "60"),
        ("fi", "Keskiviikon, perjantaihin, lauantaisin, sunnuntaita.", "2456"),
        ("hu", "Szerdán, csütörtökön, a pénteki nap, szombatig.", "2345"),
        ("hr", "U srijedu, do petka, nedjelju, ponedjeljkom.", "2460"),
        ("bg", "В сряда, до петъка, в неделята.", "246"),
    ],
)
def test_weekdays_are_found_as_their_language_inflects_them_and_words_that_begin_alike_are_none(
    language: str, text: str, days: str
) -> None:
    found = {form for fact in facts_of(text, language=language) for form in fact.forms}
    assert found == {f"weekday {day}" for day in days}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ru", "к 5 январю"),
        ("cs", "5. lednu"),
        ("pl", "przed 5 styczniem"),
        ("fi", "tammikuun 5"),
        ("hu", "január 5-én"),
    ],
)
def test_months_are_found_as_their_language_inflects_them(language: str, text: str) -> None:
    assert [fact.forms for fact in facts_of(text, language=language)] == [{"01-05"}]


@pytest.mark.parametrize(
    ("language", "text", "stated"),
    [
        ("ja", "Fjord routerを2点、次の3点です。", []),
        ("ja", "午後3時です。", ["15:00"]),
        ("zh", "以下3点。这3点。2点建议。", []),
        ("zh", "下午3点。3点半。15点送达。", ["03:30", "15", "15 h", "15:00"]),
    ],
)
def test_a_point_is_an_hour_in_chinese_unless_it_counts_and_never_one_in_japanese(
    language: str, text: str, stated: list[str]
) -> None:
    found = {form for fact in facts_of(text, language=language) for form in fact.forms}
    assert found >= set(stated)
    assert bool(found) == bool(stated)


@pytest.mark.parametrize(
    ("language", "month"),
    [("de", "Oktober"), ("en", "October"), ("es", "octubre"), ("fr", "octobre"), ("it", "ottobre"), ("nl", "oktober"),
     ("pt", "outubro"), ("sv", "oktober"), ("pl", "październik"), ("ru", "октябрь")],
)  # fmt: skip
@pytest.mark.parametrize("amount", ["78,00 €", "12,00 €", "12 EUR", "12.50 EUR", "1249.00 EUR", "1 249,00 €", "1249 €"])
def test_an_amount_after_a_month_is_no_day_and_no_year(language: str, month: str, amount: str) -> None:
    facts = facts_of(f"{month} {amount}.", language=language)
    assert [(fact.shown, *fact.currencies) for fact in facts] == [(amount, "EUR")]


@pytest.mark.parametrize(
    "text", ["On November 6 try again.", "November 6, 2026.", "Nov 6,2026", "2026年11月6日1249ユーロ"]
)
def test_a_day_after_a_month_is_still_one(text: str) -> None:
    forms = {form for fact in facts_of(text) for form in fact.forms}
    assert forms & {"11-06", "2026-11-06"}


EMERGENCIES = {
    "en": "In an emergency, call {}.",
    "de": "Rufen Sie bei Feuer die {}.",
    "fr": "En cas d'incendie, appelez le {}.",
    "es": "En caso de incendio, llame al {}.",
    "it": "In caso di incendio chiami il {}.",
    "nl": "Bel bij brand {}.",
    "pl": "W razie pożaru zadzwoń pod {}.",
    "tr": "Yangın durumunda {} numarasını arayın.",
    "ru": "При пожаре звоните {}.",
    "ja": "火災の場合は{}に電話してください。",
    "zh": "发生火灾时请拨打{}。",
    "ko": "화재가 나면 {}로 전화하세요.",
}
CALLED = {"en": "911", "fr": "18 ou le 112", "ru": "101 или 112", "ja": "119", "zh": "119", "ko": "119"}


@pytest.mark.parametrize("language", EMERGENCIES)
def test_an_emergency_number_is_known_without_a_tool_and_no_other_number_is(language: str) -> None:
    sentence = EMERGENCIES[language]
    assert unsupported(sentence.format(CALLED.get(language, "112")), (), languages=(language,)) == []
    for invented in ("113114", "0800 112", "112345", "112,50 €", "30 112"):
        assert unsupported(sentence.format(invented), (), languages=(language,)) != [], invented


@pytest.mark.parametrize(
    "text",
    ["Your order number is 112.", "You can call us at 112.", "Call 112. A fire is bad.", "Fire: 112 EUR, call us."],
)
def test_an_emergency_number_where_nobody_is_told_to_call_in_danger_is_a_number(text: str) -> None:
    assert unsupported(text, (), languages=("en",)) != []


@pytest.mark.parametrize(
    ("text", "value", "carried"),
    [
        ("It is 389.50 EUR.", "389.50 EUR", True),
        ("Das sind 389,50 €.", "389.50 EUR", True),
        ("It is $389.50.", "389.50 USD", True),
        ("It is $389.50.", "389.50 CAD", True),
        ("It is 389.50.", "389.50 USD", True),
        ("It is 389.50 EUR, or 389.50 USD.", "389.50 USD", True),
        ("It is 389.50 EUR.", "389.50 USD", False),
        ("Das sind 389,50 €.", "389.50 USD", False),
        ("It is 389.50 EUR, and 12 USD.", "389.50 USD", False),
        ("389.50ユーロです。", "389.50 JPY", False),
    ],
)
def test_an_amount_in_another_currency_is_another_value(text: str, value: str, carried: bool) -> None:
    assert carries(text, [value]) is carried


@pytest.mark.parametrize(
    ("text", "evidence", "wrong"),
    [
        (
            "Versuchen Sie es in 15 Minuten noch einmal.",
            "Try again in a quarter of an hour",
            "Try again in half an hour",
        ),
        ("15分後にもう一度お試しください。", "Try again in a quarter of an hour", "Try again in an hour"),
        ("Пожалуйста, попробуйте ещё раз через четверть часа.", "Try again in 15 minutes", "Try again in 20 minutes"),
        ("Das dauert eine halbe Stunde.", '{"minutes":30}', '{"minutes":45}'),
        ("Cela dure une demi-heure.", "30 min", "45 min"),
        ("Il dure un quart d'heure.", "15 minutes", "50 minutes"),
        ("Dura 60 minutos.", "It takes 1 hour", "It takes 6 hours"),
        ("Es dauert 60 Minuten.", "It takes an hour", "It takes half an hour"),
        ("It takes two hours.", "120 minutes", "90 minutes"),
        ("它需要半小时。", "30 minutes", "15 minutes"),
        ("Es kostet 15 EUR.", "15 EUR", "a quarter of an hour"),
    ],
)
def test_parts_of_an_hour_are_minutes(text: str, evidence: str, wrong: str) -> None:
    assert unsupported(text, (evidence,)) == []
    assert unsupported(text, (wrong,)) != []


def test_a_few_minutes_and_an_hour_are_everyday_language() -> None:
    assert unsupported("It takes 5 minutes, five minutes or an hour.", ("nothing",)) == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("it", "Chiamiamo entro le ore 18.00 di domani."),
        ("it", "Chiamiamo entro le 18.00."),
        ("tr", "Mağaza 18.00 itibarıyla kapalı."),
        ("tr", "Mağaza 18.00'de kapanır."),
        ("pl", "Zadzwonimy o 18.00."),
        ("pl", "Umówiono na godzinę 18 w piątek."),
        ("ru", "Мы позвоним в 18.00."),
        ("hu", "Ma 18.00 óráig hívjuk."),
        ("en", "We call by 18.00 on Tuesday."),
        ("de", "Wir rufen bis 18:00h an."),
        ("nl", "Wij bellen om 18u00."),
        ("nl", "Wij bellen om 18 uur."),
    ],
)
def test_a_time_with_a_point_or_without_minutes_is_one(language: str, text: str) -> None:
    tuesday, evidence = date(2026, 11, 20), '{"starts_at":"2026-11-%sT%s:00:00"}'
    given = (evidence % ("24", "18"), evidence % ("20", "18"), evidence % ("21", "18"))
    assert unsupported(text, given, languages=(language,), today=tuesday) == []
    for wrong in (text.replace("18", "19"), text.replace("00", "45") if "00" in text else text.replace("18", "17")):
        assert unsupported(wrong, given, languages=(language,), today=tuesday) != [], wrong
    assert carries(text, [time(18)], language=language)
    assert not carries(text, [time(17)], language=language)


@pytest.mark.parametrize(
    ("language", "text", "at"),
    [
        ("de", "Um 15 Uhr 30 rufen wir an.", time(15, 30)),
        ("fr", "Nous appelons à 14 heures 30.", time(14, 30)),
        ("nl", "Wij bellen om 9 uur 30.", time(9, 30)),
        ("en", "We call by 9.30 on Monday.", time(9, 30)),
        ("en", "We call at 12 PM.", time(12)),
        ("en", "We call at noon.", time(12)),
        ("en", "We close at midnight.", time(0)),
        ("en", "We call at twelve o'clock.", time(12)),
        ("de", "Wir rufen mittags um 12 an.", time(12)),
        ("fr", "Nous appelons à midi.", time(12)),
        ("es", "Llamamos al mediodía.", time(12)),
        ("es", "Llamamos a las 12 del mediodía.", time(12)),
        ("nl", "Wij bellen om 12 uur.", time(12)),
        ("ja", "正午にお電話します。", time(12)),
        ("ja", "12時にお電話します。", time(12)),
    ],
)
def test_twelve_o_clock_and_minutes_after_the_hour_are_that_time_and_no_other(
    language: str, text: str, at: time
) -> None:
    other = time(at.hour, at.minute + 15)
    assert carries(text, [at], language=language)
    assert not carries(text, [other], language=language)
    assert not unsupported(text, (f"Monday {at:%H:%M}",), languages=(language,))
    assert unsupported(text, (f"Monday {other:%H:%M}",), languages=(language,))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ru", "Эта лампа есть в 18 магазинах."),
        ("it", "Abbiamo spedito le 18 lampade."),
        ("pl", "Wysyłamy do 18 krajów."),
        ("en", "We deliver from 18 shops."),
        ("de", "Das gilt ab 18 Lampen."),
    ],
)
def test_what_is_counted_after_a_word_that_names_a_time_is_none(language: str, text: str) -> None:
    assert unsupported(text, ("Mon-Fri 09:00-18:00",), languages=(language,)) != []
    assert not carries(text, [time(18)], language=language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr", "Il fait de -1 à 18 °C."),
        ("en", "It stays dry at 5 to 18°C."),
        ("en", "It stays dry at 18 °C."),
        ("es", "La temperatura llega a 18 ºC."),
        ("it", "Il termometro arriva a 18°."),
    ],
)
def test_degrees_after_such_a_word_are_a_number_and_no_time(language: str, text: str) -> None:
    assert unsupported(text, ('{"lowest_c": -1.0, "highest_c": 18.0}',), languages=(language,)) == []
    assert unsupported(text, ("Mon-Fri 09:00-18:00",), languages=(language,)) != []
    assert not carries(text, [time(18)], language=language)


def test_an_amount_after_such_a_word_is_no_time_and_an_afternoon_no_noon() -> None:
    assert not carries("Kosztuje od 18.00 zł.", [time(18)], language="pl")
    assert not carries("Nous appelons cet après-midi.", [time(12)], language="fr")
    assert facts_of("Um 15 Uhr 30 Euro.", language="de")[0].forms >= {"15:00"}


@pytest.mark.parametrize(
    ("language", "text", "hour", "others"),
    [
        ("de", "Wir rufen um siebzehn Uhr an.", 17, "um sechzehn Uhr"),
        ("de", "Der Termin ist am Montag, sechzehn Uhr.", 16, "siebzehn Uhr"),
        ("en", "We call at three o'clock.", 15, "at four o'clock"),
        ("fr", "Nous appelons à seize heures.", 16, "à quinze heures"),
        ("fr", "Nous appelons à trois heures.", 15, "à quatre heures"),
        ("it", "Chiamiamo alle undici.", 11, "alle dieci"),
        ("it", "Chiamiamo alle undici di lunedì.", 11, "alle dodici"),
        ("es", "Llamamos a las once.", 11, "a las diez"),
        ("pt", "Ligamos às onze.", 11, "às dez"),
        ("pt", "Ligamos às três da tarde.", 15, "às três da manhã"),
        ("es", "Llamamos a las tres de la tarde.", 15, "a las tres de la mañana"),
        ("it", "Chiamiamo alle tre di pomeriggio.", 15, "alle tre di mattina"),
        ("nl", "Wij bellen om negen uur.", 9, "om drie uur"),
        ("nl", "Wij bellen om drie uur.", 15, "om vier uur"),
        ("ja", "午後三時にお電話します。", 15, "午後四時"),
        ("zh", "我们下午三点致电。", 15, "下午四点"),
        ("ko", "오후 세 시에 전화드립니다.", 15, "오후 네 시"),
    ],
)
def test_an_hour_in_words_is_that_time_and_no_other(language: str, text: str, hour: int, others: str) -> None:
    monday = (f"Monday {hour}:00",)
    assert [fact for fact in facts_of(text, language=language) if any(":" in form for form in fact.forms)]
    assert unsupported(text, monday, languages=(language,)) == []
    assert unsupported(f"{text} {others}.", monday, languages=(language,)) != []
    assert carries(text, [time(hour)], language=language)
    assert not carries(text, [time(hour - 1)], language=language)


@pytest.mark.parametrize(
    ("language", "text", "hour"),
    [
        ("de", "Wir rufen um halb vier an.", 15),
        ("de", "Wir rufen um halb eins an.", 12),
        ("nl", "Wij bellen om half tien.", 9),
        ("sv", "Vi ringer halv fyra.", 15),
        ("en", "We call at half past three.", 15),
        ("en", "We call at three thirty.", 15),
        ("es", "Llamamos a las 11 y media.", 11),
        ("es", "Llamamos a las once y media.", 11),
        ("it", "Chiamiamo alle dieci e mezza.", 10),
        ("it", "Chiamiamo alle 10 e 30.", 10),
        ("pt", "Ligamos às dez e meia.", 10),
        ("fr", "Nous appelons à 11 heures et demie.", 11),
    ],
)
def test_half_hours_are_those_of_their_language_and_no_others(language: str, text: str, hour: int) -> None:
    assert unsupported(text, (f"Monday {hour}:30",), languages=(language,)) == []
    for wrong in (f"Monday {hour}:00", f"Monday {hour + 1}:30", f"Monday {hour - 1}:30", f"Monday {hour}:15"):
        assert unsupported(text, (wrong,), languages=(language,)) != [], wrong
    assert carries(text, [time(hour, 30)], language=language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Alle elf. Alle zwei Lampen um elf Prozent."),
        ("it", "Alle undici persone e alle due lampade."),
        ("es", "A las once tiendas."),
        ("pt", "Às onze lojas."),
        ("en", "We have two thirty times, at two of our shops."),
        ("zh", "请注意三点建议，快一点。"),
        ("ja", "一時的に停止しました。"),
    ],
)
def test_hours_in_words_that_count_are_no_times(language: str, text: str) -> None:
    assert not [form for fact in facts_of(text, language=language) for form in fact.forms if ":" in form]


@pytest.mark.parametrize(
    ("language", "asked", "text"),
    [
        ("nl", "Ik bel om een afspraak te maken.", "Uw afspraak is om 13:00."),
        ("en", "Is it at one of your shops?", "Your appointment is at 1 PM."),
        ("fr", "Livrez-vous à une autre adresse ?", "Votre rendez-vous est à 13h."),
    ],
)
def test_an_article_that_a_customer_writes_supports_no_time(language: str, asked: str, text: str) -> None:
    assert unsupported(text, (asked,), languages=(language,)) != []
    assert unsupported(text, ("13:00",), languages=(language,)) == []
