"""What names a person or an account is not in a request that is kept masked; what things are found by is."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_core import from_json, to_json

from backdesk.worker.text.personal import impersonal, impersonal_json
from tests.support.confidences import KEPT, TOLD


def test_all_that_names_somebody_is_masked_at_any_depth_and_once() -> None:
    told = {"message": TOLD, "more": [{"texts": [TOLD, 10003]}], "card": 4111111111111111}
    kept = {"message": KEPT, "more": [{"texts": [KEPT, 10003]}], "card": "[masked-card]"}
    assert impersonal(told) == kept == impersonal(kept)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("电话是+8613812345678谢谢", "电话是[masked-telephone]谢谢"),
        ("身份证号11010519491231002X已登记", "身份证号[identity number]已登记"),
        ("私のマイナンバーは123456789018です", "私のマイナンバーは[identity number]です"),
        ("계좌 DE89370400440532013000입니다", "계좌 [identity number]입니다"),
    ],
)
def test_numbers_are_masked_where_no_space_parts_them_from_words(text: str, kept: str) -> None:
    assert impersonal(text) == kept == impersonal(kept)


@pytest.mark.parametrize(
    "value",
    [
        "Order 10003 of 2026-03-27 15:30, 1 249,00 EUR, tracking 00340434161094021501, sum +1249",
        "Call extension 4711 at 5 pm, by 30.03.2026, from 10.0.0.1:8080",
        "订单号A11010519491231002X。问题x+8613812345678。身份证号110105194912310021已登记",
        {"order_number": 1234567, "at": "2026-03-27T15:30:00Z", "id": "5f0c7f6e-8f3a-4f0e-9b1e-2f6a3f4f5d6c"},
        {"customer_id": "ada@example.com", "user_id": "+4930901820"},
        None,
    ],
)
def test_what_is_no_person_stays_and_so_does_what_jobs_are_found_by(value: Any) -> None:
    assert impersonal(value) == value
    assert impersonal_json(to_json(value)) == b""


def test_a_card_or_a_secret_stays_in_no_field_whatever_its_name() -> None:
    assert impersonal({"payment_id": "4111111111111111", "password": "x"}) == {
        "payment_id": "[masked-card]",
        "password": "[masked]",
    }


def test_of_what_cannot_be_read_nothing_is_kept() -> None:
    assert from_json(impersonal_json(b'{"message": "ada@exam')) is None
