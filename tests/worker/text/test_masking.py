"""Masking: secrets, cards and social security numbers do not reach watchers; numbers of the trade do."""

from __future__ import annotations

import time

import pytest

from backdesk.worker.text.json import encode
from backdesk.worker.text.masking import CARD, SECRET, SSN, MaskedStream, mask, masked, may_hold_secrets

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nq83vEjRWeJ\n-----END RSA PRIVATE KEY-----"
SECRETS = {
    "sk-proj-abcdefghij0123456789ABCD": SECRET,
    "sk_live_abcdefghij0123456789": SECRET,
    "AKIAIOSFODNN7EXAMPLE": SECRET,
    f"ghp_{'a1' * 18}": SECRET,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def": SECRET,
    "Authorization: Bearer abc123def456ghi": f"Authorization: Bearer {SECRET}",
    "bearer abc123def456ghi.": f"bearer {SECRET}",
    "password=hunter2 and more": f"password={SECRET} and more",
    "OPENAI_API_KEY=abc": f"OPENAI_API_KEY={SECRET}",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG": f"aws_secret_access_key = {SECRET}",
    '{"password": "hun ter2", "a": 1}': f'{{"password": "{SECRET}", "a": 1}}',
    'said password=\\"hunter2\\" once': f'said password=\\"{SECRET}\\" once',
    "redis://:opensesame@host:6379/0": f"redis://{SECRET}@host:6379/0",
    f"{KEY}\nand after": f"{SECRET}\nand after",
    "4111 1111 1111 1111": CARD,
    "5555-5555-5555-4444.": f"{CARD}.",
    "card:378282246310005": f"card:{CARD}",
    "3782 822463 10005": CARD,
    "123-45-6789": SSN,
    "SSN 123 45 6789": f"SSN {SSN}",
    "カード番号は4111111111111111です": f"カード番号は{CARD}です",
    "卡号4111111111111111。谢谢": f"卡号{CARD}。谢谢",
    "카드는 4111111111111111입니다": f"카드는 {CARD}입니다",
    "บัตร4111111111111111ครับ": f"บัตร{CARD}ครับ",
    "SSNは123-45-6789です": f"SSNは{SSN}です",
    "ssnは123456789です": f"ssnは{SSN}です",
    "キーはsk-proj-abcdefghijklmnopqrstuvwx です": f"キーは{SECRET} です",
    "键AKIAABCDEFGHIJKLMNOP": f"键{SECRET}",
    "密码是Bearer abcdefghijklmnop1234": f"密码是Bearer {SECRET}",
    "密码password\uff1ahunter2": f"密码password\uff1a{SECRET}",
}
HARMLESS = [
    "orders 10003, 10004 and 4711",
    "1234567890123456",
    "4111 1111 1111 1112",
    "2026-11-20T21:36:04.311Z, or 2026-11-20 21:36:04",
    "1763674564311 ms, 1763674564311123456 ns",
    "job 41111111-1111-1111-1111-111111111111, 0b54e2a04111111111111111a5d1c2f3",
    "0.4111111111111111 of 49.90 EUR, 1,249.00 USD, 120 60 2000 mm",
    "refund R-10003, ticket T-000001, reference BD-12345678, call_1_0",
    "the bearer of this letter has forgotten the password",
    "ご注文4111111111111112です",
    "tokens: 12, key: value, https://host/path?order=1",
]


@pytest.mark.parametrize(("text", "shown"), SECRETS.items())
def test_a_secret_is_masked_and_what_is_around_it_stays(text: str, shown: str) -> None:
    assert mask(f"It says {text}") == f"It says {shown}"


@pytest.mark.parametrize("text", [*SECRETS, *HARMLESS])
def test_what_is_masked_stays_as_it_is_when_masked_again(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_numbers_ids_amounts_and_times_stay_readable(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    "text",
    ["é4111111111111111", "카드A4111111111111111", "番号4111111111111111X", "受付task-proj-abcdefghijklmnopqrstuvwx"],
)
def test_a_number_stays_that_is_joined_to_letters_of_a_script_with_spaces(text: str) -> None:
    assert mask(text) == text


def test_json_is_masked_by_value_and_by_the_name_of_the_field() -> None:
    data = {"password": "a b", "args": {"card": 4111111111111111, "at": 1763674564311, "notes": ["sk-" + "a1" * 10]}}
    expected = {"password": SECRET, "args": {"card": CARD, "at": 1763674564311, "notes": [SECRET]}}
    assert masked(data) == expected
    assert masked(masked(data)) == expected


@pytest.mark.parametrize("text", SECRETS)
def test_json_with_a_secret_is_looked_at_closely(text: str) -> None:
    assert may_hold_secrets(encode({"text": text}))


def test_json_of_everyday_is_not() -> None:
    assert not may_hold_secrets(encode({"tool": "look_up_order", "args": {"order_number": 10003}, "fraction": 0.28}))


@pytest.mark.parametrize(("text", "shown"), SECRETS.items())
def test_a_secret_in_two_pieces_of_a_stream_is_masked_wherever_it_is_cut(text: str, shown: str) -> None:
    for cut in range(1, len(text)):
        stream = MaskedStream()
        assert stream.add(f"Hi, {text[:cut]}") + stream.add(text[cut:]) + stream.end() == f"Hi, {shown}"


@pytest.mark.parametrize(("text", "shown"), SECRETS.items())
def test_a_secret_that_is_streamed_letter_by_letter_is_masked(text: str, shown: str) -> None:
    stream = MaskedStream()
    assert "".join(map(stream.add, f"Hi, {text}")) + stream.end() == f"Hi, {shown}"


@pytest.mark.parametrize("text", HARMLESS)
def test_a_stream_of_harmless_text_comes_out_as_it_went_in(text: str) -> None:
    stream = MaskedStream()
    assert "".join(map(stream.add, text)) + stream.end() == text


def test_a_stream_holds_back_no_more_than_what_may_become_a_secret() -> None:
    stream = MaskedStream()
    assert stream.add("Your order 41") == "Your order "
    assert stream.add("11 is on its way.") == "4111 is on its way."


@pytest.mark.parametrize(
    "piece", ["1 ", "1", "-", "a-", "a_", "password", "sk-", "eyJ", "://:", "4111 ", "bearer ", "ssn "]
)
def test_no_text_takes_long_to_mask(piece: str) -> None:
    text = (piece * 10_000)[:10_000]
    began = time.process_time()
    mask(text)
    MaskedStream().add(text)
    assert time.process_time() - began < 0.5
