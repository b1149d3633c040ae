"""The patterns by which facts are found in a text, built from what its language calls days and hours."""

from __future__ import annotations

import re
from functools import cache

from backdesk.quality.calendar import Calendar, calendar_of, either
from backdesk.quality.figures import MONEY, MONEY_WORD, NUMBER, PERCENT

_BOUNDS = "to|through|bis|au|a|al|alle|à|às|ao|até|tot|t/m|do|až|til|till|до|по|ile|έως|až|hingga|đến|sampai|से|עד|إلى"
_LISTED = "and|und|et|y|e|en|i|og|och|ja|ve|și|és|и|і|та|και|or|oder|ou|o|of|lub|nebo|eller|tai|veya|sau|vagy|или|або"
#: What stands between the ends of a range; and the same, or between two of a list.
RANGE = rf"(?:\s?[-~]\s?|\s(?:{_BOUNDS})\s|\s?(?:から|至|到|부터|에서)\s?|'[dt][ae]n\s)"
TO = rf"(?:{RANGE}|\s(?:{_LISTED})\s)"
_UNITS = "st|nd|rd|th|ms|s|min|kg|g|cm|mm|km|m|gb|mb|v|w|hz|x|k"
_OF = r"(?:of\s|de\s|d'|di\s|del\s|do\s|da\s|den\s|di\s)?"
#: What makes "de -1 à 18 °C" and "at 5 to 16 °C" no times of day.
DEGREES = r"(?:[°º]\s?[CF]\b|[°\u2103\u2109])"
_ORDINAL = r"(?:st\b|nd\b|rd\b|th\b|er\b|[.º°ª]|-?(?:го|е|ого|[aáeé]n?|ig|től)\b)?"
_YEAR = r"(?:,?\s?(?:de\s|del\s|năm\s|of\s)?"
_O_CLOCK = (
    r"uhr\b|o'clock\b|часов\b|часа\b|час\b|годин\w{0,2}\b|hodin\w{0,2}\b|godzin\w*|ór[aá]\w*|ore\b|uur\b|heures?\b|horas?\b"
    r"|बजे|giờ"
)
_AT = (
    r"(?:kl|klo|klockan|klokken|kello|alle|alle\sore|dalle|saat|jam|pukul|lúc|godz|godzinie|godzinach|um|om|à|a\slas|las|às|at|la\sora|ora"
    r"|στις|בשעה|الساعة)\.?\s"
)
#: Where something may begin, a number near it, so that the rest is not tried at every letter.
_BEGINNING = r"(?:(?=\d)|(?<![A-Za-z0-9_\u00c0-\u052f])(?=[^\W\d]|[€$£¥₩₺₽₴₹₪])(?=\D{1,40}\d))"
_HOUR_SIGN = r"\s?h\s?|(?-i:u)(?=\d\d(?!\d)|\b)|\s?[时時]\s?|\s?시\s?|\s?giờ\s?"
#: Japanese counts things with this sign. Chinese writes hours with it, and counts what is said: "以下3点", "2点建议".
_POINT = (
    r"\s?[点點]\s?(?!建议|建議|原因|说明|說明|要求|注意"
    r"|意见|意見|内容|內容|问题|問題|要点|理由|提示|事项|事項|需要|补充|:)"
)
_NOT_COUNTED = r"(?<!(?:以下|以上|下面|下列|如下|上述)\s)(?<![这這那几幾]\s)"
#: No date and no year goes on as an amount does: "im Oktober 12,00 €".
_NO_AMOUNT = rf"(?!\d|[.,]\d{{1,3}}(?!\d)|(?:\s\d{{3}})*(?:[.,]\d\d)?\s?(?:{MONEY}|{PERCENT}))"
_PAST = rf"(?:\s(?P<minute_o>[0-5]\d)(?![\d:]){_NO_AMOUNT})?"
#: What follows an hour, and not a count: "alle undici di venerdì", "alle undici persone".
_NO_NOUN = r"\s?(?:[.,;:!?)]|\Z)|\s(?:de|del|di|da|do|em|en|in|y|e|o|ou|para|per|el|il|no|na|este|esta)\b"

#: What counts hours, and what names one: "три часа" is a span, "три часа дня" a time.
HOUR_WORD = re.compile(_O_CLOCK, re.IGNORECASE)


@cache
def pattern_for(language: str | None) -> re.Pattern[str]:
    """Return what finds the facts of a text in that language, and in English; `facts` reads its groups."""
    words = calendar_of(language)
    month = either(words.months)
    half = rf"(?:{either(words.halves)}|[ap]\.?\s?m\b\.?)"
    hour_sign = _HOUR_SIGN if language == "ja" else f"{_HOUR_SIGN}|{_POINT}"
    return re.compile(
        rf"""{_BEGINNING}(?:
      (?<![A-Za-z0-9])(?P<ymd>\d{{4}}(?P<sep>\.\s?|[-/])\d{{1,2}}(?P=sep)\d{{1,2}})(?=T|(?!\d)(?!-\d))
    | (?<!\d)(?:(?P<cjk_year>\d{{4}})\s?[年년]\s?)?
      (?P<cjk_month>\d{{1,2}})\s?[月월]\s?(?P<cjk_day>\d{{1,2}}){_NO_AMOUNT}\s?[日일号號]?
    | (?<![A-Za-z0-9.,])(?P<date>\d{{1,2}}(?P<dot>\.\s?|[-/])\d{{1,2}}(?P=dot)(?:\d{{4}}|\d{{2}}))(?!\d|[.,]\d)
    | (?<![A-Za-z0-9.,])(?P<short_date>\d{{1,2}}\.\s?\d{{1,2}}\.(?!\d)|\d\d/\d\d(?![\d/])|\d{{1,2}}/\d\d(?![\d/]))
    | (?<![A-Za-z0-9])(?:(?P<first_day>\d{{1,2}}){_ORDINAL}{TO}(?:den\s|the\s|el\s|il\s|le\s|o\s)?)?
      (?P<day>\d{{1,2}}){_ORDINAL}\s?{_OF}(?:[בלמ]|ال)?(?P<month>{month})\.?(?:{_YEAR}(?P<year>\d{{4}})(?!\d){_NO_AMOUNT})?)?
    | (?:(?P<year_first>\d{{4}})\.?\s)?(?=[^\W\d_]{{3,14}}\.?,?\s\d)[בלמ]?(?P<month_first>{month})\.?,?\s
      (?:(?P<first_day_second>\d{{1,2}}){_ORDINAL}{TO})?
      (?P<day_second>\d{{1,2}})(?![\d:]){_NO_AMOUNT}{_ORDINAL}(?:{_YEAR}(?P<year_last>\d{{4}})(?!\d){_NO_AMOUNT})?)?
    | (?P<month_only>{month})\.?,?\s(?:de\s|del\s)?(?P<month_year>\d{{4}})(?!\d){_NO_AMOUNT}
    | (?:(?<![A-Za-z0-9.,:])|(?<=\dT))
      (?:(?P<since>\d{{1,2}})(?:[:.](?P<since_minute>\d\d))?\s?(?P<since_half>{half})?{TO}(?:las\s|le\s|the\s)?)?
      (?:(?P<half_before>{half})\s?)?
      (?:(?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?::\d\d(?:\.\d+)?)?(?:\s?(?P<half>{half})|\s?h\b)?(?!\d)
        |{_NOT_COUNTED}(?P<hour_h>\d{{1,2}})(?P<sign>{hour_sign})(?:(?P<minute_h>\d\d)(?!\d)\s?(?:分|분|min\b|phút)?|(?P<half_past>半|반|rưỡi))?
         (?![A-Za-z0-9間间])(?!\s?간)(?:\s?(?P<half_h>{half}))?
        |(?P<hour_w>\d{{1,2}})(?:[.](?P<minute_w>\d\d))?\s?(?:(?P<o_clock>{_O_CLOCK}){_PAST}(?:\s?(?P<half_o>{half}))?|(?P<half_w>{half}))
      )(?![A-Za-z0-9])
    | (?<![^\W\d_]){_AT}(?P<hour_at>\d{{1,2}})(?:[.](?P<minute_at>\d\d))?
      (?:{TO}(?P<until>\d{{1,2}})(?:[.](?P<until_minute>\d\d))?)?(?![\d:]|[.,]\d)
      (?!u\d|u\b|\s?h(?:\d|\b|\s\d)|\s?(?:{_O_CLOCK}))(?!{_ORDINAL}\s?{_OF}{month})(?:\s?(?P<half_at>{half}))?(?!\s?(?:{MONEY}|{PERCENT}))
      (?!(?:{TO}[-\u2212]?\d{{1,2}})?\s?{DEGREES})
    | (?<![A-Za-z0-9.,])(?:(?P<least>\d{{1,3}}){TO})?
      (?P<count>\d{{1,4}})[\s-]?(?:[^\W\d_]{{4,14}}\s)??(?P<span>{either(words.spans)})
    | (?<![A-Za-z0-9.,:])(?P<range_from>\d{{1,2}}\.[0-5]\d){RANGE}(?P<range_to>\d{{1,2}}\.[0-5]\d)(?!\d|[.,]\d)
      (?!\s?(?:{MONEY}|{PERCENT}))
    | (?:(?P<before>(?:{MONEY_WORD}|yüzde)\s?))?(?<![A-Za-z0-9_.,])(?P<number>{NUMBER})
      (?P<after>(?:,-)?\s?(?:{MONEY}|{PERCENT})|(?:{_UNITS})\b|-[a-zäöüß]{{3,}}\b)?(?![\w-]*[A-Za-z0-9])
    | (?P<id>(?<![A-Za-z0-9_])(?=[\w-]{{0,60}}\d)[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*(?![A-Za-z0-9])))
    """,
        re.VERBOSE | re.IGNORECASE,
    )


@cache
def worded_spans_for(language: str | None) -> re.Pattern[str]:
    """Return what finds a span whose number is a word, such as "two weeks", in that language and in English."""
    words = calendar_of(language)
    number = either(words.numbers)
    return re.compile(
        rf"(?:(?P<least>{number}){TO})?(?P<count>{number})[\s-]?(?:[^\W\d_]{{4,14}}\s)??(?P<span>{either(words.spans)})"
        rf"(?:\s(?P<half>{either(words.halves)}))?",
        re.IGNORECASE,
    )


@cache
def before_time_for(language: str | None) -> re.Pattern[str]:
    """Return what stands right before a number that may be a time of day, in that language and in English."""
    return re.compile(rf"{either(calendar_of(language).at)}\s\Z", re.IGNORECASE)


@cache
def named_times_for(language: str | None) -> re.Pattern[str]:
    """Return what finds "noon" and its kin in that language and in English."""
    return re.compile(either(calendar_of(language).clock), re.IGNORECASE)


@cache
def parts_of_hours_for(language: str | None) -> re.Pattern[str]:
    """Return what finds "half an hour" and its kin in that language and in English."""
    return re.compile(either(calendar_of(language).minutes), re.IGNORECASE)


@cache
def worded_hours_for(language: str | None) -> re.Pattern[str]:
    """Return what finds a time whose hour is a word, such as "at five", in that language and in English."""
    words = calendar_of(language)
    half = rf"(?:{either(words.halves)}|[ap]\.?m\b\.?)"
    hour = either({**words.hours, **words.numbers})
    return re.compile(
        rf"(?<![^\W\d_])(?:{_by(words, 'hours_after')}\s(?P<after>{hour})(?:\s(?P<half_after>{half})|(?={_NO_NOUN}))"
        rf"|{_AT}(?P<at>{hour})(?:\s(?P<o_clock>{_O_CLOCK}))?(?:\s(?P<half_at>{half}))?"
        rf"|(?P<clock>{hour})\s(?:uhr|o'clock)\b(?:\s(?P<half_clock>{half}))?)"
        rf"|(?P<half_east>{half})\s?(?P<east>{hour})\s?[时時点點시](?!間)(?P<half_past>半|\s?반)?",
        re.IGNORECASE,
    )


@cache
def half_hours_for(language: str | None) -> re.Pattern[str]:
    """Return what finds "half past three", "halb vier" and "11 y media" in that language and in English."""
    words = calendar_of(language)
    hour = rf"(?:{either({**words.hours, **words.numbers})}|(?<![\d.,:])\d{{1,2}}(?!\d))"
    return re.compile(
        rf"(?:{_by(words, 'half_past')}\s(?P<past>{hour})|{_by(words, 'half_to')}\s(?P<to>{hour})"
        rf"|{either(words.at)}\s(?P<then>{hour})\s{_by(words, 'then_half')}(?!-))"
        rf"(?:\s(?P<half>{either(words.halves)}))?",
        re.IGNORECASE,
    )


def _by(words: Calendar, name: str) -> str:
    return either(word for word, what in words.by_hours.items() if what == name)


@cache
def weekdays_for(language: str | None) -> re.Pattern[str]:
    """Return what finds a weekday (`day`), or a range of them (`first`, `last`), in that language and in English."""
    words = calendar_of(language)
    full = either(words.weekdays, words.homonyms)
    short = either(words.short_weekdays)
    return re.compile(
        rf"(?P<first>{short}|{full})\.?{RANGE}(?P<last>{full}|{short})|(?P<day>{full})",
        re.IGNORECASE,
    )


@cache
def relative_for(language: str | None) -> re.Pattern[str]:
    """Return what finds "tomorrow" and its kin in that language and in English."""
    return re.compile(either(calendar_of(language).relative), re.IGNORECASE)
