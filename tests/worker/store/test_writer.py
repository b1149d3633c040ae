"""The writer: the calls of a process, in order, in few round trips, and through the absence of Redis."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import wait
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from redis.exceptions import ResponseError

from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.model.events import EventDraft
from backdesk.worker.model.job import Succeeded, Usage
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from backdesk.worker.store.refusal import REMEDIES
from backdesk.worker.store.scripts import Call, Script
from backdesk.worker.store.writer import StoreWriter
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.faults import FAULTS, refusing
from tests.support.ports import hold


@pytest.fixture
def writer(settings: Settings) -> Iterator[StoreWriter]:
    writer = StoreWriter(connect(settings.url, 2))
    yield writer
    writer.close()


def append(value: str) -> Call[int]:
    return Call(Script("append", "return redis.call('RPUSH', 'seen', ARGV[1])"), (value,), int)


def test_a_call_is_answered(writer: StoreWriter, client: redis.Redis) -> None:
    assert writer.submit(append("a")).result() == 1
    client.delete("seen")


def test_calls_take_effect_in_the_order_of_their_submission(writer: StoreWriter, client: redis.Redis) -> None:
    futures = [writer.submit(append(str(number))) for number in range(2000)]
    wait(futures, PATIENCE_S)
    assert client.lrange("seen", 0, -1) == [str(number).encode() for number in range(2000)]
    assert [future.result() for future in futures] == list(range(1, 2001))
    client.delete("seen")


def test_calls_that_come_together_share_round_trips(writer: StoreWriter, client: redis.Redis) -> None:
    writer.submit(append("first")).result()
    before = client.info("stats")["total_reads_processed"]
    wait([writer.submit(append("x")) for _ in range(2000)], PATIENCE_S)
    assert client.info("stats")["total_reads_processed"] - before < 500
    client.delete("seen")


def test_an_error_of_one_call_reaches_its_caller_and_no_other(writer: StoreWriter, client: redis.Redis) -> None:
    bad: Call[int] = Call(Script("bad", "return redis.error_reply('NOT today')"), (), int)
    futures = [writer.submit(call) for call in (append("a"), bad, append("b"))]
    assert futures[0].result(PATIENCE_S) == 1
    with pytest.raises(ResponseError, match="NOT today"):
        futures[1].result(PATIENCE_S)
    assert futures[2].result(PATIENCE_S) == 2
    client.delete("seen")


def test_an_answer_that_cannot_be_read_does_not_stop_the_writer(writer: StoreWriter, client: redis.Redis) -> None:
    unreadable: Call[int] = Call(append("a").script, ("a",), lambda reply: int("no number"))
    with pytest.raises(ValueError, match="no number"):
        writer.submit(unreadable).result(PATIENCE_S)
    assert writer.submit(append("b")).result(PATIENCE_S) == 2
    client.delete("seen")


def test_a_server_that_is_still_loading_is_asked_again(writer: StoreWriter, client: redis.Redis) -> None:
    text = """
    if redis.call('INCR', 'tries') < 3 then return redis.error_reply('LOADING Redis is loading the dataset') end
    return redis.call('GET', 'tries')
    """
    assert writer.submit(Call(Script("loading", text), (), int)).result(PATIENCE_S) == 3
    client.delete("tries")


def refused_at_first(code: str, value: str, chain: tuple[str, str] | None = None) -> Call[int]:
    """A call that is refused twice, as Redis 7 words it, and then appends its value."""
    text = f"""
    if redis.call('INCR', 'tries') < 3 then return redis.error_reply('{code} not now') end
    return redis.call('RPUSH', 'seen', ARGV[1])
    """
    return Call(Script(code, text), (value,), int, chain)


@pytest.mark.parametrize("code", sorted(REMEDIES))
def test_a_call_that_is_refused_for_now_is_made_again(writer: StoreWriter, client: redis.Redis, code: str) -> None:
    assert writer.submit(refused_at_first(code, "a")).result(PATIENCE_S) == 1
    client.delete("seen", "tries")


def test_a_call_waits_until_the_one_before_it_in_its_chain_is_made(writer: StoreWriter, client: redis.Redis) -> None:
    first = refused_at_first("OOM", "first", ("job", "1"))
    second = replace(append("second"), chain=("job", "1"))
    wait([writer.submit(call) for call in (first, second, replace(append("other"), chain=("job", "2")))], PATIENCE_S)
    assert client.lrange("seen", 0, -1) == [b"other", b"first", b"second"]
    client.delete("seen", "tries")


@pytest.mark.parametrize("code", FAULTS)
def test_what_a_server_refuses_for_now_is_written_in_order_once_it_does_not(
    writer: StoreWriter, board: Board, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    claim = board.start(board.submit("a"))
    with refusing(board.settings.url, code):
        emitted = writer.submit(board.transitions.emit(claim, 0, [EventDraft("note", b"{}")]))
        finished = writer.submit(board.transitions.end(claim, Succeeded(b"1"), Usage()))
        eventually(lambda: "redis_unavailable" in caplog.text)
        assert [emitted.done(), finished.done()] == [False, False]
    assert (emitted.result(PATIENCE_S), finished.result(PATIENCE_S)) == (0, True)
    assert board.event_types("a") == ["queued", "started", "note", "succeeded"]


def test_calls_made_while_redis_restarts_wait_and_are_made_once_it_is_back(settings: Settings, tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / "data").start()
    port = server.port
    board = Board(connect(server.url), settings)
    claim = board.start(board.submit("a"))
    writer = StoreWriter(connect(server.url, 2))
    server.stop()
    emitted = writer.submit(board.transitions.emit(claim, 0, [EventDraft("note", b"{}")]))
    finished = writer.submit(board.transitions.end(claim, Succeeded(b"1"), Usage()))
    assert not emitted.done()
    with hold(port), EmbeddedRedis(tmp_path / "data", port=port):
        assert emitted.result(PATIENCE_S) == 0
        assert finished.result(PATIENCE_S) is True
        assert board.event_types("a") == ["queued", "started", "note", "succeeded"]
        writer.close()
        board.client.close()


def test_closing_writes_what_is_pending(settings: Settings, client: redis.Redis) -> None:
    writer = StoreWriter(connect(settings.url, 2))
    futures = [writer.submit(append("x")) for _ in range(600)]
    writer.close()
    assert all(future.done() for future in futures)
    assert client.llen("seen") == 600
    client.delete("seen")


def test_after_closing_nothing_is_taken(settings: Settings) -> None:
    writer = StoreWriter(connect(settings.url, 2))
    writer.close()
    writer.close()
    with pytest.raises(StoreUnavailable, match="closing"):
        writer.submit(append("x"))


def test_closing_while_redis_is_away_gives_up_and_says_so() -> None:
    with EmbeddedRedis() as server:
        writer = StoreWriter(connect(server.url, 1))
    future = writer.submit(append("x"))
    writer.close()
    with pytest.raises(StoreUnavailable):
        future.result(PATIENCE_S)


def test_a_caller_in_another_thread_waits_for_its_answer(writer: StoreWriter, client: redis.Redis) -> None:
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(writer.submit(append("x")).result())) for _ in range(8)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(answers) == 8)
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(1, 9))
    client.delete("seen")
