"""Tools of Vapi, which are jobs."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest


def called(http: httpx2.Client, *calls: dict[str, Any], **more: Any) -> Any:
    answer = http.post("/v1/vapi/tools", json={"message": {"type": "tool-calls", "toolCallList": [*calls], **more}})
    assert answer.status_code == 200
    return answer.json()["results"]


@pytest.mark.parametrize(
    "call",
    [
        {"name": "talk.echo", "arguments": {"message": "a  b"}},
        {"name": "talk.echo", "parameters": {"message": "a  b"}},
        {"type": "function", "function": {"name": "talk.echo", "arguments": '{"message": "a  b"}'}},
    ],
    ids=["arguments", "parameters", "function"],
)
def test_each_shape_of_a_call_is_answered_on_one_line(
    http: httpx2.Client, call: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    (result,) = called(http, {"id": request.node.name, **call})
    assert result == {"toolCallId": request.node.name, "name": "talk.echo", "result": "You said: a b"}


def test_a_call_that_fails_is_told_beside_those_that_do_not(http: httpx2.Client) -> None:
    good, bad, unknown = called(
        http,
        {"id": "v1", "name": "talk.echo", "arguments": {"message": "hi"}},
        {"id": "v2", "name": "talk.fail", "arguments": {"message": "hi"}},
        {"id": "v3", "name": "talk.echo", "arguments": "no json"},
    )
    assert good["result"] == "You said: hi"
    assert "cannot be said" in bad["error"]
    assert "JSON" in unknown["error"]


def test_other_messages_are_taken_note_of(http: httpx2.Client) -> None:
    answer = http.post("/v1/vapi/tools", json={"message": {"type": "status-update", "status": "ended"}})
    assert (answer.status_code, answer.json()) == (200, {})
