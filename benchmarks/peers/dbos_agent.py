"""The little agent as a workflow of DBOS, on SQLite: `python -m benchmarks.peers.dbos_agent RUNS SLOTS`.

As DBOS wants it: requests to the model are steps by its capability, the tool is one by its decorator.
"""

from __future__ import annotations

import asyncio
import sys

from dbos import DBOS  # type: ignore[import-not-found]  # installed beside us, not with us
from pydantic_ai.durable_exec.dbos import DBOSDurability

from benchmarks.peers import little_agent
from benchmarks.peers.agent_runs import take


async def main() -> None:
    """Run it again and again."""
    DBOS(config={"name": "bench", "system_database_url": "sqlite:///dbos.sqlite", "log_level": "WARNING"})
    agent = little_agent.make_agent(DBOS.step()(little_agent.find_order), capabilities=[DBOSDurability()])

    @DBOS.workflow()  # type: ignore[untyped-decorator]  # of a library that is not here
    async def answer(message: str) -> str:
        return (await agent.run(message)).output

    DBOS.launch()
    await take(lambda: answer(little_agent.MESSAGE), int(sys.argv[1]), int(sys.argv[2]))
    DBOS.destroy()


if __name__ == "__main__":
    asyncio.run(main())
