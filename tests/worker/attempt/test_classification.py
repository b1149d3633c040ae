"""What the errors of bodies, tools, models and Redis mean."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import pickle
import socket
import ssl
import sys
import urllib.error
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

import pytest
import redis.exceptions as redis
from pydantic import BaseModel, TypeAdapter, ValidationError

from backdesk.worker import errors
from backdesk.worker.attempt.classification import MOST_FIELDS, classify
from backdesk.worker.attempt.http_status import seconds_until
from backdesk.worker.errors import InvalidRequest, Limited, StoreUnavailable, TaskError
from backdesk.worker.failure import USUAL_SEVERITY, Category, Failure, Severity
from backdesk.worker.text.json import encode
from tests.support.kinds import ENDINGS

PERMANENT, TRANSIENT = False, True


def raised(action: Any, *args: Any) -> BaseException:
    try:
        action(*args)
    except BaseException as error:  # noqa: BLE001 - whatever it raises is the sample
        return error
    raise AssertionError("nothing was raised")


def recurse() -> None:
    recurse()


# By class

MEANINGS: list[tuple[BaseException, Category, bool]] = [
    (PermissionError(errno.EACCES, "denied"), Category.AUTHORIZATION, PERMANENT),
    (OSError(errno.EPERM, "denied"), Category.AUTHORIZATION, PERMANENT),
    (TimeoutError(), Category.TIMEOUT, TRANSIENT),
    (socket.timeout(), Category.TIMEOUT, TRANSIENT),  # noqa: UP041 - the name that clients of old use
    (OSError(errno.ETIMEDOUT, "timed out"), Category.TIMEOUT, TRANSIENT),
    (errors.ResultTimeout("a", 1), Category.TIMEOUT, TRANSIENT),
    (ConnectionError(), Category.NETWORK, TRANSIENT),
    (ConnectionResetError(), Category.NETWORK, TRANSIENT),
    (OSError(errno.ECONNREFUSED, "refused"), Category.NETWORK, TRANSIENT),
    (BrokenPipeError(), Category.NETWORK, TRANSIENT),
    (OSError(errno.EHOSTUNREACH, "no route"), Category.NETWORK, TRANSIENT),
    (OSError(errno.ENETUNREACH, "no network"), Category.NETWORK, TRANSIENT),
    (socket.gaierror(-3, "try again"), Category.NETWORK, TRANSIENT),
    (ssl.SSLError(1, "bad record"), Category.NETWORK, TRANSIENT),
    (ssl.SSLEOFError(8, "cut"), Category.NETWORK, TRANSIENT),
    (ssl.SSLCertVerificationError(1, "self-signed"), Category.NETWORK, PERMANENT),
    (ssl.CertificateError("other host"), Category.NETWORK, PERMANENT),
    (MemoryError(), Category.RESOURCE_EXHAUSTION, TRANSIENT),
    (raised(recurse), Category.RESOURCE_EXHAUSTION, PERMANENT),
    *((OSError(code, "full"), Category.RESOURCE_EXHAUSTION, TRANSIENT) for code in (28, 24, 23, 12, 122)),
    (raised(b"\xff".decode), Category.DATA_CORRUPTION, PERMANENT),
    (raised("\udcff".encode), Category.DATA_CORRUPTION, PERMANENT),
    (raised(json.loads, "{"), Category.DATA_CORRUPTION, PERMANENT),
    (StoreUnavailable("away"), Category.NETWORK, TRANSIENT),
    (InvalidRequest("field", "reason"), Category.VALIDATION, PERMANENT),
    (errors.UnknownKind("nope", []), Category.VALIDATION, PERMANENT),
    (errors.PayloadTooLarge("request", 2, 1), Category.VALIDATION, PERMANENT),
    (redis.ConnectionError(), Category.NETWORK, TRANSIENT),
    (redis.TimeoutError(), Category.NETWORK, TRANSIENT),
    (redis.BusyLoadingError(), Category.NETWORK, TRANSIENT),
    (redis.ReadOnlyError(), Category.NETWORK, TRANSIENT),
    (redis.ClusterDownError(""), Category.NETWORK, TRANSIENT),
    (redis.AuthenticationError(), Category.AUTHENTICATION, PERMANENT),
    (redis.AuthorizationError(), Category.AUTHORIZATION, PERMANENT),
    (redis.NoPermissionError(), Category.AUTHORIZATION, PERMANENT),
    (redis.OutOfMemoryError(), Category.RESOURCE_EXHAUSTION, TRANSIENT),
    (redis.MaxConnectionsError(), Category.RESOURCE_EXHAUSTION, TRANSIENT),
    (Limited(2, "no seat"), Category.RATE_LIMIT, TRANSIENT),
    (FileNotFoundError(errno.ENOENT, "missing"), Category.UNKNOWN, TRANSIENT),
    (OSError("without a number"), Category.UNKNOWN, TRANSIENT),
    (ValueError("wrong"), Category.UNKNOWN, TRANSIENT),
    (redis.ResponseError("WRONGTYPE"), Category.UNKNOWN, TRANSIENT),
    (SystemExit(3), Category.UNKNOWN, TRANSIENT),
    (KeyboardInterrupt(), Category.UNKNOWN, TRANSIENT),
    (GeneratorExit(), Category.UNKNOWN, TRANSIENT),
]


@pytest.mark.parametrize(("error", "category", "transient"), MEANINGS, ids=lambda value: repr(value)[:60])
def test_an_error_has_its_category(error: BaseException, category: Category, transient: bool) -> None:
    found = classify(error)
    assert (found.category, found.transient) == (category, transient)
    assert found.message.startswith(f"{type(error).__name__}: ")


@pytest.mark.parametrize("error", [error for error, _, _ in MEANINGS], ids=lambda error: repr(error)[:60])
def test_what_an_error_means_is_json(error: BaseException) -> None:
    found = classify(error)
    assert Failure.model_validate_json(encode(found)) == found


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ENOSPC, "disk full")])
def test_a_machine_that_is_full_is_critical(error: BaseException) -> None:
    assert classify(error).severity is Severity.CRITICAL


@pytest.mark.parametrize(
    "error", [OSError(errno.EMFILE, "files"), PermissionError(), ValueError(), redis.AuthenticationError()]
)
def test_other_errors_are_as_grave_as_their_category(error: BaseException) -> None:
    found = classify(error)
    assert found.severity is USUAL_SEVERITY[found.category] is Severity.HIGH


def test_an_unknown_error_keeps_its_code_and_its_words() -> None:
    found = classify(ZeroDivisionError("by zero"))
    assert (found.code, found.message, found.severity) == ("exception", "ZeroDivisionError: by zero", Severity.HIGH)


def test_what_is_not_configured_is_told_in_its_own_words_and_not_tried_again() -> None:
    found = classify(errors.ConfigurationError('it needs pip install "backdesk[tools]"'))
    assert (found.code, found.transient, found.severity) == ("not_configured", False, Severity.HIGH)
    assert found.message == 'it needs pip install "backdesk[tools]"'


def test_a_body_that_cancelled_itself_is_not_tried_again() -> None:
    found = classify(asyncio.CancelledError())
    assert (found.code, found.category, found.transient) == ("cancelled_itself", Category.UNKNOWN, False)


def test_an_own_limit_says_when_to_come_back() -> None:
    found = classify(Limited(2.5, "no seat at the model"))
    assert (found.code, found.retry_after_s) == ("limited", 2.5)


class Order(BaseModel):
    n: int
    lines: list[int] = []


def test_data_that_does_not_fit_has_a_reason_for_each_field() -> None:
    found = classify(raised(Order.model_validate, {"n": "many", "lines": [1, "x"]}))
    assert (found.code, set(found.fields)) == ("invalid_data", {"n", "lines.1"})


def test_a_child_job_whose_request_was_refused_keeps_its_fields() -> None:
    found = classify(InvalidRequest.of({"a": "missing", "b": "too long"}))
    assert (found.code, found.fields) == ("invalid_data", {"a": "missing", "b": "too long"})


def test_a_million_reasons_are_not_kept() -> None:
    error = raised(TypeAdapter(list[int]).validate_python, ["x"] * 1000)
    assert isinstance(error, ValidationError)
    assert len(classify(error).fields) == MOST_FIELDS


# TaskError


def test_a_body_chooses_what_its_error_means() -> None:
    chosen = {"category": Category.RATE_LIMIT, "severity": Severity.LOW, "transient": True, "retry_after_s": 9.0}
    error: TaskError = pickle.loads(pickle.dumps(TaskError("busy", "come back", **chosen)))  # type: ignore[arg-type]  # noqa: S301 - our own
    assert classify(error) == Failure.model_validate({"code": "busy", "message": "come back", **chosen})


def test_a_body_that_chooses_only_a_code_is_not_tried_again() -> None:
    assert classify(TaskError("no_stock", "none left")) == Failure(code="no_stock", message="none left")


@pytest.mark.parametrize(
    "wrong",
    [
        {"category": "martian"},
        {"category": 7},
        {"severity": object()},
        {"transient": "perhaps"},
        {"retry_after_s": "soon"},
        {"retry_after_s": -1},
        {"retry_after_s": 10**400},
        {"retry_after_s": float("nan")},
    ],
)
def test_what_a_body_without_types_chooses_wrongly_is_as_if_not_chosen(wrong: dict[str, Any]) -> None:
    assert classify(TaskError("c", "m", **wrong)) == Failure(code="c", message="m")


@pytest.mark.parametrize("code", [404, None, b"x", object(), "\udcff"])
def test_a_code_that_is_no_text_becomes_one(code: Any) -> None:
    found = classify(TaskError(code, "not found"))
    assert isinstance(found.code, str)
    assert encode(found)


def test_a_category_may_be_given_by_name() -> None:
    assert classify(TaskError("c", "m", category="network")).category is Category.NETWORK  # type: ignore[arg-type]  # as a body without types does


# HTTP


class Response:
    def __init__(self, status_code: object, headers: object = None) -> None:
        self.status_code = status_code
        self.headers = headers


class StatusError(Exception):
    """As httpx and openai raise it."""

    def __init__(self, status_code: object, headers: object = None) -> None:
        super().__init__(f"status {status_code}")
        self.response = Response(status_code, headers)


class RequestsError(OSError):
    """As requests raises it."""

    def __init__(self, status_code: int) -> None:
        super().__init__("status")
        self.response = Response(status_code)


class AiohttpError(Exception):
    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__("status")
        self.status = status
        self.headers = headers


@pytest.mark.parametrize(
    ("status", "category", "transient"),
    [
        (400, Category.VALIDATION, PERMANENT),
        (401, Category.AUTHENTICATION, PERMANENT),
        (403, Category.AUTHORIZATION, PERMANENT),
        (404, Category.VALIDATION, PERMANENT),
        (408, Category.TIMEOUT, TRANSIENT),
        (409, Category.VALIDATION, PERMANENT),
        (422, Category.VALIDATION, PERMANENT),
        (429, Category.RATE_LIMIT, TRANSIENT),
        (500, Category.NETWORK, TRANSIENT),
        (502, Category.NETWORK, TRANSIENT),
        (503, Category.NETWORK, TRANSIENT),
        (504, Category.TIMEOUT, TRANSIENT),
        (529, Category.NETWORK, TRANSIENT),
    ],
)
def test_the_answer_of_a_server_is_read_from_its_status(status: int, category: Category, transient: bool) -> None:
    direct = ValueError("status")
    direct.status_code = status  # type: ignore[attr-defined]  # as some clients do
    for error in (StatusError(status), RequestsError(status), AiohttpError(status, {}), direct):
        found = classify(error)
        assert (found.code, found.category, found.transient) == (f"http_{status}", category, transient)


def test_an_error_of_the_standard_library_is_read_too() -> None:
    headers = Message()
    headers["Retry-After"] = "3"
    with urllib.error.HTTPError("http://x", 429, "slow down", headers, None) as error:
        found = classify(error)
    assert (found.code, found.retry_after_s) == ("http_429", 3)


def test_a_status_may_be_an_enum() -> None:
    assert classify(StatusError(HTTPStatus.TOO_MANY_REQUESTS)).code == "http_429"


@pytest.mark.parametrize("status", [0, 1, True, 200, 302, 399, 600, -429, "429", None, 429.0, 10**30])
def test_what_is_no_status_of_an_error_is_ignored(status: object) -> None:
    assert classify(StatusError(status)).code == "exception"


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "7"}, {"retry-after": 7}, {"RETRY-AFTER": " 7 "}, [("Retry-After", "7")]]
)
def test_a_server_says_when_to_come_back(headers: object) -> None:
    assert classify(StatusError(429, headers)).retry_after_s == 7


@pytest.mark.parametrize("headers", [None, {}, {"Retry-After": "soon"}, {"Retry-After": None}, {"Retry-After": "inf"}])
def test_a_server_that_does_not_say_when_is_no_obstacle(headers: object) -> None:
    found = classify(StatusError(429, headers))
    assert (found.code, found.retry_after_s) == ("http_429", None)


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("1.5", 1.5),
        ("-4", 0),
        ("nan", 0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        ("Sun, 01 Mar 2026 13:00:00 +0100", 0),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30),
        ("Sun, 01 Mar 2020 12:00:00 GMT", 0),
        ("Sun, 99 Mar 2026 12:00:00 GMT", None),
        ("Sun, 01 Mar 99999999999 12:00:00 GMT", None),
        ("", None),
    ],
)
def test_a_wait_is_a_number_of_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert seconds_until(value, NOW) == seconds


# Groups


def group(*found: BaseException) -> BaseExceptionGroup[BaseException]:
    return BaseExceptionGroup("several", found)


def test_a_permanent_error_speaks_for_its_group() -> None:
    assert classify(group(TimeoutError(), TaskError("no_stock", "none"), StatusError(429))).code == "no_stock"


def test_the_gravest_of_the_permanent_errors_speaks_for_its_group() -> None:
    assert classify(group(InvalidRequest("a", "b"), MemoryError(), PermissionError())).category == "authorization"


def test_the_longest_wait_speaks_for_a_group_that_passes() -> None:
    wait = [StatusError(429, {"Retry-After": seconds}) for seconds in ("3", "9", "5")]
    assert classify(group(TimeoutError(), *wait)).retry_after_s == 9


def test_the_first_error_speaks_for_a_group_without_waits() -> None:
    assert classify(group(TimeoutError(), ConnectionError())).category == "timeout"


def test_an_unknown_error_in_a_group_is_not_hidden_by_one_that_passes() -> None:
    assert classify(group(StatusError(429, {"Retry-After": "9"}), ZeroDivisionError())).category == "unknown"


def test_a_group_in_a_group_is_looked_into() -> None:
    assert (
        classify(group(TimeoutError(), group(ConnectionError(), group(PermissionError())))).category == "authorization"
    )


def test_a_group_deeper_than_the_stack_is_looked_into() -> None:
    error: BaseException = PermissionError()
    for _ in range(sys.getrecursionlimit() * 2):
        error = group(error)
    assert classify(error).category == "authorization"


# Rules of a deployment


class CardDeclined(Exception):
    pass


class CardExpired(CardDeclined):
    pass


@classify.register
def _of_card(error: CardDeclined) -> Failure:
    return Failure.of(error, Category.VALIDATION, transient=False, code="card_declined")


@pytest.mark.parametrize("error", [CardDeclined(), CardExpired(), group(TimeoutError(), CardExpired())])
def test_a_deployment_teaches_its_own_errors(error: BaseException) -> None:
    assert classify(error).code == "card_declined"


class Unlucky(ConnectionError):
    pass


class Confusing(Exception):
    pass


@classify.register
def _of_unlucky(error: Unlucky) -> Failure:
    raise RuntimeError("the rule is wrong")


@classify.register
def _of_confusing(error: Confusing) -> Failure:
    return None  # type: ignore[return-value]  # the mistake under test


@pytest.mark.parametrize("error", [Unlucky("lost"), Confusing("lost")])
def test_a_rule_that_fails_leaves_its_error_unknown_and_a_line_in_the_log(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "backdesk.worker.attempt.classification"):
        found = classify(error)
    assert (found.code, found.message) == ("exception", f"{type(error).__name__}: lost")
    assert [record.message for record in caplog.records] == ["classification_failed"]


# Hostile errors


class Exits(Exception):
    def __str__(self) -> str:
        raise SystemExit(7)


class Guarded(Exception):
    """Raises whatever one asks it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("ask me nothing")


class GuardedResponse(Exception):
    @property
    def response(self) -> object:
        raise KeyboardInterrupt


class Hollow(TaskError):
    def __init__(self) -> None:
        """Forget to call the one above."""


class Headless(Exception):
    status_code = 503
    headers = 7


class Multiplied(ConnectionError, TaskError):
    pass


HOSTILE: dict[str, BaseException] = {
    **ENDINGS,
    "exits": Exits(),
    "guarded": Guarded(),
    "guarded_response": GuardedResponse(),
    "hollow": Hollow(),
    "headless": Headless(),
    "multiplied": Multiplied("a", "b"),
    "long": Exception("x" * 10_000_000),
    "unprintable": Exception("\udcff\x00"),
    "group": group(Exits(), GuardedResponse()),
}


@pytest.mark.parametrize("name", HOSTILE)  # by name: pytest looks at what it is given
def test_whatever_a_body_raises_has_a_meaning_that_can_be_kept(name: str) -> None:
    found = classify(HOSTILE[name])
    assert found.code
    assert len(encode(found)) < 10_000
