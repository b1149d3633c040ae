"""The little agent by itself, nothing kept: `python -m benchmarks.peers.bare_agent RUNS SLOTS`."""

from __future__ import annotations

import asyncio
import sys

from benchmarks.peers.agent_runs import take
from benchmarks.peers.little_agent import MESSAGE, make_agent


async def main() -> None:
    """Run it again and again."""
    agent = make_agent()
    await take(lambda: agent.run(MESSAGE), int(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    asyncio.run(main())
