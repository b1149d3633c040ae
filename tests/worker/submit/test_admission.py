"""Admission: what cannot be a job is refused at the edge, by field and reason, before anything is written."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

from backdesk.worker.errors import InvalidRequest, PayloadTooLarge
from backdesk.worker.model.contract import KindContract, ModelCheck, RequestCheck, SchemaCheck
from backdesk.worker.model.options import JobOptions
from backdesk.worker.store.jobs import NewJob, Parentage
from backdesk.worker.store.moments import milliseconds
from backdesk.worker.submit.admission import admit, fingerprint

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMIT = 1000


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    count: int = 1


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    customer: str
    items: list[Item] = []
    weight: float = 0


class Answer(BaseModel):
    text: str


MODEL = ModelCheck("agents", Order)
SCHEMA = SchemaCheck(KindContract.of("shop.order", "agents", Order, Answer))


def admitted(check: RequestCheck = MODEL, request: object = None, job_id: str = "a", **options: Any) -> NewJob:
    asked = {"customer": "c1"} if request is None else request
    return admit(job_id, "shop.order", asked, check, JobOptions(**options), max_request_bytes=LIMIT, now=NOW)


def refusal(check: RequestCheck = MODEL, request: object = None, **options: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        admitted(check, request, **options)
    return caught.value


# What a job may be


def test_a_plain_job_has_the_defaults_and_the_priority_of_its_tenant() -> None:
    job = admitted()
    assert (job.tenant, job.priority, job.queue) == ("default", "", "agents")
    assert (job.run_at_ms, job.expires_at_ms, job.metadata, job.idempotency_key) == ("", "", b"", "")


def test_the_models_defaults_are_written_into_the_request() -> None:
    assert admitted(request={"customer": "c1"}).request == b'{"customer":"c1","items":[],"weight":0.0}'


def test_a_model_instance_is_as_good_as_a_dict() -> None:
    assert admitted(request=Order(customer="c1")) == admitted(request={"customer": "c1"})


def test_another_services_model_with_the_same_fields_will_do() -> None:
    class TheirOrder(BaseModel):
        customer: str

    assert admitted(request=TheirOrder(customer="c1")) == admitted(request={"customer": "c1"})


@pytest.mark.parametrize("delay", [1.5, timedelta(seconds=1.5)])
def test_a_delay_is_counted_by_the_clock_of_redis(delay: float | timedelta) -> None:
    assert admitted(delay=delay).run_at_ms == "+1500"


@pytest.mark.parametrize("at", [datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 2)])  # noqa: DTZ001 - the point
def test_a_moment_without_a_zone_is_in_utc(at: datetime) -> None:
    assert admitted(at=at).run_at_ms == milliseconds(datetime(2026, 3, 2, tzinfo=UTC))


def test_an_end_of_usefulness_is_a_moment_or_a_time_from_now() -> None:
    for expires in (3600, timedelta(hours=1)):
        assert admitted(expires=expires).expires_at_ms == "+3600000"
    assert admitted(expires=NOW + timedelta(hours=1)).expires_at_ms == milliseconds(NOW) + 3_600_000


def test_metadata_is_any_json() -> None:
    assert admitted(metadata={"ticket": [1, "ü"]}).metadata == '{"ticket":[1,"ü"]}'.encode()


@pytest.mark.parametrize("name", ["a", "A-1_b.c@d", "x" * 128, "0"])
def test_a_name_holds_letters_digits_and_a_few_signs(name: str) -> None:
    assert admitted(job_id=name, tenant=name).tenant == name


def test_the_fingerprint_tells_tenants_kinds_and_requests_apart() -> None:
    ways = itertools.product(("acme", "globex"), ("a", "b"), (b"{}", b"[]"))
    assert len({fingerprint(*way) for way in ways}) == 8
    assert admitted().fingerprint == admitted(job_id="b").fingerprint


# What is refused

BAD_NAMES = ["", "-a", "a b", "a:b", "a/b", "a*", "ü", "x" * 129, "a\n", "\na", 7, None]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_job_id_that_is_no_name_is_refused(name: Any) -> None:
    assert refusal(job_id=name).field == "job_id"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_tenant_that_is_no_name_is_refused(name: Any) -> None:
    assert refusal(tenant=name).field == "tenant"


@pytest.mark.parametrize("priority", [-1, 10, 5.0, "5", True])
def test_a_priority_that_is_no_whole_number_from_0_to_9_is_refused(priority: Any) -> None:
    error = refusal(priority=priority)
    assert error.field == "priority"
    assert "0 to 9" in error.reason


@pytest.mark.parametrize("span", [-1, math.nan, math.inf, "soon", timedelta(days=4000), 1e300])
@pytest.mark.parametrize("field", ["delay", "expires"])
def test_a_time_that_is_no_number_of_seconds_within_ten_years_is_refused(field: str, span: Any) -> None:
    assert refusal(**{field: span}).field == field


def test_a_delay_and_a_moment_together_are_refused() -> None:
    assert "not both" in refusal(delay=1, at=NOW).reason


@pytest.mark.parametrize("at", [date(2026, 3, 2), "2026-03-02", 1_772_366_400])
def test_a_moment_that_is_no_datetime_is_refused(at: Any) -> None:
    assert refusal(at=at).field == "at"


@pytest.mark.parametrize("expires", [0, timedelta(0), NOW, NOW - timedelta(seconds=1)])
def test_an_end_in_the_past_is_refused(expires: Any) -> None:
    error = refusal(expires=expires)
    assert (error.field, "past" in error.reason) == ("expires", True)


@pytest.mark.parametrize("key", ["", "x" * 257, 7, "\udcff"])
def test_an_idempotency_key_that_is_no_text_of_1_to_256_characters_is_refused(key: Any) -> None:
    assert refusal(idempotency_key=key).field == "idempotency_key"


@pytest.mark.parametrize("metadata", [[1], "text", {"lock": object()}])
def test_metadata_that_is_no_json_object_is_refused(metadata: Any) -> None:
    assert refusal(metadata=metadata).field == "metadata"


def test_metadata_is_for_labels() -> None:
    error = refusal(metadata={"x": "y" * 20_000})
    assert isinstance(error, PayloadTooLarge)
    assert (error.field, error.limit) == ("metadata", 16 * 1024)


@pytest.mark.parametrize("check", [MODEL, SCHEMA])
def test_a_request_over_the_limit_is_refused_with_both_sizes(check: RequestCheck) -> None:
    error = refusal(check, {"customer": "x" * LIMIT})
    assert isinstance(error, PayloadTooLarge)
    assert (error.field, error.limit) == ("request", LIMIT)
    assert error.size > LIMIT


# Requests, by model and by announced schema


@pytest.mark.parametrize("check", [MODEL, SCHEMA])
@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({}, "customer"),
        ({"customer": 7}, "customer"),
        ({"customer": None}, "customer"),
        ({"customer": "c1", "surprise": 1}, "surprise"),
        ({"customer": "c1", "items": [{"name": "x"}, {"name": 7}]}, "items.1.name"),
        ({"customer": "c1", "items": [{"count": 1}]}, "items.0.name"),
        ({"customer": "c1", "items": [{"name": "x", "colour": "red"}]}, "items.0.colour"),
        ({"customer": "c1", "items": "many"}, "items"),
        ([], "request"),
        ("text", "request"),
        (None, "request"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_by_the_path_of_the_field(
    check: RequestCheck, request_: object, field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        admit("a", "shop.order", request_, check, JobOptions(), max_request_bytes=LIMIT)
    assert caught.value.field == field
    assert caught.value.reason


@pytest.mark.parametrize("check", [MODEL, SCHEMA])
def test_every_field_that_does_not_fit_is_named_at_once(check: RequestCheck) -> None:
    error = refusal(check, {"customer": 7, "items": [{"count": "x"}, {"name": "y", "extra": 1}]})
    assert set(error.fields) == {"customer", "items.0.name", "items.0.count", "items.1.extra"}


def test_by_schema_two_missing_fields_are_both_named() -> None:
    class Pair(BaseModel):
        left: int
        right: int

    check = SchemaCheck(KindContract.of("test.pair", "agents", Pair, Answer))
    assert set(refusal(check, {}).fields) == {"left", "right"}


def test_by_schema_two_surplus_fields_are_both_named() -> None:
    assert set(refusal(SCHEMA, {"customer": "c1", "one": 1, "two": 2}).fields) == {"one", "two"}


@pytest.mark.parametrize("check", [MODEL, SCHEMA])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_know_is_refused(check: RequestCheck, number: float) -> None:
    assert refusal(check, {"customer": "c1", "weight": number}).field == "weight"
    assert refusal(check, metadata={"scores": [1, number]}).field == "metadata.scores.1"


def test_a_number_that_json_does_not_know_is_refused_where_anything_may_stand() -> None:
    class Loose(BaseModel):
        anything: Any

    loose = ModelCheck("agents", Loose)
    assert refusal(loose, {"anything": {"ratio": math.nan}}).fields == {
        "anything.ratio": "is no JSON: nan is no number of JSON"
    }


def test_what_is_nested_too_deep_to_be_read_everywhere_is_refused() -> None:
    deep: Any = {}
    for _ in range(64):
        deep = {"a": deep}
    why = "is no JSON: is nested more than 64 levels deep"
    assert refusal(metadata=deep).fields == {"metadata": why}
    assert refusal(SchemaCheck(KindContract(kind="any", queue="agents")), deep).fields == {"request": why}
    assert admitted(metadata=deep["a"]).metadata.count(b"{") == 64


@pytest.mark.parametrize("value", [object(), object, "\udcff"])
@pytest.mark.parametrize("check", [MODEL, SCHEMA])
def test_a_value_that_json_cannot_hold_is_refused(check: RequestCheck, value: object) -> None:
    assert refusal(check, {"customer": value}).field in {"customer", "request"}


def test_a_request_that_contains_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["customer"] = loop
    assert refusal(SCHEMA, loop).field == "request"


def test_a_refusal_reads_as_one_line_with_every_field() -> None:
    assert str(refusal(priority=10)) == "priority: 10 must be a whole number from 0 to 9, 9 first"


# Conversations


class Message(BaseModel):
    text: str
    conversation_id: str | None = None


class Reply(BaseModel):
    text: str


MESSAGES: list[RequestCheck] = [
    ModelCheck("agents", Message),
    SchemaCheck(KindContract.of("shop.chat", "agents", Message, Reply)),
]


@pytest.mark.parametrize("check", MESSAGES)
def test_a_message_is_of_the_conversation_that_it_names_and_the_first_begins_its_own(check: RequestCheck) -> None:
    assert admitted(check, {"text": "hello", "conversation_id": "c-7"}).conversation == "c-7"
    assert admitted(check, {"text": "hello"}, job_id="job-1").conversation == "job-1"


@pytest.mark.parametrize("check", MESSAGES, ids=["by model", "by schema"])
@pytest.mark.parametrize(
    "asked",
    [{"text": "hello"}, {"text": "hello", "conversation_id": None}, {"text": "hello", "conversation_id": "c-8"}],
)
def test_a_conversation_that_is_given_beside_the_request_is_written_into_it(check: RequestCheck, asked: object) -> None:
    job = admitted(check, asked, conversation_id="c-8")
    assert (job.conversation, from_json(job.request)["conversation_id"]) == ("c-8", "c-8")


@pytest.mark.parametrize("check", MESSAGES, ids=["by model", "by schema"])
def test_a_conversation_is_the_same_job_whichever_way_it_is_given(check: RequestCheck) -> None:
    beside = admitted(check, Message(text="hello"), conversation_id="c-8")
    assert beside.fingerprint == admitted(check, Message(text="hello", conversation_id="c-8")).fingerprint


@pytest.mark.parametrize("said", ["c-7", 7, ["c-8"]])
def test_two_conversations_of_one_message_are_refused(said: object) -> None:
    why = refusal(MESSAGES[0], {"text": "hello", "conversation_id": said}, conversation_id="c-8")
    assert why.field == "conversation_id"
    assert repr(said) in why.reason
    assert "'c-8'" in why.reason


def test_what_a_kind_demands_of_its_conversations_is_demanded_of_one_that_is_given_beside() -> None:
    class Short(BaseModel):
        conversation_id: str = Field(max_length=3)

    check = ModelCheck("agents", Short)
    assert admitted(check, {}, conversation_id="c-8").conversation == "c-8"
    assert refusal(check, {}, conversation_id="c-88").field == "conversation_id"


def test_a_kind_without_conversations_can_have_one_and_has_none_by_itself() -> None:
    assert admitted(conversation_id="c-1").conversation == "c-1"
    assert admitted().conversation == ""


def test_a_child_is_of_no_conversation_because_its_parent_waits_for_it() -> None:
    asked = {"text": "hello", "conversation_id": "c-7"}
    parent = Parentage("parent", "fence", "call:x")
    job = admit("a", "shop.chat", asked, MESSAGES[0], JobOptions(), max_request_bytes=LIMIT, parent=parent)
    assert job.conversation == ""


@pytest.mark.parametrize("conversation_id", ["", "x" * 129, "a\nb", "\0", 7])
def test_a_conversation_that_is_no_short_text_is_refused(conversation_id: Any) -> None:
    assert refusal(conversation_id=conversation_id).field == "conversation_id"


def test_a_choice_for_a_busy_conversation_is_one_of_three_and_about_a_conversation() -> None:
    assert refusal(conversation_id="c", when_busy="shout").field == "when_busy"
    assert "give one" in refusal(when_busy="reject").reason


@pytest.mark.parametrize("ttl", [0, -1, "soon", math.nan, timedelta(days=4000)])
def test_the_time_of_a_key_is_a_span(ttl: Any) -> None:
    assert refusal(idempotency_key="k", idempotency_ttl=ttl).field == "idempotency_ttl"


@pytest.mark.parametrize("option", [{"idempotency_ttl": 5}, {"idempotency_while_active": True}])
def test_how_long_a_key_lasts_is_about_a_key(option: dict[str, Any]) -> None:
    assert refusal(**option).field in option
