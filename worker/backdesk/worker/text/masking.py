"""The masking of what watchers must not read: secrets, payment cards, social security numbers, in events and logs.

A safety net under bodies and libraries that tell too much, not a proof: a secret without a known form passes. Pure;
what is masked stays as it is when it is masked again. Order numbers, ids, amounts, times and UUIDs stay readable: a run
of digits is a card only with the first digits of a card issuer, a length that it uses, and a valid check digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from backdesk.worker.text.boundaries import BEGINS, EDGE, ENDS

SECRET, CARD, SSN = "[masked]", "[masked-card]", "[masked-ssn]"
#: Longest end of a stream that is held back as the beginning of a secret, and of a private key, in characters.
LONGEST_HELD, LONGEST_KEY = 400, 16_000

#: What a secret is called that stands in its own right: `password=...`, `"api_key": "..."`.
_NAMES = (
    r"pass(?:word|wd|phrase)|pwd|api[_-]?key|api[_-]?secret|client[_-]?secret|secret[_-]?(?:access[_-]?)?key|"
    r"(?:access|refresh|auth|session)[_-]?token|private[_-]?key|authorization"
)
#: What a secret holds or is preceded by, in lower case: text without any of it and without long numbers has none. Each
#: event of a model's answer counts tokens, so that the word alone is no hint: access, refresh and session stand before.
_HINTS = re.compile(
    r"pass|pwd|key|s[_-]?token|h[_-]?token|n[_-]?token|auth|secret|bearer|basic|sk[-_]|rk[-_]|pk[-_]|akia|asia|gh[pousr]_|github_pat_|xox|aiza|eyj"
    r"|://|ssn|social"
)
_HINTS_IN_JSON = re.compile(_HINTS.pattern.encode())
_LONG_NUMBER = re.compile(r"\d[\d -]{10}")
_LONG_NUMBER_IN_JSON = re.compile(_LONG_NUMBER.pattern.encode())

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
)
_TOKEN = re.compile(
    rf"{EDGE}(?:"
    r"(?:sk|rk|pk)[-_](?:[A-Za-z0-9]{1,12}[-_]){0,3}[A-Za-z0-9_-]{16,400}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{20,400}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,400}"
    r"|AIza[A-Za-z0-9_-]{35}"
    r"|eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{4,2000}\.[A-Za-z0-9_-]{0,2000}"
    r")(?![A-Za-z0-9])"
)
_BEARER = re.compile(
    rf"{EDGE}(bearer|basic)" r"(\s{1,3})(?=[^\s\"']{0,400}[0-9=])[A-Za-z0-9._~+/=-]{8,4000}", re.IGNORECASE
)
_NAMED = re.compile(
    rf"{EDGE}((?:[a-z0-9]{{0,20}}[_-]){{0,3}}(?:{_NAMES}))"
    r"((?:\\?[\"'])?\s{0,3}[=:\uff1a\uff1d]\s{0,3}(?:(?:bearer|basic)\s{1,3})?)"
    r"(\\\"[^\"\\]{1,400}(?:\\\"|\Z)|\"(?:[^\"\\]|\\.){1,400}(?:\"|\Z)|'[^']{1,400}(?:'|\Z)|[^\s\"',;&\\)}\]]{1,400}\]?)",
    re.IGNORECASE,
)
_NAME = re.compile(rf"(?:[a-z0-9]{{0,20}}[_-]){{0,3}}(?:{_NAMES})|secret", re.IGNORECASE)
_USERINFO = re.compile(r"(://)([^\s/@:\"']{0,100}:[^\s/@\"']{1,200})@")
#: Whole, or in the groups in which cards show their numbers.
_CARD = re.compile(
    rf"(?=\d){BEGINS}(?<!\d\.)"
    r"(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5})"
    rf"{ENDS}(?!\.\d)"
)
#: First digits of the issuers, each with the lengths that it uses.
_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"
    r"|3[47]\d{13}"
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}"
    r"|(?:30[0-5]\d|36\d\d|3[89]\d\d)\d{10,15}"
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"
    r"|62\d{14,17}"
)
_SSN = re.compile(rf"(?=\d){BEGINS}(?<!\d-)" r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}" rf"{ENDS}(?!-\d)")
#: Written otherwise it looks like amounts and ids, so its name must stand before it.
_NAMED_SSN = re.compile(
    rf"{EDGE}((?:ssn|social security){EDGE}" r"[^\d\n]{0,20})(\d{3} ?\d{2} ?\d{4})" rf"{ENDS}", re.IGNORECASE
)


def mask(text: str) -> str:
    """Return a text without the secrets, card numbers and social security numbers in it. Idempotent."""
    if _LONG_NUMBER.search(text):
        text = _SSN.sub(SSN, _CARD.sub(_masked_card, text))
    if _HINTS.search(text.lower()):
        text = _masked_secrets(text)
    return text


def masked(value: Any) -> Any:
    """Return a JSON value with its texts masked, and numbers that are cards; what is named a secret is masked whole."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {name: _of_field(name, each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [masked(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 10**12:
        return CARD if is_card(str(value)) else value
    return value


def may_hold_secrets(encoded: bytes) -> bool:
    """Whether JSON must be looked at closely; most must not, and this costs a microsecond."""
    return bool(_LONG_NUMBER_IN_JSON.search(encoded) or _HINTS_IN_JSON.search(encoded.lower()))


def is_card(digits: str) -> bool:
    """Whether digits are the number of a payment card: by issuer, length, and Luhn's check (ISO/IEC 7812-1)."""
    return _ISSUERS.fullmatch(digits) is not None and luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others: every second from the right doubled, digits added up."""
    doubled = [int(each) * (2 if at % 2 else 1) for at, each in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def cards_in(text: str) -> Iterator[str]:
    """Return the payment cards that a text names, as they are written."""
    return (found[0] for found in _CARD.finditer(text) if is_card(re.sub(r"\D", "", found[0])))


def social_security_numbers_in(text: str) -> Iterator[str]:
    """Return the US social security numbers that a text names: of no area 000, 666 or 9xx, of no group or serial 0."""
    yield from (found[0] for found in _SSN.finditer(text))
    yield from (found[2] for found in _NAMED_SSN.finditer(text))


class MaskedStream:
    """Masks a text that comes in pieces: what may be the beginning of something to mask waits for what follows it."""

    def __init__(self) -> None:
        self._held = ""

    def add(self, piece: str) -> str:
        """Return what may be shown by now, masked."""
        text = self._held + piece
        at = _held_from(text)
        self._held = text[at:]
        return mask(text[:at])

    def end(self) -> str:
        """Return what was held back, masked: nothing follows it."""
        text, self._held = self._held, ""
        return mask(text)


def _of_field(name: object, value: Any) -> Any:
    if isinstance(name, str) and isinstance(value, str) and value and _NAME.fullmatch(name):
        return SECRET
    return masked(value)


def _masked_card(found: re.Match[str]) -> str:
    return CARD if is_card(re.sub(r"\D", "", found[0])) else found[0]


def _masked_secrets(text: str) -> str:
    text = _NAMED_SSN.sub(rf"\1{SSN}", text)
    text = _PRIVATE_KEY.sub(SECRET, text)
    text = _USERINFO.sub(rf"\1{SECRET}@", text)
    text = _TOKEN.sub(SECRET, text)
    text = _NAMED.sub(_masked_value, text)
    return _BEARER.sub(rf"\1\2{SECRET}", text)


def _masked_value(found: re.Match[str]) -> str:
    quote = re.match(r"\\?[\"']", found[3])
    around = quote[0] if quote else ""
    return f"{found[1]}{found[2]}{around}{SECRET}{around}"


# --- the end of a stream ---

#: What tokens begin with; a word that is the beginning of one of these may become one.
_BEGINNINGS = "sk-,sk_,rk-,rk_,pk-,pk_,AKIA,ASIA,ghp_,gho_,ghu_,ghs_,ghr_,github_pat_,xox,AIza,eyJ"
_WORDS = (
    "password,passwd,passphrase,pwd,api_key,api-key,apikey,api_secret,client_secret,secret_key,secret_access_key,"
    "access_token,refresh_token,auth_token,session_token,private_key,authorization,bearer,basic,ssn,social"
)
_LONGEST_NUMBER = 80
_DIGITS_AT_END = re.compile(r"[\w.-]{0,40}\d[\d -]{0,40}\.?\Z")
_OPEN_AT_END = re.compile(
    rf"(?:{EDGE}(?:[a-z0-9]{{0,20}}[_-]){{0,3}}(?:{_NAMES})(?:\\?[\"'])?\s{{0,3}}"
    r"(?:[=:\uff1a\uff1d]\s{0,3}(?:(?:bearer|basic)\s{0,3})?(?:\\?\"[^\"]*|'[^']*|[^\s\"']*))?"
    rf"|{EDGE}(?:bearer|basic)\s{{0,3}}\S*"
    rf"|{EDGE}(?:ssn|social security){EDGE}[^\d\n]{{0,20}}[\d ]*"
    rf"|{EDGE}(?:(?:sk|rk|pk)[-_]|AKIA|ASIA|gh[pousr]_|github_pat_|xox|AIza|eyJ)[A-Za-z0-9_.-]*"
    r"|:(?:/(?:/[^\s/]*)?)?"
    r"|-{1,5}[A-Z ]{0,60}-{0,5})\Z",
    re.IGNORECASE,
)
_END_OF_KEY = re.compile(r"-----END [A-Z ]{0,40}-----")
_LAST_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}\Z")


def _held_from(text: str) -> int:
    """Return where the part begins that must wait for what follows it; the length of the text when nothing must."""
    key = text.rfind("-----BEGIN ")
    if key >= 0 and not _END_OF_KEY.search(text, key) and len(text) - key <= LONGEST_KEY:
        return key
    found = (
        _DIGITS_AT_END.search(text, max(len(text) - _LONGEST_NUMBER, 0)),
        _OPEN_AT_END.search(text, max(len(text) - LONGEST_HELD, 0)),
        _beginning(text),
    )
    return _before_secret(text, min((each.start() for each in found if each), default=len(text)))


def _before_secret(text: str, at: int) -> int:
    """Return where to divide a text instead of amid a secret that is whole already."""
    whole = (_PRIVATE_KEY, _NAMED, _BEARER, _TOKEN, _USERINFO, _CARD, _SSN, _NAMED_SSN)
    for pattern in whole if at < len(text) else ():
        spans = (each.span() for each in pattern.finditer(text))
        at = min([at, *(start for start, end in spans if start < at < end)])
    return at


def _beginning(text: str) -> re.Match[str] | None:
    """Return the last word if it may become a secret, or the name of one."""
    last = _LAST_WORD.search(text, max(len(text) - 40, 0))
    if last is None:
        return None
    # OPENAI_AP may become OPENAI_API_KEY.
    ends = [last[0][at:] for at in range(len(last[0])) if at == 0 or last[0][at - 1] in "_-"]
    named = any(f",{end.lower()}" in f",{_WORDS}" for end in ends)
    return last if named or f",{last[0]}" in f",{_BEGINNINGS}" else None
