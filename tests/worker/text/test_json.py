"""Strict JSON: what is written can be read by any parser, and a refusal names the place."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, Field

from backdesk.worker.text.json import DEEPEST, NotJson, Unreadable, decode, encode


class Loose(BaseModel):
    anything: Any = None
    ratio: float = 0.0
    hidden: float = Field(default=math.nan, exclude=True)


@dataclass
class Point:
    x: float


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def refusal(value: object) -> NotJson:
    with pytest.raises(NotJson) as caught:
        encode(value)
    return caught.value


@pytest.mark.parametrize("value", [nested(DEEPEST), Loose(anything=nested(DEEPEST - 1))])
def test_what_is_nested_as_deep_as_may_be_is_written(value: Any) -> None:
    assert encode(value).count(b"}") + encode(value).count(b"]") == DEEPEST


@pytest.mark.parametrize("levels", [DEEPEST + 1, 150, 201, 300, 5000])
def test_what_is_nested_deeper_is_refused(levels: int) -> None:
    assert refusal(nested(levels)).reason == f"is nested more than {DEEPEST} levels deep"
    assert refusal(Loose(anything=nested(levels - 1))).reason == f"is nested more than {DEEPEST} levels deep"


def test_brackets_in_texts_and_beside_each_other_are_no_depth() -> None:
    texts = {'q"[{': ["[" * 99, '\\"[', "[\\", '{"', "\\\\"], "[": '"', "]": {"": ""}}
    assert json.loads(encode([texts] * 99)) == [texts] * 99
    assert refusal([texts, nested(DEEPEST)]).reason.startswith("is nested")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("holder", "place"),
    [
        (lambda number: {"a": [1, {"b": number}]}, "a.1.b"),
        (lambda number: Loose(anything={"a": (number,)}), "anything.a.0"),
        (lambda number: Loose(ratio=number), "ratio"),
        (lambda number: {"models": [Loose(ratio=number)]}, "models.0.ratio"),
        (lambda number: {"point": Point(number), "none": None}, "point.x"),
        (lambda number: {7: number}, "7"),
        (lambda number: number, ""),
    ],
)
def test_a_number_that_is_not_finite_is_refused_by_its_place(holder: Any, place: str, number: float) -> None:
    error = refusal(holder(number))
    assert (error.field, error.reason) == (place, f"{number} is no number of JSON")


def test_what_is_not_written_and_what_only_sounds_so_are_no_numbers() -> None:
    assert json.loads(encode(Loose(anything=["NaN", None, "Infinity"]))) == {
        "anything": ["NaN", None, "Infinity"],
        "ratio": 0.0,
    }


@pytest.mark.parametrize("encoded", [b"[" * 250 + b"]" * 250, b"NaN", b'{"a":Infinity}', b"{", b"\xff"])
def test_what_cannot_be_read_says_why(encoded: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(encoded)


def test_what_stands_for_the_unreadable_is_short_and_printable() -> None:
    told = Unreadable.of(b"\xff\n" + b"x" * 10_000, ValueError("no\nJSON " * 900))
    assert len(told.text) == len(told.reason) == 200
    assert "\n" not in told.reason
    assert str(told).startswith("cannot be read: no JSON")
