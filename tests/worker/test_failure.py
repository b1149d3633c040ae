"""What a failure says, and what it makes of records of other versions."""

from __future__ import annotations

import hashlib
import math

import pytest
from pydantic import ValidationError

from backdesk.worker.failure import USUAL_SEVERITY, Category, Failure, Severity, support_reference

FULL = Failure(
    code="no_stock",
    message="none left",
    category=Category.VALIDATION,
    severity=Severity.LOW,
    transient=True,
    retry_after_s=2.5,
    fallback_available=True,
    reference="BD-0123ABCD",
    fields={"n": "too many"},
)


def test_a_failure_survives_json() -> None:
    assert Failure.model_validate_json(FULL.model_dump_json()) == FULL


def test_a_failure_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        FULL.code = "other"  # type: ignore[misc]  # the mistake under test


def test_an_older_record_reads_with_the_defaults() -> None:
    old = Failure.model_validate_json('{"code":"cancelled","message":"withdrawn","category":"unknown"}')
    assert old == Failure(code="cancelled", message="withdrawn")
    assert (old.severity, old.transient, old.retry_after_s) == (Severity.MEDIUM, False, None)
    assert (old.fallback_available, old.reference, old.fields) == (False, "", {})


def test_a_newer_record_reads_without_what_is_new() -> None:
    assert Failure.model_validate_json('{"code":"c","message":"m","invented":[1]}') == Failure(code="c", message="m")


@pytest.mark.parametrize("value", ['"martian"', '"NETWORK"', "null", "7", "[]", "{}", '""'])
@pytest.mark.parametrize("field", ["category", "severity"])
def test_a_word_of_another_version_reads_as_the_default(field: str, value: str) -> None:
    read = Failure.model_validate_json(f'{{"code":"c","message":"m","{field}":{value}}}')
    assert read == Failure(code="c", message="m")


@pytest.mark.parametrize("value", ["null", '"soon"', "-1", "[]", "NaN", "Infinity", "1e999"])
def test_a_wait_that_is_none_reads_as_none(value: str) -> None:
    read = Failure.model_validate_json(f'{{"code":"c","message":"m","retry_after_s":{value}}}')
    assert read.retry_after_s is None


@pytest.mark.parametrize("wait", [math.nan, math.inf, -math.inf, -0.1])
def test_a_wait_that_no_clock_can_keep_is_not_taken_over(wait: float) -> None:
    assert Failure(code="c", message="m", retry_after_s=wait).retry_after_s is None


@pytest.mark.parametrize("field", ["transient", "fallback_available"])
def test_a_yes_or_no_that_is_neither_reads_as_no(field: str) -> None:
    assert not getattr(Failure.model_validate({"code": "c", "message": "m", field: "perhaps"}), field)


def test_every_category_has_a_usual_severity() -> None:
    assert USUAL_SEVERITY.keys() == set(Category)


def test_an_error_is_described_by_its_category_unless_more_is_known() -> None:
    usual = Failure.of(OSError("gone"), Category.NETWORK, transient=True)
    assert (usual.code, usual.severity, usual.message) == ("network", Severity.MEDIUM, "OSError: gone")
    known = Failure.of(OSError("gone"), Category.NETWORK, transient=True, code="lost", severity=Severity.LOW)
    assert (known.code, known.severity) == ("lost", Severity.LOW)


def test_a_reference_is_the_same_each_time_and_another_for_each_attempt() -> None:
    assert support_reference("a", 1) == support_reference("a", 1)
    assert len({support_reference(job, attempt) for job in ("a", "b") for attempt in (1, 2, 11)}) == 6


def test_a_reference_can_be_computed_by_the_store() -> None:
    digest = hashlib.sha1(b"01JOB:3").hexdigest()  # noqa: S324 - as redis.sha1hex
    assert support_reference("01JOB", 3) == f"BD-{digest[:8].upper()}"
