"""What clients of MCP are told of the recorded jobs.

    python -m tests.gateway.golden.mcp

writes it anew. What has changed then is what clients will notice.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from mcp_types import ClientCapabilities

from backdesk.gateway.dialects.asks import of_people
from backdesk.gateway.dialects.mcp.elicitation import input_requests
from backdesk.gateway.dialects.mcp.progress import Progress
from backdesk.gateway.dialects.mcp.results import ended
from backdesk.gateway.dialects.mcp.tasks import status
from backdesk.worker.model.asks import Ask
from backdesk.worker.model.events import JobEvent
from tests.gateway.golden.record import HERE, NAMES, load

ABLE = ClientCapabilities.model_validate({"elicitation": {"form": {}, "url": {}}})


async def _told(name: str) -> list[Any]:
    events, record = load(name)
    lines: list[Any] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        lines.append([seq, {"progress": round(progress, 6), "total": total, "message": message}])

    progress = Progress(report)
    for event in events:
        seq = event.seq
        await progress.hear(event)
        if event.type == "waiting" and (asks := _asks(event)):
            lines.append([seq, {"inputRequests": input_requests(asks, ABLE, lambda ask: f"https://desk/{ask.name}")}])
    result = ended(record, record.result).model_dump(by_alias=True, mode="json", exclude_none=True)
    return [*lines, {"status": status(record, {}), "result": result}]


def _asks(event: JobEvent) -> list[Ask]:
    return of_people(Ask.model_validate(each) for each in event.data["for"])


def written(name: str) -> str:
    """Return the notifications of progress within a call, what its task asks, and how it ends, as lines of a file."""
    return "".join(json.dumps(each, sort_keys=True) + "\n" for each in asyncio.run(_told(name)))


if __name__ == "__main__":
    for each in NAMES:
        (HERE / f"{each}.mcp.jsonl").write_text(written(each))
