"""Calls of scripts: a server that has lost or never had a script gets it, and nothing changes its order by that."""

from __future__ import annotations

import redis
from redis.exceptions import ResponseError

from backdesk.worker.model.events import EventDraft
from backdesk.worker.model.job import Succeeded, Usage
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect_async
from backdesk.worker.store.scripts import Call, Script, load_script, run, run_async, run_pipelined, run_pipelined_async
from tests.support.board import Board

NOTE = EventDraft("note", b"{}")


def saying(value: str) -> Call[bytes]:
    return Call(Script(value, f"return '{value}'"), (), bytes)


def failing() -> Call[bytes]:
    return Call(Script("failing", "return redis.error_reply('NOT today')"), (), bytes)


def test_a_script_that_the_server_does_not_know_is_loaded(client: redis.Redis) -> None:
    assert run(client, saying("a")) == b"a"
    client.script_flush()
    assert run(client, saying("a")) == b"a"


async def test_the_same_from_an_event_loop(client: redis.Redis, settings: Settings) -> None:
    async with connect_async(settings.url) as on_loop:
        assert await run_async(on_loop, saying("a")) == b"a"
        client.script_flush()
        assert await run_async(on_loop, saying("a")) == b"a"


def test_calls_of_one_round_trip_answer_in_their_order(client: redis.Redis) -> None:
    run(client, saying("b"))
    assert run_pipelined(client, [saying("a"), saying("b"), saying("a")]) == [b"a", b"b", b"a"]


def test_an_error_of_one_call_is_that_calls_answer(client: redis.Redis) -> None:
    good, bad = run_pipelined(client, [saying("a"), failing()])
    assert good == b"a"
    assert isinstance(bad, ResponseError)


async def test_on_an_event_loop_an_error_of_one_call_is_that_calls_answer_too(settings: Settings) -> None:
    async with connect_async(settings.url) as on_loop:
        good, bad = await run_pipelined_async(on_loop, [saying("a"), failing()])
    assert good == b"a"
    assert isinstance(bad, ResponseError)


def test_calls_of_one_round_trip_take_effect_in_their_order_even_when_only_some_scripts_are_loaded(
    client: redis.Redis, board: Board
) -> None:
    client.script_flush()  # of the tests before
    claim, other = (board.start(board.submit()) for _ in range(2))
    board.succeed(other)
    emit = board.transitions.emit(claim, 0, [NOTE])
    finish = board.transitions.end(claim, Succeeded(b"1"), Usage())
    assert client.script_exists(finish.script.sha, emit.script.sha) == [True, False]
    run_pipelined(client, [emit, finish])
    assert board.event_types(claim.job_id) == ["queued", "started", "note", "succeeded"]


def test_a_script_can_have_another_one_as_a_function_of_its_arguments() -> None:
    whole, part = load_script("fire").text, load_script("submit").text
    assert f"local function submit(ARGV)\n{part}\nend" in whole
    assert "--!" not in whole


def test_two_scripts_that_include_the_same_part_are_told_apart_by_their_text() -> None:
    assert saying("a").script.sha != saying("b").script.sha
