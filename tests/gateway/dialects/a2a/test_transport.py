"""What comes to /a2a that no client of good will sends."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

BODIES = [
    b"",
    b"{",
    b"[]",
    b"[" * 100_000,
    b'{"jsonrpc": "2.0"}',
    b"\xff\xfe",
    b"null",
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
]
PATHS = [
    "/a2a",
    "/a2a/rest/message:send",
    "/a2a/rest/message:stream",
    "/a2a/rest/v1/message:send",
    "/a2a/rest/x/message:send",
]


@pytest.mark.parametrize("body", BODIES)
def test_what_is_no_request_is_refused_and_nothing_breaks(served: str, body: bytes) -> None:
    for version in ("1.0", "0.3"):
        headers = {"Content-Type": "application/json", "A2A-Version": version}
        with httpx2.Client(base_url=served, trust_env=False, timeout=30, headers=headers) as http:
            for path in PATHS:
                answer = http.post(path, content=body)
                assert answer.status_code < 500, (path, answer.text)
                assert "error" in answer.text, (path, answer.text)
                assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"messageId": "m", "role": "ROLE_USER", "parts": []},
        {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "x"}], "metadata": {"skill": "no.such"}},
        {"messageId": "m", "role": "ROLE_USER", "parts": [{"data": [1]}], "metadata": {"skill": "test.talk"}},
        {"messageId": "m" * 5000, "role": "ROLE_USER", "parts": [{"text": "x"}], "metadata": {"skill": "test.talk"}},
        {
            "messageId": "m",
            "contextId": "a b\r\n",
            "role": "ROLE_USER",
            "parts": [{"text": "x"}],
            "metadata": {"skill": "test.talk"},
        },
        {"messageId": "m", "taskId": "../../x", "role": "ROLE_USER", "parts": [{"text": "x"}]},
        {"messageId": "m", "role": "ROLE_USER", "parts": [{"raw": "AAAA"}], "metadata": {"skill": "test.talk"}},
    ],
)
def test_a_message_that_asks_for_nothing_that_can_be_done_is_refused_with_the_reason(served: str, message: Any) -> None:
    for method in ("SendMessage", "SendStreamingMessage"):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"message": message}}
        answer = httpx2.post(f"{served}/a2a", json=body, headers={"A2A-Version": "1.0"}, trust_env=False, timeout=30)
        error = answer.json()["error"]
        assert error["code"] in {-32602, -32001}, error


def test_other_addresses_are_nobodys(served: str) -> None:
    with httpx2.Client(base_url=served, trust_env=False) as http:
        assert http.get("/elsewhere/tasks").status_code == 404
        assert http.get("/elsewhere/message:send").status_code == 404
        assert http.get("/a2a").status_code == 405
