"""Numbers that identify a person or an account in many countries, where check digits tell them from an order.

A number counts when its form and its check say so, together rarely by chance. Where chance passes one in ten of a
common form, such as eleven digits, the name of the number must stand before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from backdesk.worker.text.boundaries import BEGINS, ENDS
from backdesk.worker.text.masking import luhn

#: What stands in the place of a number that must not be repeated.
HIDDEN = "[identity number]"
IBAN = "IBAN"
#: What each of these has; most texts have not, and to look for all kinds takes a hundred times as long.
_SOME_DIGITS = re.compile(r"\d(?:\D{0,8}\d){5}")
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_HETU_LETTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
#: Values of the odd places of an Italian codice fiscale, by digit and by letter.
_ODD_DIGITS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ODD_LETTERS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


@dataclass(frozen=True, slots=True)
class IdentityNumber:
    """One kind of number: how it is written, and whether what is written so is one."""

    name: str
    pattern: re.Pattern[str]
    is_one: Callable[[str], bool]


def identity_numbers_in(text: str) -> Iterator[str]:
    """Return the numbers of persons and accounts that a text names, as they are written."""
    return (number for _, number in _numbers_in(text))


def hide(text: str) -> str:
    """Return a text without these numbers."""
    for number in identity_numbers_in(text):
        text = text.replace(number, HIDDEN)
    return text


def hide_but_ends(text: str) -> str:
    """Return a text without these numbers, but the last four characters of accounts, which tell these apart."""
    for kind, number in _numbers_in(text):
        text = text.replace(number, f"[{IBAN} …{_bare(number)[-4:]}]" if kind == IBAN else HIDDEN)
    return text


def _numbers_in(text: str) -> Iterator[tuple[str, str]]:
    if not _SOME_DIGITS.search(text):
        return
    for kind in _KINDS:
        for found in kind.pattern.finditer(text):
            if kind.is_one(_bare(found["number"])):
                yield kind.name, found["number"]


def _bare(number: str) -> str:
    return re.sub(r"[\s./-]", "", number).upper()


# --- checks, each of the bare number ---


def _iban(number: str) -> bool:
    """ISO 13616: the first four characters to the end, letters as 10 to 35, and the remainder by 97 is 1."""
    return int("".join(str(int(each, 36)) for each in number[4:] + number[:4])) % 97 == 1


def _steuer_id(number: str) -> bool:
    """Germany's tax id: of the first ten digits one comes twice or three times, and ISO 7064 MOD 11,10."""
    most = max(number[:10].count(each) for each in set(number[:10]))
    product = 10
    for digit in number[:10]:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return most in (2, 3) and (11 - product) % 10 == int(number[10])


def _dni(number: str) -> bool:
    """Spain's DNI and NIE: the letter is the remainder by 23."""
    digits = number[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return _DNI_LETTERS[int(digits) % 23] == number[-1]


def _nir(number: str) -> bool:
    """France's NIR: the last two digits are 97 less the remainder of the others by 97."""
    body = number[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(body) % 97 == int(number[13:])


def _codice_fiscale(number: str) -> bool:
    """Italy's: a value for each character, another at odd places, modulo 26."""
    places = [int(each) if each.isdigit() else ord(each) - 65 for each in number[:15]]
    odd = [
        (_ODD_DIGITS if each.isdigit() else _ODD_LETTERS)[place] for each, place in zip(number, places, strict=False)
    ]
    return chr(65 + (sum(odd[::2]) + sum(places[1::2])) % 26) == number[15]


def _pesel(number: str) -> bool:
    """Poland's: weights 1, 3, 7, 9, and a day of birth."""
    weighed = sum(int(each) * weight for each, weight in zip(number, (1, 3, 7, 9) * 3, strict=False))
    month = int(number[2:4]) % 20
    return (weighed - int(number[10]) * 7 + int(number[10])) % 10 == 0 and _is_day(number[:2], month, number[4:6])


def _bsn(number: str) -> bool:
    """The Netherlands': weights 9 to 2 and -1, the sum divides by 11."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(int(each) * weight for each, weight in zip(number, weights, strict=True)) % 11 == 0


def _cpf(number: str) -> bool:
    """Brazil's: two digits, each by weights down to 2, modulo 11."""
    digits = [int(each) for each in number]
    ends = (sum(digits[at] * (size + 1 - at) for at in range(size)) * 10 % 11 % 10 for size in (9, 10))
    return len(set(digits)) > 1 and list(ends) == digits[9:]


def _personnummer(number: str) -> bool:
    """Sweden's: Luhn over ten digits, and a day of birth."""
    return luhn(number[-10:]) and _is_day(number[-10:-8], int(number[-8:-6]), number[-6:-4])


def _hetu(number: str) -> bool:
    """Finland's: the sign is the remainder of the nine digits by 31."""
    digits = re.sub(r"\D", "", number[:-1])[:9]
    return _HETU_LETTERS[int(digits) % 31] == number[-1]


def _tckn(number: str) -> bool:
    """Türkiye's: two check digits over eleven."""
    digits = [int(each) for each in number]
    tenth = (sum(digits[0:9:2]) * 7 - sum(digits[1:8:2])) % 10
    return digits[9] == tenth and digits[10] == sum(digits[:10]) % 10


def _resident_id(number: str) -> bool:
    """China's: ISO 7064 MOD 11-2 over eighteen characters."""
    weighed = sum(int(each) * 2 ** (17 - at) for at, each in enumerate(number[:17]))
    return "10X98765432"[weighed % 11] == number[17]


def _my_number(number: str) -> bool:
    """Japan's: weights 6 to 2 and 7 to 2, modulo 11."""
    weighed = sum(
        int(each) * weight for each, weight in zip(number[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=True)
    )
    return int(number[11]) == (0 if weighed % 11 < 2 else 11 - weighed % 11)


def _snils(number: str) -> bool:
    """Russia's: weights 9 to 1, modulo 101."""
    weighed = sum(int(each) * (9 - at) for at, each in enumerate(number[:9])) % 101
    return int(number[9:]) == weighed % 100


def _is_day(year: str, month: int, day: str) -> bool:
    try:
        date(2000 + int(year), month, int(day) % 60)  # coordination numbers of Sweden are days and 60
    except ValueError:
        return False
    return True


def _kind(name: str, number: str, is_one: Callable[[str], bool], *, named: str = "") -> IdentityNumber:
    before = rf"{BEGINS}(?:{named})[^\d\n]{{0,30}}" if named else rf"{BEGINS}(?<!-)"
    return IdentityNumber(name, re.compile(rf"{before}(?P<number>{number}){ENDS}(?!-)", re.IGNORECASE), is_one)


_KINDS = (
    _kind(IBAN, r"[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?", _iban),
    _kind("Steuer-ID", r"[1-9]\d \d{3} \d{3} \d{3}", _steuer_id),
    _kind("Steuer-ID", r"[1-9]\d{10}", _steuer_id, named=r"steuer-?id|steuer-?identifikationsnummer|idnr"),
    _kind("DNI", r"(?:\d{8}|[XYZ]-?\d{7})-?[A-Z]", _dni),
    _kind("NIR", r"[12] ?\d\d ?[01]\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d", _nir),
    _kind("codice fiscale", r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]", _codice_fiscale),
    _kind("PESEL", r"\d{11}", _pesel, named="pesel"),
    _kind("BSN", r"\d{9}|\d{4}\.\d{2}\.\d{3}", _bsn, named=r"bsn|burgerservicenummer|sofinummer"),
    _kind("CPF", r"\d{3}\.\d{3}\.\d{3}-\d\d", _cpf),
    _kind("personnummer", r"(?:19|20)?\d{6}[-+]\d{4}", _personnummer),
    _kind("henkilötunnus", r"\d{6}[-+A]\d{3}[0-9A-Y]", _hetu),
    _kind("TCKN", r"[1-9]\d{10}", _tckn, named=r"tckn|t\.?c\.? kimlik|kimlik"),
    _kind("resident id", r"[1-9]\d{5}(?:19|20)\d\d[01]\d[0-3]\d\d{3}[\dX]", _resident_id),
    _kind("My Number", r"\d{4} ?\d{4} ?\d{4}", _my_number, named=r"マイナンバー|個人番号|my number"),
    _kind("SNILS", r"\d{3}-\d{3}-\d{3} \d\d", _snils),
)
