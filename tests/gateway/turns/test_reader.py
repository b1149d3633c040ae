"""A job's events, read as a turn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from backdesk.gateway.turns import Ended, Part, TextDelta, TextVoided, TurnReader
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.events import JobEvent

LIVE = Chat(input="message", output="answer")
FINAL = Chat(input="message", output="answer", text="final")
AT = datetime(2026, 1, 1, tzinfo=UTC)


def events(*told: tuple[int, str, dict[str, Any]]) -> list[JobEvent]:
    return [
        JobEvent(seq=seq, job_id="j", kind="k", tenant="t", attempt=attempt, at=AT, type=type_, data=data)
        for seq, (attempt, type_, data) in enumerate(told, 1)
    ]


def read(chat: Chat, *told: tuple[int, str, dict[str, Any]]) -> list[Part]:
    reader = TurnReader(chat)
    return [part for event in events(*told) for part in reader.read(event)]


def standing(parts: list[Part]) -> str:
    text = ""
    for part in parts:
        text = "" if isinstance(part, TextVoided) else text + (part.text if isinstance(part, TextDelta) else "")
    return text


ANSWER = {"result": {"answer": "All is well."}}


def test_the_deltas_that_stand_are_the_answer_though_nobody_had_it_streamed() -> None:
    parts = read(LIVE, (1, "started", {}), (1, "succeeded", ANSWER))
    assert standing(parts) == "All is well."
    assert isinstance(parts[-1], Ended)


def test_what_was_streamed_is_not_given_again_at_the_end() -> None:
    parts = read(LIVE, (1, "token", {"text": "All is"}), (1, "succeeded", ANSWER))
    assert [part.text for part in parts if isinstance(part, TextDelta)] == ["All is", " well."]


def test_text_of_an_attempt_that_came_to_nothing_is_taken_back() -> None:
    parts = read(LIVE, (1, "token", {"text": "None"}), (2, "started", {}), (2, "succeeded", ANSWER))
    assert any(isinstance(part, TextVoided) for part in parts)
    assert standing(parts) == "All is well."


def test_a_draft_that_did_not_pass_is_taken_back() -> None:
    parts = read(LIVE, (1, "token", {"text": "All"}), (1, "review", {"passed": False}), (1, "succeeded", ANSWER))
    assert [type(part) for part in parts[1:2]] == [TextVoided]


def test_text_that_is_final_is_never_taken_back() -> None:
    parts = read(FINAL, (1, "token", {"text": "None"}), (2, "started", {}), (2, "succeeded", ANSWER))
    assert not any(isinstance(part, TextVoided) for part in parts)
    assert standing(parts) == "All is well."
