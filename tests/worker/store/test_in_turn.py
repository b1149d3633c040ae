"""Calls of one attempt that follow each other: one script makes them, each with an answer of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import redis
from redis.exceptions import ResponseError

from backdesk.worker.model.events import EventDraft
from backdesk.worker.model.job import JobState, Succeeded, Usage
from backdesk.worker.store.scripts import Call, Script
from backdesk.worker.store.wire import Wire
from tests.support.board import Board

CHAIN = ("job", "1")


@pytest.fixture
def wire(client: redis.Redis) -> Iterator[Wire]:
    wire = Wire(client)
    yield wire
    wire.close()
    client.delete("seen")


def call(text: str, *arguments: str, chain: tuple[str, str] | None = CHAIN) -> Call[Any]:
    return Call(Script("any", text), arguments, lambda reply: reply, chain)


def append(value: str, chain: tuple[str, str] | None = CHAIN) -> Call[Any]:
    return call("return redis.call('RPUSH', 'seen', ARGV[1])", value, chain=chain)


def made(client: redis.Redis, wire: Wire, calls: Sequence[Call[Any]]) -> tuple[list[Any], int]:
    """The answers, and how many scripts Redis ran for them."""
    client.config_resetstat()
    answers = wire.exchange(calls)
    return answers, client.info("commandstats")["cmdstat_evalsha"]["calls"]


def test_calls_of_one_chain_are_one_script(client: redis.Redis, wire: Wire) -> None:
    calls = [append("a"), append("b"), append("x", chain=None), append("c", chain=("job", "2")), append("d")]
    answers, scripts = made(client, wire, calls)
    assert (sorted(answers), scripts) == ([1, 2, 3, 4, 5], 3)
    assert client.lrange("seen", 0, 2) == [b"a", b"b", b"d"]


def test_each_gets_its_own_arguments_and_its_own_answer(wire: Wire) -> None:
    calls = [
        call("return #ARGV"),
        call("return ARGV", "1", "", "3"),
        call("local x = 1"),
        call("return {ok = 'FINE'}"),
        call("return {ARGV[1], {#ARGV}}", "last"),
    ]
    assert wire.exchange(calls) == [0, [b"1", b"", b"3"], None, b"FINE", [b"last", [1]]]


def test_the_end_of_an_attempt_goes_with_what_comes_before_it(board: Board, client: redis.Redis, wire: Wire) -> None:
    first, second, third = (board.start(board.submit(job_id)) for job_id in ("a", "b", "c"))
    emit = board.transitions.emit(first, 0, [EventDraft("note", b"{}")])
    ends = [board.transitions.end(claim, Succeeded(b"1"), Usage()) for claim in (second, first, third)]
    assert made(client, wire, [emit, *ends]) == ([0, True, True, True], 2)
    assert board.event_types("a") == ["queued", "started", "note", "succeeded"]
    assert [board.state(job_id) for job_id in ("b", "c")] == [JobState.SUCCEEDED] * 2


def test_in_which_order_and_how_often_makes_no_other_script(client: redis.Redis, wire: Wire) -> None:
    one, two = append("a"), call("return 2")
    wire.exchange([one, two])
    kept = client.info("memory")["number_of_cached_scripts"]
    assert wire.exchange([two, one, one, two, one]) == [2, 2, 3, 2, 4]
    assert client.info("memory")["number_of_cached_scripts"] == kept


@pytest.mark.parametrize("failing", ["return redis.error_reply('ODD one')", "error('ODD one')"])
def test_an_error_of_one_is_told_to_its_caller_and_the_others_are_made(
    client: redis.Redis, wire: Wire, failing: str
) -> None:
    first, failed, last = wire.exchange([call("return 1"), call(failing), append("behind it")])
    assert (first, last, client.lrange("seen", 0, -1)) == (1, 1, [b"behind it"])
    assert isinstance(failed, ResponseError)
    assert "ODD one" in str(failed)


def test_scripts_that_were_flushed_are_loaded_again(client: redis.Redis, wire: Wire) -> None:
    assert wire.exchange([append("a"), append("b")]) == [1, 2]
    client.script_flush()
    assert wire.exchange([append("c"), append("d")]) == [3, 4]


def test_a_server_without_room_refuses_all_of_them_or_none(client: redis.Redis, wire: Wire) -> None:
    client.config_set("maxmemory", 1)
    try:
        refused = wire.exchange([append("a"), append("b")])
    finally:
        client.config_set("maxmemory", 0)
    assert [isinstance(answer, ResponseError) for answer in refused] == [True, True]
    assert not client.exists("seen")
