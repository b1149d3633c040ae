"""What a job may log: bodies as many events and bytes as they are allowed, and states what tells where it stands."""

from __future__ import annotations

import pytest
import redis
from pydantic_core import from_json

from backdesk.worker.model.job import HandedOver
from backdesk.worker.settings import Settings
from tests.support.board import Board, Clock
from tests.support.listening import heard, listening

TOLD = 100  # attempts of which every state has an event of its own; the same as in events.lua


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_events": 10, "max_log_bytes": 4000})


def park(board: Board, clock: Clock, job_id: str, times: int) -> None:
    for _ in range(times):
        board.defer(board.start(job_id), 1)
        clock.advance(2)
        board.promote()


def test_what_a_body_logs_beyond_so_many_events_is_dropped_and_one_event_says_so(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.emit(claim, *["note"] * 20)
    board.emit(claim, "note", first=20)
    assert board.event_types("a") == ["queued", "started", *["note"] * 8, "log_full"]
    assert board.events("a")[-1].data == {"limit": "events", "allowed": 10}


def test_what_a_body_logs_beyond_so_many_bytes_is_dropped_and_one_event_says_so(board: Board) -> None:
    claim = board.start(board.submit("a"))
    for first in range(5):
        board.emit(claim, "note", first=first, data={"text": "x" * 1500})
    board.emit(claim, "small", first=5)
    assert board.event_types("a") == ["queued", "started", "note", "note", "log_full"]
    assert board.events("a")[-1].data == {"limit": "bytes", "allowed": 4000}


def test_a_log_that_is_full_is_full_for_the_attempts_to_come_and_still_tells_the_states(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.emit(claim, *["note"] * 20)
    board.finish(claim, HandedOver())
    again = board.start("a")
    board.emit(again, "note")
    board.succeed(again)
    assert board.event_types("a")[10:] == ["log_full", "queued", "started", "succeeded"]


def test_a_repeated_call_that_filled_the_log_changes_nothing(board: Board) -> None:
    claim = board.start(board.submit("a"))
    for _ in range(2):
        board.emit(claim, *["note"] * 20)
    assert board.event_types("a").count("log_full") == 1


def test_a_job_that_is_parked_for_ever_has_a_log_that_ends_in_its_state_and_does_not_grow(
    board: Board, clock: Clock
) -> None:
    board.submit("a")
    park(board, clock, "a", TOLD + 200)
    events = board.events("a")
    assert len(events) <= 3 * TOLD + 2
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert (events[-1].type, events[-1].attempt) == ("queued", TOLD + 200)
    assert events[-1].replaced >= 3 * 199
    board.succeed(board.start("a"))
    last = board.events("a")[-2:]
    assert [(event.type, event.replaced > 0) for event in last] == [("started", True), ("succeeded", False)]


def test_whoever_follows_such_a_job_is_told_each_of_its_states(board: Board, clock: Clock, client: redis.Redis) -> None:
    board.submit("a")
    park(board, clock, "a", TOLD)
    with listening(client, board.keys.progress("a")) as follower:
        park(board, clock, "a", 3)
        told = [from_json(message["data"]) for message in heard(follower, 9)]
    assert [event["type"] for event in told] == ["started", "limited", "queued"] * 3
    places = [(event["seq"], event.get("replaced", 0)) for event in told]
    assert places == sorted(set(places))


def test_what_a_body_tells_in_such_an_attempt_keeps_its_place(
    client: redis.Redis, settings: Settings, clock: Clock
) -> None:
    board = Board(client, settings.model_copy(update={"max_events": 10_000}), clock)
    board.submit("a")
    park(board, clock, "a", TOLD)
    claim = board.start("a")
    board.emit(claim, "note")
    board.defer(claim, 1)
    assert [(event.type, event.replaced > 0) for event in board.events("a")[-3:]] == [
        ("started", True),
        ("note", False),
        ("limited", False),
    ]
