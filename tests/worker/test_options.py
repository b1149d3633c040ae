"""The options of a job are said once: whoever passes some of them on has none of his own, and forgets none."""

from __future__ import annotations

from dataclasses import fields
from inspect import signature
from typing import get_type_hints

import pytest

from backdesk.cli.commands.schedules import add
from backdesk.cli.commands.submit import submit
from backdesk.worker.celery.messages import OPTIONS as OF_PLAIN_MESSAGES
from backdesk.worker.model.child import ChildCall
from backdesk.worker.model.options import CallKeywords, CallOptions, JobOptions, Options
from backdesk.worker.submit.scheduled import REPEATABLE

#: Options that the command line calls otherwise.
CALLED = {
    "key_ttl": "idempotency_ttl",
    "key_while_active": "idempotency_while_active",
    "conversation": "conversation_id",
}


@pytest.mark.parametrize(("keywords", "options"), [(CallKeywords, CallOptions), (Options, JobOptions)])
def test_keywords_are_the_fields_of_the_options_and_of_their_types(keywords: type, options: type) -> None:
    assert get_type_hints(keywords) == get_type_hints(options)


def test_a_call_of_another_job_adds_only_what_is_called() -> None:
    own = {field.name for field in fields(ChildCall)} - {field.name for field in fields(CallOptions)}
    assert own == {"kind", "request", "key", "result"}


def test_only_options_that_are_given_take_the_place_of_others() -> None:
    assert ChildCall("test.echo", {}, priority=0, delay=0.0).given() == {"priority": 0, "delay": 0.0}


def test_a_schedule_has_the_options_that_each_of_its_firings_can_have() -> None:
    once = {"delay", "at", "idempotency_key", "idempotency_ttl", "idempotency_while_active"}
    assert {field.name for field in fields(JobOptions)} - REPEATABLE.keys() == once | {
        "conversation_id",
        "when_busy",
        "traceparent",
    }


def test_a_plain_celery_message_can_carry_only_options_that_there_are() -> None:
    assert {field.name for field in fields(JobOptions)} >= OF_PLAIN_MESSAGES


def test_the_command_line_has_every_option_of_a_job() -> None:
    assert {CALLED.get(name, name) for name in signature(submit).parameters} >= {f.name for f in fields(JobOptions)}


def test_the_command_line_has_every_option_of_a_schedule() -> None:
    assert signature(add).parameters.keys() >= REPEATABLE.keys()
