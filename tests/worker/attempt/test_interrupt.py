"""Stopping a blocking body: it feels every interrupt, and nothing else ever does."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from backdesk.worker.attempt.interrupt import SIGNAL, Interrupt
from tests.support.eventually import PATIENCE_S, eventually

In = Callable[[Callable[[], object]], object]


def in_main_thread(function: Callable[[], object]) -> object:
    return function()


def in_a_thread(function: Callable[[], object]) -> object:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


@pytest.fixture(params=[in_main_thread, in_a_thread])
def where(request: pytest.FixtureRequest) -> In:
    """Where the body runs; pytest itself runs in the main thread."""
    place: In = request.param
    return place


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def _once(reached: threading.Event, interrupt: Interrupt) -> None:
    assert reached.wait(PATIENCE_S)
    interrupt()


def count_up(reached: threading.Event) -> None:
    n = 0
    while True:
        n += 1
        if n == 1000:
            reached.set()


def test_a_body_that_computes_is_stopped(where: In, elsewhere: ThreadPoolExecutor) -> None:
    interrupt, reached = Interrupt(), threading.Event()
    elsewhere.submit(_once, reached, interrupt)
    with pytest.raises(asyncio.CancelledError):
        where(lambda: interrupt.run(count_up, reached))


def sleep(reached: threading.Event) -> None:
    reached.set()
    time.sleep(60)


def read_a_socket(reached: threading.Event) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reached.set()
        ours.recv(1)


def wait_for_a_program(reached: threading.Event) -> None:
    with subprocess.Popen(["sleep", "60"]) as program:
        try:
            reached.set()
            program.wait()
        finally:
            program.kill()


def wait_for_an_event(reached: threading.Event) -> None:
    reached.set()
    threading.Event().wait()


@pytest.mark.parametrize("body", [sleep, read_a_socket, wait_for_a_program, wait_for_an_event])
def test_in_the_main_thread_a_body_that_waits_is_stopped_at_once(
    body: Callable[[threading.Event], None], elsewhere: ThreadPoolExecutor
) -> None:
    interrupt, reached = Interrupt(), threading.Event()
    elsewhere.submit(_once, reached, interrupt)
    began = time.monotonic()
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - a wait that is broken off may stumble over its own lock
        interrupt.run(body, reached)
    assert isinstance(caught.value, asyncio.CancelledError) or isinstance(
        caught.value.__context__, asyncio.CancelledError
    )
    assert time.monotonic() - began < 10


def test_a_body_that_ends_by_itself_returns_its_value(where: In) -> None:
    assert where(lambda: Interrupt().run(divmod, 7, 2)) == (3, 1)


def test_the_error_of_a_body_passes(where: In) -> None:
    with pytest.raises(ZeroDivisionError):
        where(lambda: Interrupt().run(divmod, 1, 0))


def test_a_body_that_swallows_the_interrupt_is_stopped_by_the_next(where: In, elsewhere: ThreadPoolExecutor) -> None:
    interrupt, reached = Interrupt(), threading.Event()
    swallowed: list[object] = []

    def stubborn() -> None:
        for _ in range(3):
            try:
                count_up(reached)
            except asyncio.CancelledError as error:
                reached.clear()
                swallowed.append(error)
        count_up(reached)

    def insist() -> None:
        for before in range(4):
            eventually(lambda n=before: reached.is_set() and len(swallowed) == n)  # type: ignore[misc]  # its default
            interrupt()

    insisting = elsewhere.submit(insist)
    with pytest.raises(asyncio.CancelledError):
        where(lambda: interrupt.run(stubborn))
    insisting.result(PATIENCE_S)
    assert len(swallowed) == 3


def test_an_interrupt_that_comes_before_the_body_stops_it_at_its_start(where: In) -> None:
    interrupt, ran = Interrupt(), threading.Event()
    interrupt()
    with pytest.raises(asyncio.CancelledError):
        where(lambda: interrupt.run(ran.set))
    assert not ran.is_set()


def test_an_interrupt_that_comes_after_the_body_does_nothing(where: In) -> None:
    def late() -> int:
        interrupt = Interrupt()
        interrupt.run(int)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(interrupt).result(PATIENCE_S)
        return Interrupt().run(_count_to, 1000)

    assert where(late) == 1000


class Hesitant(Interrupt):
    """Finds the body at work, and strikes when it has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.found = threading.Event()

    def _send(self) -> None:
        self.found.set()
        eventually(lambda: not self._open)
        super()._send()


def test_the_end_of_a_body_waits_for_an_interrupt_that_is_on_its_way(where: In, elsewhere: ThreadPoolExecutor) -> None:
    interrupt, reached = Hesitant(), threading.Event()

    def body() -> None:
        reached.set()
        interrupt.found.wait(PATIENCE_S)

    def run() -> int:
        with suppress(asyncio.CancelledError):
            interrupt.run(body)
        while not sender.done():
            pass
        return _count_to(1000)

    sender = elsewhere.submit(_once, reached, interrupt)
    assert where(run) == 1000


class Reported:
    """A file descriptor that tells when a function of C makes use of it."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.used = False

    def __index__(self) -> int:
        self.used = True
        return self._number


def test_an_interrupt_that_is_pending_when_the_body_fails_is_withdrawn() -> None:
    """Python would raise it at the next occasion, which a function of C that fails does not give it."""
    reader, writer = _full_pipe()
    descriptor, interrupt = Reported(writer), Interrupt()

    def run() -> int:
        write: Callable[[Any, bytes], int] = os.write
        with pytest.raises(BrokenPipeError):
            interrupt.run(write, descriptor, b"x")
        return _count_to(1000)

    with ThreadPoolExecutor(1) as pool:
        counted = pool.submit(run)
        (thread,) = (thread.ident or 0 for thread in pool._threads)
        eventually(lambda: descriptor.used and sys._current_frames()[thread].f_code is Interrupt.run.__code__)
        interrupt()
        os.close(reader)
        assert counted.result(PATIENCE_S) == 1000
    os.close(writer)


def _full_pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while os.write(writer, bytes(1 << 16)):
            pass
    os.set_blocking(writer, True)
    return reader, writer


def test_a_stray_signal_is_harmless_between_bodies_and_within_them() -> None:
    Interrupt().run(int)
    os.kill(os.getpid(), SIGNAL)
    Interrupt().run(os.kill, os.getpid(), SIGNAL)
    assert callable(signal.getsignal(SIGNAL))


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Have the threads alternate within a body that lasts a fraction of a millisecond."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


class Storm:
    """Interrupts each body twice, at random moments around its end, which is found by trial under any load."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._random = random.Random(7)
        self._length = 3000.0
        self.interrupted = self.finished = 0

    def __call__(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            for _ in range(self._rounds):
                self._one(pool)

    def _one(self, pool: ThreadPoolExecutor) -> None:
        """Run one body; whatever is raised outside of `run` fails the test."""
        interrupt = Interrupt()
        senders = [pool.submit(_after, self._random.randrange(300), interrupt) for _ in range(2)]
        try:
            interrupt.run(_with_a_finally, self._random.randrange(int(self._length)))
        except asyncio.CancelledError:
            self.interrupted += 1
            self._length = max(self._length * 0.95, 2)
        else:
            self.finished += 1
            self._length = min(self._length * 1.05, 1e6)
        for sender in senders:
            while not sender.done():  # Python code, for an error that is pending to show itself
                pass
            sender.result()
        Interrupt().run(_count_to, 50)


def _count_to(steps: int) -> int:
    n = 0
    while n < steps:
        n += 1
    return n


def _after(steps: int, interrupt: Interrupt) -> None:
    _count_to(steps)
    interrupt()


def _with_a_finally(steps: int) -> None:
    try:
        _count_to(steps)
    finally:
        _count_to(steps // 4)


@pytest.mark.parametrize("rounds", [300, pytest.param(100_000, marks=pytest.mark.soak)])
def test_no_interrupt_is_ever_felt_outside_of_its_body(where: In, rounds: int, frequent_switches: None) -> None:
    storm = Storm(rounds)
    where(storm)
    assert storm.interrupted + storm.finished == rounds
    assert min(storm.interrupted, storm.finished) > rounds // 20
