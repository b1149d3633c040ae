"""What comes to /mcp that no client of good will sends, and what becomes of tasks without their gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.gateway import GatewayProcess, serving
from tests.support.mcp_requests import RawClient
from tests.support.workers import Fleet


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost.evil.example", "null", "http://127.0.0.1.nip.io", "file://"]
)
def test_a_page_of_another_origin_is_refused(served: str, origin: str) -> None:
    with RawClient(served, Origin=origin) as client:
        assert client.post("tools/list").status_code == 403


def test_a_page_of_the_gateway_itself_is_served(served: str, fleet: Fleet) -> None:
    with RawClient(served, Origin=served) as client:
        assert client.post("tools/list").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "evil.example:8000"])
def test_a_name_that_was_made_to_lead_here_is_refused(served: str, host: str) -> None:
    with RawClient(served, Host=host) as client:
        assert client.post("tools/list").status_code == 421


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_is_no_stream_of_the_server_and_no_session_to_end(served: str, method: str) -> None:
    answer = httpx2.request(method, f"{served}/mcp", trust_env=False, headers={"Accept": "text/event-stream"})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"[" * 100_000, b'{"jsonrpc": "2.0"}', b"\xff\xfe", b"1e999", b"null"]
)
def test_what_is_no_request_is_refused_and_nothing_breaks(served: str, body: bytes) -> None:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
    }
    with httpx2.Client(trust_env=False, timeout=30) as http:
        assert 400 <= http.post(f"{served}/mcp", content=body, headers=headers).status_code < 500
        del headers["MCP-Protocol-Version"]
        assert 400 <= http.post(f"{served}/mcp", content=body, headers=headers).status_code < 500


def test_a_stranger_is_asked_for_a_key(served: str) -> None:
    forwarded: Any = {"X-Forwarded-For": "203.0.113.9"}
    with RawClient(served, **forwarded) as client:
        answer = client.post("tools/list")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_id_of_a_trace_comes_to_the_job(served: str, fleet: Fleet) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with RawClient(served) as client:
        body = client.ask("tools/call", name="test_echo", arguments={}, _meta=client.meta | {"traceparent": trace})
    assert fleet.redis.hget(fleet.board.keys.job(body["taskId"]), "traceparent") == trace.encode()


def test_a_task_goes_on_without_its_gateway_and_any_other_knows_it(fleet: Fleet, tmp_path: Path) -> None:
    settings = fleet.settings
    with GatewayProcess(settings, tmp_path) as gateway, RawClient(gateway.url) as client:
        asking, working = client.start("test_approval", text="the parcel"), client.start("test_sleep", n=1)
        client.asking(asking)
        gateway.kill()
        with serving(settings) as url, RawClient(url) as other:
            assert other.ended(working)["status"] == "completed"
            other.asking(asking)
            yes = {"action": "accept", "content": {"decision": "approve"}}
            other.ask("tasks/update", taskId=asking, inputResponses={"refund": yes})
            assert other.ended(asking)["result"]["structuredContent"]["value"][0] is True
