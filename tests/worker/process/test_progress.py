"""Progress: an attempt's events travel in order, in few calls, and never hold up the body."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, cast

import pytest
from pydantic_core import from_json

from backdesk.worker.model.job import Claim
from backdesk.worker.process import progress
from backdesk.worker.process.event_loop import ProcessLoop
from backdesk.worker.process.progress import AttemptProgress
from backdesk.worker.process.texts import Texts
from backdesk.worker.settings import Settings, load_settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.writer import StoreWriter
from tests.support.arguments import argument, items


class HeldWriter:
    """A writer whose answers come when the test says so."""

    def __init__(self) -> None:
        self.calls: list[tuple[Call[Any], Future[Any]]] = []

    def submit(self, call: Call[Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls.append((call, future))
        return future

    def answer(self, watchers: int | None = 0) -> None:
        """Answer the oldest call that waits."""
        next(future for _, future in self.calls if not future.done()).set_result(watchers)

    def sent(self) -> list[list[tuple[str, Any]]]:
        """The events of each call."""
        return [[(str(kind), from_json(data)) for kind, data in items(call)] for call, _ in self.calls]

    def first_numbers(self) -> list[Any]:
        return [argument(call, "first") for call, _ in self.calls]


class PromptWriter(HeldWriter):
    """One that has answered before its caller goes on, as where that waits for its turn on a busy machine."""

    def submit(self, call: Call[Any]) -> Future[Any]:
        future = super().submit(call)
        self.answer()
        return future


class HeldLoop:
    """A loop whose timers ring when the test says so."""

    def __init__(self) -> None:
        self.timers: list[Callable[[], None]] = []

    def call_later(self, _delay_s: float, callback: Callable[[], None]) -> None:
        self.timers.append(callback)

    def ring(self) -> None:
        timers, self.timers = self.timers, []
        for timer in timers:
            timer()


@pytest.fixture
def settings() -> Settings:
    return load_settings(_env_file=None)


@pytest.fixture
def writer() -> HeldWriter:
    return HeldWriter()


@pytest.fixture
def loop() -> HeldLoop:
    return HeldLoop()


def sink_of(writer: HeldWriter, loop: HeldLoop, settings: Settings) -> AttemptProgress:
    claim = Claim("a", "test.echo", "acme", "agents", 1, "fence", b"{}", {}, None, watchers=1)
    writing, looping = cast("StoreWriter", writer), cast("ProcessLoop", loop)
    transitions = Transitions(settings)
    return AttemptProgress(claim, writing, transitions, settings, looping, texts=Texts(writing, transitions))


@pytest.fixture
def sink(writer: HeldWriter, loop: HeldLoop, settings: Settings) -> AttemptProgress:
    return sink_of(writer, loop, settings)


def note(number: int) -> tuple[str, Any]:
    return "note", {"n": number}


def test_the_first_event_goes_out_at_once(sink: AttemptProgress, writer: HeldWriter) -> None:
    sink.emit(*note(1))
    assert writer.sent() == [[note(1)]]


def test_what_comes_while_a_call_is_under_way_goes_together_with_the_next(
    sink: AttemptProgress, writer: HeldWriter
) -> None:
    for number in range(5):
        sink.emit(*note(number))
    assert writer.sent() == [[note(0)]]
    writer.answer(1)
    assert writer.sent() == [[note(0)], [note(1), note(2), note(3), note(4)]]
    assert writer.first_numbers() == [0, 1]


def test_what_nobody_watches_waits_a_moment_for_what_may_go_with_it(
    sink: AttemptProgress, writer: HeldWriter, loop: HeldLoop
) -> None:
    sink.watchers = 0
    sink.emit(*note(1))
    sink.emit(*note(2))
    assert (writer.calls, len(loop.timers)) == ([], 1)
    loop.ring()
    assert writer.sent() == [[note(1), note(2)]]


def test_what_waits_goes_ahead_of_what_the_attempt_writes_next(
    sink: AttemptProgress, writer: HeldWriter, loop: HeldLoop
) -> None:
    sink.watchers = 0
    sink.emit(*note(1))
    sink.flush()
    assert writer.sent() == [[note(1)]]
    writer.answer(0)
    loop.ring()
    assert len(writer.calls) == 1


def test_nothing_is_sent_when_there_is_nothing_to_tell(sink: AttemptProgress, writer: HeldWriter) -> None:
    sink.emit(*note(1))
    writer.answer()
    sink.close()
    assert len(writer.calls) == 1


def test_closing_hands_on_what_is_left_without_waiting_for_the_call_under_way(
    sink: AttemptProgress, writer: HeldWriter
) -> None:
    sink.emit(*note(1))
    sink.emit(*note(2))
    sink.token("text")
    sink.close()
    assert writer.sent()[1:] == [[note(2), ("token", {"text": "text"})]]


def test_pieces_of_text_are_joined_into_one_event(sink: AttemptProgress, writer: HeldWriter, loop: HeldLoop) -> None:
    for piece in ("Hel", "lo", ", ", "", "you"):
        sink.token(piece)
    assert (writer.calls, len(loop.timers)) == ([], 1)
    loop.ring()
    assert writer.sent() == [[("token", {"text": "Hello, you"})]]


def test_text_that_comes_after_an_interval_is_another_event(
    sink: AttemptProgress, writer: HeldWriter, loop: HeldLoop
) -> None:
    for piece in ("one", "two"):
        sink.token(piece)
        loop.ring()
    writer.answer(1)
    assert writer.sent() == [[("token", {"text": "one"})], [("token", {"text": "two"})]]


def test_text_keeps_its_place_among_the_events(sink: AttemptProgress, writer: HeldWriter) -> None:
    sink.token("before")
    sink.emit(*note(1))
    assert writer.sent() == [[("token", {"text": "before"}), note(1)]]


def test_a_card_number_in_two_pieces_of_text_is_masked_and_the_rest_is_not_held_up(
    sink: AttemptProgress, writer: HeldWriter, loop: HeldLoop
) -> None:
    for piece in ("Paid by 4111 1111", " 1111 1111."):
        sink.token(piece)
        loop.ring()
    sink.close()
    assert writer.sent() == [[("token", {"text": "Paid by "})], [("token", {"text": "[masked-card]."})]]


def test_secrets_in_an_event_are_masked(sink: AttemptProgress, writer: HeldWriter) -> None:
    sink.emit("tool_called", {"tool": "sign_in", "args": {"password": "hunter2", "note": "card 4111111111111111"}})
    data = {"tool": "sign_in", "args": {"password": "[masked]", "note": "card [masked-card]"}}
    assert writer.sent() == [[("tool_called", data)]]


def test_text_is_dropped_while_nobody_watches(sink: AttemptProgress, writer: HeldWriter, loop: HeldLoop) -> None:
    sink.emit(*note(1))
    writer.answer(0)
    assert not sink.watched
    sink.token("unheard")
    sink.close()
    assert (len(writer.calls), loop.timers) == (1, [])


def test_whoever_begins_to_watch_gets_the_text_from_then_on(
    sink: AttemptProgress, writer: HeldWriter, loop: HeldLoop
) -> None:
    sink.emit(*note(1))
    writer.answer(0)
    sink.emit(*note(2))
    loop.ring()
    writer.answer(2)
    assert sink.watched
    sink.token("heard")
    sink.close()
    assert writer.sent()[-1] == [("token", {"text": "heard"})]


def test_an_attempt_that_lost_its_fence_goes_on_quietly(sink: AttemptProgress, writer: HeldWriter) -> None:
    sink.emit(*note(1))
    writer.answer(None)
    sink.emit(*note(2))
    assert len(writer.calls) == 2


def test_after_a_failed_call_later_events_are_sent(sink: AttemptProgress, writer: HeldWriter) -> None:
    sink.emit(*note(1))
    sink.emit(*note(2))
    writer.calls[0][1].set_exception(RuntimeError("out of memory"))
    assert writer.sent()[1] == [note(2)]


def test_an_answer_that_is_there_at_once_holds_up_nobody(loop: HeldLoop, settings: Settings) -> None:
    writer = PromptWriter()
    sink = sink_of(writer, loop, settings)
    sink.emit(*note(1))
    sink.emit(*note(2))
    sink.close()
    assert writer.sent() == [[note(1)], [note(2)]]


@pytest.mark.parametrize("event", ["progress", "tool_progress"])
def test_while_redis_is_away_progress_beyond_the_buffer_is_dropped_and_other_events_are_kept(
    sink: AttemptProgress,
    writer: HeldWriter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    event: str,
) -> None:
    monkeypatch.setattr(progress, "MAX_BUFFERED", 10)
    sink.emit(*note(0))
    for _ in range(30):
        sink.emit(event, {})
    sink.emit(*note(1))
    sink.close()
    assert writer.sent()[1] == [*[(event, {})] * 10, note(1)]
    assert "events_dropped" in caplog.text
