"""Requests of MCP as they go over HTTP, from the era of 2026-07-28 and the one before."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Self

import httpx2

from tests.support.eventually import eventually

VERSION = "2026-07-28"
TASKS = "io.modelcontextprotocol/tasks"
ABLE: dict[str, Any] = {"extensions": {TASKS: {}}, "elicitation": {"form": {}}}
_ids = itertools.count(1)


class RawClient:
    """A client that says what it can do with each request, as the protocol has it since 2026-07-28."""

    def __init__(self, url: str, *, capabilities: dict[str, Any] | None = None, **headers: str) -> None:
        self.http = httpx2.Client(base_url=url, headers=headers, trust_env=False, timeout=30)
        self.capabilities = ABLE if capabilities is None else capabilities

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    @property
    def meta(self) -> dict[str, Any]:
        """What it says of itself."""
        return {
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": self.capabilities,
        }

    def post(self, method: str, **params: Any) -> httpx2.Response:
        """Send a request and return the answer as it is."""
        named = params.get("name") or params.get("taskId") or params.get("uri")
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": VERSION,
            "Mcp-Method": method,
            **({"Mcp-Name": str(named)} if named else {}),
        }
        body = {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": {"_meta": self.meta, **params}}
        return self.http.post("/mcp", json=body, headers=headers)

    def ask(self, method: str, **params: Any) -> Any:
        """Send a request and return its result."""
        answer = self.post(method, **params).json()
        assert "result" in answer, answer
        return answer["result"]

    def refusal(self, method: str, **params: Any) -> Any:
        """Send a request and return the error that it is refused with."""
        answer = self.post(method, **params).json()
        assert "error" in answer, answer
        return answer["error"]

    def start(self, tool: str, **arguments: Any) -> str:
        """Call a tool and return the id of its task."""
        created = self.ask("tools/call", name=tool, arguments=arguments)
        assert created["resultType"] == "task", created
        return str(created["taskId"])

    def task(self, task_id: str, until: Callable[[Any], bool]) -> Any:
        """Ask about a task until it is as it should be."""
        seen: list[Any] = []

        def fits() -> bool:
            seen.append(self.ask("tasks/get", taskId=task_id))
            return until(seen[-1])

        eventually(fits, what=f"the task {task_id}")
        return seen[-1]

    def ended(self, task_id: str) -> Any:
        """Ask about a task until it has ended."""
        return self.task(task_id, lambda task: task["status"] in {"completed", "cancelled", "failed"})

    def asking(self, task_id: str) -> Any:
        """Ask about a task until it asks something."""
        return self.task(task_id, lambda task: task["status"] == "input_required")
