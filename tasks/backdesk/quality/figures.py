"""Numbers and amounts as values: 1,249.00 and 1.249,00 and 1 249 are one number, and € and euros one currency."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

#: A number as any country groups it, India's lakhs and Switzerland's apostrophes among them.
NUMBER = r"\d{1,3}(?:,\d{2})*,\d{3}(?:\.\d{1,2})?(?!\d)|\d{1,3}(?:[,.' ]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d+)?"
#: By ISO 4217 code: how each currency is written; a sign of several is each of them.
CURRENCIES = {
    "EUR": r"€|euros?\b|eur\b|euroa\b|eurót?\b|евро\b|євро\b|ευρώ|يورو|אירו|יורו|यूरो|ユーロ|유로|欧元|歐元|ยูโร",
    "BRL": r"r\$|brl\b|reais\b",
    "USD": r"\$|usd\b|dollars?\b|dólar(?:es)?\b|dollaria?\b|доллар\w*|ドル|달러|美元|دولار\w*|דולר\w*|डॉलर",
    "CAD": r"\$|ca\$|cad\b|dollars?\b",
    "GBP": r"£|gbp\b|pounds?\b|pfund\b|livres?\b|libras?\b|sterline\b|фунт\w*|ポンド|英镑|파운드",
    "CHF": r"chf\b|sfr\b|fr\.|franken\b|francs?\b|franchi\b",
    "JPY": r"¥|円|jpy\b|yen\b|엔\b|日元",
    "CNY": r"¥|元|cny\b|rmb\b|yuan\b|人民币|위안",
    "KRW": r"₩|원|krw\b",
    "PLN": r"zł\b|zlot\w*|złot\w*|pln\b",
    "CZK": r"kč|czk\b|korun\w*",
    "SEK": r"kr\b|sek\b|kronor\b",
    "DKK": r"kr\b|dkk\b|kroner\b",
    "NOK": r"kr\b|nok\b|kroner\b",
    "HUF": r"ft\b|huf\b|forint\w*",
    "RON": r"lei\b|ron\b",
    "TRY": r"₺|tl\b|(?-i:TRY)\b|lira\w*",
    "RUB": r"₽|rub\b|руб\w*\.?|рубл\w*",
    "UAH": r"₴|грн\b|uah\b|грив\w*",
    "BGN": r"лв\b|bgn\b|лева\b",
    "INR": r"₹|inr\b|rs\.?|rupees?\b|रुपये|रुपए",
    "ILS": r"₪|ils\b|ש\"ח|שקל\w*",
}  # fmt: skip
CENTS = r"cents?\b|centimes?\b|céntimos?\b|centesimi\b|cêntimos?\b|groszy\b|센트|セント"
MONEY = "|".join([*dict.fromkeys("|".join(CURRENCIES.values()).split("|")), CENTS])
#: The same where it may stand amid other words.
MONEY_WORD = rf"[€$£¥₩₺₽₴₹₪]|(?<![^\W\d_])(?:{MONEY})"
PERCENT = (
    r"%|percent\b|per\scent\b|prozent\b|pour\scent\b|por\sciento\b|por\scento\b|per\scento\b|procent\w*|prosent\w*|százalék\w*"
    r"|процент\w*|відсотк\w*|phần\străm|persen\b|パーセント|퍼센트|프로|بالمئة|بالمائة|في\sالمئة|אחוז\w*|प्रतिशत|τοις\sεκατό"
)
_CURRENCY = {code: re.compile(pattern, re.IGNORECASE) for code, pattern in CURRENCIES.items()}


def readings(written: str) -> frozenset[str]:
    """Return a number with points and commas in all ways that make sense: 1,249 is 1249 or 1.249."""
    bare = re.sub(r"[' ]", "", written)
    last = max(bare.rfind(","), bare.rfind("."))
    whole = re.sub(r"[,.]", "", bare)
    if last < 0 or bare.count(bare[last]) > 1:  # a mark that comes twice parts thousands
        found = {whole}
    else:
        found = {re.sub(r"[,.]", "", bare[:last]) + "." + bare[last + 1 :]}
        if len(bare) - last == 4:
            found.add(whole)
    return frozenset(decimal(Decimal(each)) for each in found)


def decimal(number: Decimal | float) -> str:
    """Return a number in its one form: 1249 for 1249.00."""
    exact = Decimal(str(number))
    try:
        return f"{exact.normalize():f}"
    except InvalidOperation:  # more digits than the context holds
        return str(exact)


def currencies_of(written: str) -> frozenset[str]:
    """Return the currencies that a sign or word may mean, by ISO 4217."""
    return frozenset(code for code, pattern in _CURRENCY.items() if pattern.search(written))
