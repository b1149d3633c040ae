"""Options become the fields of a request, by the JSON schema of its kind."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from backdesk.cli.options.request_fields import fields_of, request_from
from backdesk.worker.errors import InvalidRequest


class Part(BaseModel):
    name: str


class Everything(BaseModel):
    text: str
    count: int = 3
    ratio: float = 0.5
    urgent: bool = False
    maybe: int | None = None
    level: Literal["low", "high"] = "low"
    tags: list[str] = []
    numbers: list[int] = []
    part: Part | None = None
    options: dict[str, Any] = {}
    either: int | str = 0
    some_thing: str = Field("", description="Two words.")


SCHEMA = Everything.model_json_schema()


def test_text_becomes_what_the_schema_says() -> None:
    options = ["--text", "12", "--count", "12", "--ratio", "0.25", "--maybe", "7", "--level", "high"]

    assert request_from(options, SCHEMA) == {"text": "12", "count": 12, "ratio": 0.25, "maybe": 7, "level": "high"}


@pytest.mark.parametrize(("words", "value"), [("yes", True), ("TRUE", True), ("0", False), ("off", False)])
def test_a_yes_or_no_field_understands_the_usual_words(words: str, value: bool) -> None:
    assert request_from(["--urgent", words], SCHEMA) == {"urgent": value}


def test_a_yes_or_no_field_may_stand_alone_and_be_negated() -> None:
    assert request_from(["--urgent", "--text", "hi"], SCHEMA) == {"urgent": True, "text": "hi"}
    assert request_from(["--no-urgent"], SCHEMA) == {"urgent": False}


def test_a_list_is_given_word_by_word_or_as_json() -> None:
    assert request_from(["--tags", "7", "--tags", "b"], SCHEMA) == {"tags": ["7", "b"]}
    assert request_from(["--numbers", "1", "--numbers", "2"], SCHEMA) == {"numbers": [1, 2]}
    assert request_from(["--numbers", "[1, 2]"], SCHEMA) == {"numbers": [1, 2]}


def test_an_object_is_given_as_json() -> None:
    assert request_from(["--part", '{"name": "screw"}'], SCHEMA) == {"part": {"name": "screw"}}


def test_a_field_of_two_types_takes_the_first_that_fits() -> None:
    assert request_from(["--either", "5"], SCHEMA) == {"either": 5}
    assert request_from(["--either", "five"], SCHEMA) == {"either": "five"}


def test_a_name_is_written_with_dashes_or_underscores_and_takes_an_equals_sign() -> None:
    assert request_from(["--some-thing", "a"], SCHEMA) == request_from(["--some_thing=a"], SCHEMA)


def test_a_value_may_begin_with_a_dash() -> None:
    assert request_from(["--text", "-5 degrees", "--count", "-1"], SCHEMA) == {"text": "-5 degrees", "count": -1}


def test_an_unknown_option_is_refused_with_the_fields_listed() -> None:
    with pytest.raises(InvalidRequest, match=r"--txet is no option and no field .* --text <string>, --count <integer>"):
        request_from(["--txet", "hi"], SCHEMA)


def test_a_word_without_an_option_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'stray'"):
        request_from(["stray"], SCHEMA)


@pytest.mark.parametrize(("option", "text"), [("--count", "many"), ("--urgent", "maybe"), ("--part", "[1]")])
def test_text_that_does_not_fit_names_the_field(option: str, text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        request_from([f"{option}={text}"], SCHEMA)

    assert refusal.value.field == option.removeprefix("--")


def test_an_option_without_its_value_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="--text needs a value"):
        request_from(["--text"], SCHEMA)


def test_the_fields_tell_what_people_need() -> None:
    fields = {field.name: field for field in fields_of(SCHEMA)}

    assert fields["text"].shown_default == "required"
    assert fields["count"].shown_default == "3"
    assert fields["maybe"].shown_type == "integer"
    assert fields["level"].shown_type == "low | high"
    assert (fields["some_thing"].option, fields["some_thing"].description) == ("--some-thing", "Two words.")


def test_a_schema_that_refers_to_itself_is_no_trap() -> None:
    loop = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}}}

    assert request_from(["--a", "5"], loop) == {"a": 5}
