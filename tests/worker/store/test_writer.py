"""The writer: the calls of a process, in order, in few round trips, and through the absence of Redis."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis
from redis.exceptions import NoPermissionError, ResponseError

from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.model.events import EventDraft
from backdesk.worker.model.job import Succeeded, Usage
from backdesk.worker.process.event_loop import LoopBlocked, ProcessLoop
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from backdesk.worker.store.refusal import REMEDIES
from backdesk.worker.store.scripts import Call, Script
from backdesk.worker.store.writer import StoreWriter
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.faults import FAULTS, refusing
from tests.support.ports import hold

T = TypeVar("T")

APPEND = "return redis.call('RPUSH', 'seen', ARGV[1])"


class Caller:
    """Who submits calls: the test's own thread, or an event loop."""

    def __init__(self, loop: ProcessLoop | None) -> None:
        self.loop = loop

    def writer(self, url: str, timeout_s: float = 2) -> StoreWriter:
        return StoreWriter(connect(url, timeout_s), self.loop, timeout_s)

    def submit(self, writer: StoreWriter, *calls: Call[T]) -> list[Future[T]]:
        async def together() -> list[Future[T]]:
            return [writer.submit(call) for call in calls]

        return self.loop.run(together()).result(PATIENCE_S) if self.loop else [writer.submit(call) for call in calls]

    def result(self, writer: StoreWriter, call: Call[T]) -> T:
        return self.submit(writer, call)[0].result(PATIENCE_S)


@pytest.fixture
def loop() -> Iterator[ProcessLoop]:
    loop = ProcessLoop()
    yield loop
    loop.stop()


@pytest.fixture(params=["a thread", "the loop"])
def caller(request: pytest.FixtureRequest, loop: ProcessLoop) -> Caller:
    return Caller(loop if request.param == "the loop" else None)


@pytest.fixture
def writer(settings: Settings, caller: Caller) -> Iterator[StoreWriter]:
    writer = caller.writer(settings.url)
    yield writer
    writer.close()


@pytest.fixture
def of_loop(settings: Settings, loop: ProcessLoop) -> Iterator[StoreWriter]:
    writer = Caller(loop).writer(settings.url)
    yield writer
    writer.close()


@pytest.fixture(autouse=True)
def nothing_is_left(client: redis.Redis) -> Iterator[None]:
    yield
    client.delete("seen", "tries")


def append(value: str, read: Callable[[Any], int] = int) -> Call[int]:
    return Call(Script("append", APPEND), (value,), read)


def test_a_call_is_answered(caller: Caller, writer: StoreWriter) -> None:
    assert caller.result(writer, append("a")) == 1


def test_calls_take_effect_in_the_order_of_their_submission(
    caller: Caller, writer: StoreWriter, client: redis.Redis
) -> None:
    futures = caller.submit(writer, *(append(str(number)) for number in range(2000)))
    wait(futures, PATIENCE_S)
    assert client.lrange("seen", 0, -1) == [str(number).encode() for number in range(2000)]
    assert [future.result() for future in futures] == list(range(1, 2001))


def test_calls_that_come_together_share_round_trips(caller: Caller, writer: StoreWriter, client: redis.Redis) -> None:
    caller.result(writer, append("first"))
    before = client.info("stats")["total_reads_processed"]
    wait(caller.submit(writer, *[append("x")] * 2000), PATIENCE_S)
    assert client.info("stats")["total_reads_processed"] - before < 500


def test_an_error_of_one_call_reaches_its_caller_and_no_other(caller: Caller, writer: StoreWriter) -> None:
    bad: Call[int] = Call(Script("bad", "return redis.error_reply('NOT today')"), (), int)
    futures = caller.submit(writer, append("a"), bad, append("b"))
    assert futures[0].result(PATIENCE_S) == 1
    with pytest.raises(ResponseError, match="NOT today"):
        futures[1].result(PATIENCE_S)
    assert futures[2].result(PATIENCE_S) == 2


def test_a_server_that_loads_no_scripts_for_this_user_is_an_error_of_its_callers(
    settings: Settings, caller: Caller, client: redis.Redis
) -> None:
    client.execute_command("ACL", "SETUSER", "reader", "on", "nopass", "~*", "&*", "+@all", "-script")
    writer = caller.writer(settings.url.replace("://", "://reader:any@", 1))
    try:
        with pytest.raises(NoPermissionError, match="script"):
            caller.result(writer, append("a"))
    finally:
        writer.close()
        client.execute_command("ACL", "DELUSER", "reader")


def test_an_answer_that_cannot_be_read_does_not_stop_the_writer(caller: Caller, writer: StoreWriter) -> None:
    with pytest.raises(ValueError, match="no number"):
        caller.result(writer, append("a", lambda _reply: int("no number")))
    assert caller.result(writer, append("b")) == 2


def test_a_server_that_is_still_loading_is_asked_again(caller: Caller, writer: StoreWriter) -> None:
    text = """
    if redis.call('INCR', 'tries') < 3 then return redis.error_reply('LOADING Redis is loading the dataset') end
    return redis.call('GET', 'tries')
    """
    assert caller.result(writer, Call(Script("loading", text), (), int)) == 3


def test_scripts_that_somebody_has_flushed_are_loaded_again(
    caller: Caller, writer: StoreWriter, client: redis.Redis
) -> None:
    caller.result(writer, append("a"))
    client.script_flush()
    assert [future.result(PATIENCE_S) for future in caller.submit(writer, append("b"), append("c"))] == [2, 3]


def test_a_call_that_is_larger_than_a_socket_takes_is_made(
    caller: Caller, writer: StoreWriter, client: redis.Redis
) -> None:
    caller.result(writer, append("a"))
    assert caller.result(writer, append("x" * 5_000_000)) == 2
    assert client.lindex("seen", 1) == b"x" * 5_000_000


def test_an_answer_that_comes_in_parts_is_read_whole(caller: Caller, writer: StoreWriter) -> None:
    caller.result(writer, append("a"))
    long: Call[bytes] = Call(Script("long", "return string.rep('y', 5000000)"), (), bytes)
    assert caller.result(writer, long) == b"y" * 5_000_000


def refused_at_first(code: str, value: str, chain: tuple[str, str] | None = None) -> Call[int]:
    """A call that is refused twice, as Redis 7 words it, and then appends its value."""
    text = f"""
    if redis.call('INCR', 'tries') < 3 then return redis.error_reply('{code} not now') end
    {APPEND}
    """
    return Call(Script(code, text), (value,), int, chain)


@pytest.mark.parametrize("code", sorted(REMEDIES))
def test_a_call_that_is_refused_for_now_is_made_again(caller: Caller, writer: StoreWriter, code: str) -> None:
    assert caller.result(writer, refused_at_first(code, "a")) == 1


def test_a_call_waits_until_the_one_before_it_in_its_chain_is_made(
    caller: Caller, writer: StoreWriter, client: redis.Redis
) -> None:
    first = refused_at_first("OOM", "first", ("job", "1"))
    second = replace(append("second"), chain=("job", "1"))
    wait(caller.submit(writer, first, second, replace(append("other"), chain=("job", "2"))), PATIENCE_S)
    assert client.lrange("seen", 0, -1) == [b"other", b"first", b"second"]


def fails_then_is_refused(value: str, chain: tuple[str, str]) -> Call[int]:
    """A call that comes to an error, is refused when it is repeated, and then appends its value."""
    text = f"""
    local tries = redis.call('INCR', 'tries')
    if tries < 3 then return redis.error_reply(tries == 1 and 'ERR odd' or 'OOM not now') end
    {APPEND}
    """
    return Call(Script("fails", text), (value,), int, chain)


def test_a_call_that_is_refused_when_it_is_repeated_alone_still_comes_before_those_behind_it(
    caller: Caller, writer: StoreWriter, client: redis.Redis
) -> None:
    chain = ("job", "1")
    wait(caller.submit(writer, fails_then_is_refused("a", chain), replace(append("b"), chain=chain)), PATIENCE_S)
    assert client.lrange("seen", 0, -1) == [b"a", b"b"]


@pytest.mark.parametrize("code", FAULTS)
def test_what_a_server_refuses_for_now_is_written_in_order_once_it_does_not(
    caller: Caller, writer: StoreWriter, board: Board, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    claim = board.start(board.submit("a"))
    emit = board.transitions.emit(claim, 0, [EventDraft("note", b"{}")])
    remember = board.transitions.remember(claim, "step:a", b'{"state":"done","value":1}', b"{}")
    end = board.transitions.end(claim, Succeeded(b"1"), Usage())
    with refusing(board.settings.url, code):
        futures: list[Future[Any]] = caller.submit(writer, emit, remember, end)
        eventually(lambda: "redis_unavailable" in caplog.text)
        assert [future.done() for future in futures] == [False] * 3
    assert [future.result(PATIENCE_S) for future in futures] == [0, True, True]
    assert board.event_types("a") == ["queued", "started", "note", "step", "succeeded"]


def test_calls_made_while_redis_restarts_wait_and_are_made_once_it_is_back(
    caller: Caller, settings: Settings, tmp_path: Path
) -> None:
    server = EmbeddedRedis(tmp_path / "data").start()
    port = server.port
    board = Board(connect(server.url), settings)
    claim = board.start(board.submit("a"))
    writer = caller.writer(server.url)
    caller.result(writer, append("connected"))
    server.stop()
    emit = board.transitions.emit(claim, 0, [EventDraft("note", b"{}")])
    end = board.transitions.end(claim, Succeeded(b"1"), Usage())
    futures: list[Future[Any]] = caller.submit(writer, emit, end)
    assert not futures[0].done()
    with hold(port), EmbeddedRedis(tmp_path / "data", port=port):
        assert [future.result(PATIENCE_S) for future in futures] == [0, True]
        assert board.event_types("a") == ["queued", "started", "note", "succeeded"]
        writer.close()
        board.client.close()


def test_a_server_that_falls_silent_is_asked_again(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    with EmbeddedRedis() as server:
        writer = caller.writer(server.url, 0.2)
        caller.result(writer, append("a"))
        os.kill(server.pid, signal.SIGSTOP)
        future = caller.submit(writer, append("b"))[0]
        eventually(lambda: "redis_unavailable" in caplog.text)
        os.kill(server.pid, signal.SIGCONT)
        assert future.result(PATIENCE_S) >= 2
        writer.close()


def test_closing_writes_what_is_pending(caller: Caller, settings: Settings, client: redis.Redis) -> None:
    writer = caller.writer(settings.url)
    futures = caller.submit(writer, *[append("x")] * 600)
    writer.close()
    assert all(future.done() for future in futures)
    assert client.llen("seen") == 600


def test_after_closing_nothing_is_taken(caller: Caller, settings: Settings) -> None:
    writer = caller.writer(settings.url)
    writer.close()
    writer.close()
    with pytest.raises(StoreUnavailable, match="closing"):
        caller.submit(writer, append("x"))


def test_closing_while_redis_is_away_gives_up_and_says_so(caller: Caller) -> None:
    with EmbeddedRedis() as server:
        writer = caller.writer(server.url, 1)
        caller.result(writer, append("connected"))
    future = caller.submit(writer, append("x"))[0]
    writer.close()
    with pytest.raises(StoreUnavailable):
        future.result(PATIENCE_S)


def test_a_caller_in_another_thread_waits_for_its_answer(writer: StoreWriter) -> None:
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(writer.submit(append("x")).result())) for _ in range(8)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(answers) == 8)
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(1, 9))


def reading_thread(caller: Caller, writer: StoreWriter) -> int:
    """Make a call, and return on which thread its answer was read."""
    return caller.result(writer, append("x", lambda _: threading.get_ident()))


async def thread_of_loop() -> int:
    return threading.get_ident()


def test_calls_from_the_loop_are_made_on_the_loop_as_long_as_redis_serves_them(
    loop: ProcessLoop, of_loop: StoreWriter
) -> None:
    caller, here = Caller(loop), loop.run(thread_of_loop()).result(PATIENCE_S)
    reading_thread(caller, of_loop)  # the thread connects
    eventually(lambda: reading_thread(caller, of_loop) == here)
    caller.result(of_loop, refused_at_first("OOM", "a"))  # the thread repeats
    eventually(lambda: reading_thread(caller, of_loop) == here)


def test_calls_of_one_chain_from_the_loop_and_from_threads_are_made_in_order(
    loop: ProcessLoop, of_loop: StoreWriter, client: redis.Redis
) -> None:
    callers = [Caller(loop), Caller(None)]
    futures = [
        callers[number % 2].submit(of_loop, replace(append(str(number)), chain=("job", "1")))[0]
        for number in range(200)
    ]
    wait(futures, PATIENCE_S)
    assert client.lrange("seen", 0, -1) == [str(number).encode() for number in range(200)]


def test_a_call_whose_reading_is_interrupted_on_the_loop_is_made_again(loop: ProcessLoop, of_loop: StoreWriter) -> None:
    caller, here = Caller(loop), loop.run(thread_of_loop()).result(PATIENCE_S)
    eventually(lambda: reading_thread(caller, of_loop) == here)
    readings = count()

    def read(reply: Any) -> int:
        if next(readings) == 0:
            raise LoopBlocked
        return int(reply)

    interrupted, beside = caller.submit(of_loop, append("a", read), append("b"))
    assert interrupted.result(PATIENCE_S) > 0
    assert beside.result(PATIENCE_S) > 0
    assert next(readings) == 2
