"""Each event is one readable line, whatever a body puts into it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backdesk.cli.views.events import event_line, event_text
from backdesk.worker.model.events import EventType, JobEvent


def event(event_type: str, **data: Any) -> JobEvent:
    at = datetime(2030, 1, 31, 9, 0, 1, 250_000, tzinfo=UTC)
    return JobEvent(seq=1, job_id="j", kind="k", tenant="t", attempt=2, at=at, type=event_type, data=data)


def step(title: str, state: str = "pending") -> dict[str, str]:
    return {"title": title, "state": state}


BUSY = {"code": "busy", "message": "come back later"}
APPROVAL = {"type": "approval", "name": "refund", "prompt": "May I?", "choices": ["approve", "deny"]}
QUESTION = {"type": "question", "name": "colour", "prompt": "Which?"}
OUTCOME = {"type": "outcome", "name": "outcome:charge", "prompt": "Nobody knows."}
CHILD = {"type": "child", "name": "call:one", "prompt": "Job k", "facts": {"job_id": "c"}}


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (event("queued", queue="agents", priority=5), "in queue agents, priority 5"),
        (event("queued", queue="agents", priority=5, reason="handed_over"), "in queue agents, priority 5, handed over"),
        (event("started", worker="w@host"), "attempt 2 by w@host"),
        (event("started", worker="w", resumes="1"), "attempt 2 by w, goes on from version 1"),
        (event("started", worker="w", restarts="1"), "attempt 2 by w, anew: version 1 has begun it"),
        (event("progress", fraction=0.4, message="Looking"), "40% Looking"),
        (event("progress", message="Looking", page=3), "Looking page=3"),
        (event("progress", fraction=0.4, message="Read", remaining_s=75.2), "40% (1 min 15 s left) Read"),
        (event("agent", agent="refund", previous="triage", reason="money"), "triage → refund: money"),
        (event("agent", agent="triage", previous=None, reason=None), "triage"),
        (event("model_called", call_id="1.1", agent="triage", model="m"), "triage asks m"),
        (
            event("model_returned", outcome="success", input_tokens=7, output_tokens=3, cost_usd=0.25, seconds=2.5),
            "7 + 3 tokens, 0.250000 USD, 2.50 s",
        ),
        (
            event("model_returned", outcome="success", input_tokens=7, output_tokens=3, first_token_s=0.5, seconds=2),
            "7 + 3 tokens, first after 0.50 s, 2.00 s",
        ),
        (
            event("model_returned", outcome="timed_out", code="model_timeout", seconds=30),
            "timed out [model_timeout] (30.00 s)",
        ),
        (event("model_returned", outcome="cancelled"), "cancelled"),
        (event("model_returned", outcome="success", cached=True), "known from the cache"),
        (event("model_returned", outcome=5), "outcome=5"),
        (event("tool_called", tool="find", args={"order": 1, "name": "a"}), 'find(order=1, name="a")'),
        (event("tool_progress", tool="find", call_id="c1", fraction=0.5, message="one found"), "find: 50% one found"),
        (event("plan", steps=[step("Read"), step("Write")]), "2 steps: Read, Write"),
        (event("plan", steps=[step("Read")]), "1 step: Read"),
        (
            event("plan", steps=[step("Read", "done"), step("Check", "skipped"), step("Write", "running")]),
            "1 of 3 done, 1 skipped, now: Write",
        ),
        (event("plan", steps=[step("Read", "done"), step("Write", "failed")]), "1 of 2 done, failed: Write"),
        (event("plan", steps=[{"title": "Read", "state": "odd"}]), 'steps=[{"title": "Read", "state": "odd"}]'),
        (event("tool_returned", tool="find", outcome="success", summary="found"), "find: found"),
        (event("tool_returned", tool="find", outcome="failed", summary="down"), "find [failed]: down"),
        (event("retrying", code="worker_lost", message="it runs again", crashes=1), "[worker_lost] it runs again"),
        (event("retrying", run_at="2030", delay_s=2.5, error=BUSY), "again in 2.50 s: [busy] come back later"),
        (event("limited", run_at="2030", delay_s=90, error=BUSY), "again in 1 min 30 s: [busy] come back later"),
        (
            event("limited", run_at="2030", reason="rate", scope="tenant acme kind a.b"),
            "by the rate of kind a.b of tenant acme, runs at 2030",
        ),
        (event("limited", reason=5, scope=[1]), "by the 5 of [1]"),
        (
            event("review", agent="refund", passed=False, overall=0.584, failed=["slang", "promises"], correction=0),
            "refund: refused (0.58): slang, promises; its text is void",
        ),
        (
            event("review", agent="refund", passed=True, overall=0.9, correction=1),
            "refund: passed (0.90) after 1 correction",
        ),
        (event("review", passed=True, overall=0.9, failed=[], correction=0), "passed (0.90)"),
        (event("review", stars=5), "stars=5"),
        (event("file_kept", file={"name": "a.csv", "bytes": 12345}), "a.csv, 12,345 bytes"),
        (event("input_flagged", fields={"message": ["script tag", "eval call"]}), "message: script tag, eval call"),
        (event("step", key="charge", effect="unsafe", seconds=0.5), "charge done (0.50 s, unsafe)"),
        (event("waiting", **{"for": [APPROVAL]}), "for approval refund: May I? → backdesk approve|deny j"),
        (event("waiting", **{"for": [QUESTION]}), "for question colour: Which? → backdesk answer j TEXT"),
        (
            event("waiting", **{"for": [OUTCOME]}),
            "for outcome:charge: Nobody knows. → backdesk resolve j done|repeat|fail",
        ),
        (event("waiting", **{"for": [CHILD, CHILD]}), "for child call:one: Job k c; child call:one: Job k c"),
        (event("answered", name="refund", decision="deny", by="kim", note="no"), "refund: deny by kim (no)"),
        (event("answered", name="colour", value="blue", by="", note=""), "colour: blue"),
        (event("answered", name="refund", by="time-out"), "refund: nobody answered in time"),
        (event("succeeded", result={}, degraded=BUSY), "DEGRADED, by a fallback, after [busy] come back later"),
        (event("failed", code="no_stock", message="none left"), "[no_stock] none left"),
        (event("succeeded", result_omitted=True), "result too large to be shown here"),
        (event("succeeded", result={"a": 1}), ""),
        (event("my.own", pages=[1, 2], name="x"), "pages=[1, 2] name=x"),
    ],
)
def test_known_events_read_like_sentences_and_unknown_ones_show_their_data(told: JobEvent, text: str) -> None:
    assert event_text(told) == text


@pytest.mark.parametrize("event_type", [*EventType, "of.a.later.version"])
def test_no_event_of_an_unexpected_shape_is_an_error(event_type: str) -> None:
    shapes: list[dict[str, Any]] = [
        {},
        {"args": 5, "tool": None, "text": [1], "fraction": "much", "message": {}, "agent": {}, "summary": 1},
        {"for": 5, "name": [1], "error": 7, "key": {}, "seconds": "long", "priority": {}, "degraded": 3},
        {"for": [{"type": "of a later version"}], "error": {}, "delay_s": None, "name": None, "value": {"a": [1]}},
    ]
    for data in shapes:
        assert "\n" not in event_line(event(event_type, **data))


def test_a_line_begins_with_the_time_and_the_type() -> None:
    line = event_line(event("my.own", note="hi"))

    assert line.split("  ")[0].endswith(":01.25")
    assert line.endswith("my.own        note=hi")


def test_an_event_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in event_line(event("progress", message="\x1b[2Jgone"))
