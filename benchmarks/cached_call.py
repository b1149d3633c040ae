"""What a call of an HTTP API costs that is kept: a look into the cache of the tenant, beside the call itself."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from backdesk.client import JobClient
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.settings import load_settings
from backdesk.worker.store.keys import Keys
from benchmarks.child import Child
from benchmarks.contender import BACKDESK, PREFIX, environment
from benchmarks.kinds import CHECKS
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, in_rounds

CALLS = 2000
ASKED = "the same, asked of a server beside it"
#: What the API answers: a forecast of a week has about so many bytes.
ANSWER = json.dumps({"hourly": {"time": [*range(168)], "temperature": [17.5] * 168}}).encode()


def cached_call(plan: Plan) -> list[Line]:
    """Call a declared API again and again whose answer is kept, and one whose answer is not."""
    count = plan.of(CALLS)
    samples = in_rounds([Turn(BACKDESK.name, BACKDESK, lambda server: _measure(server, count))], plan.repeat)
    ours = samples.taken[BACKDESK.name]
    kept, asked = ([each[name] * 1000 for each in ours] for name in ("kept_s", "asked_s"))
    return [Line("cached_call", "a kept call of an API", "ms", kept, ASKED, asked, bound=Bound("value", "<", 2))]


def _measure(server: Server, count: int) -> dict[str, Any]:
    settings = load_settings(redis_url=server.url, prefix=PREFIX)
    with (
        JobClient(settings=settings, checks=CHECKS) as client,
        Child(BACKDESK.worker(8), environment(server.url)) as worker,
    ):
        worker.wait_until(lambda: bool(server.client.hlen(Keys(PREFIX).slots)))
        timed: dict[str, Any] = client.submit("bench.calls_of_api", {"count": count}).result(120)
        return timed


async def time_calls(ctx: TaskContext, count: int) -> tuple[float, float]:
    """Return the seconds of a call that is kept, and of one that is not, to a server in this process."""
    from backdesk.agents import Desk
    from backdesk.platform.database import Database
    from backdesk.platform.settings import TaskSettings
    from backdesk.tools import http_tool

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
        writer.write(head.encode() + ANSWER)
        await writer.drain()
        writer.close()

    desk = Desk(
        Database("sqlite://"), ctx.tenant, None, ctx.idempotency_key, TaskSettings(), shelf=ctx, reserve=ctx.reserve
    )
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"GET http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        taken = []
        for ttl_s, calls in ((60, count), (0, max(1, count // 10))):
            tool = http_tool("forecast", url, "Forecast.", private=True, ttl_s=ttl_s)
            await tool(desk)
            began = time.perf_counter()
            for _ in range(calls):
                await tool(desk)
            taken.append((time.perf_counter() - began) / calls)
    return taken[0], taken[1]
