"""A rehearsal of the agents' library: what it loads at its first request, loaded before a job waits for it."""

from __future__ import annotations

import asyncio

from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel


def rehearse(*, offline: bool, responses: bool = False) -> None:
    """Make a request to a model without a server, and unless `offline` come to the parts of a client of one.

    `responses` says which API of the server is asked.

    It loads published prices, a backend of the event loop, and the client with the resources of the API: a second of
    CPU and more, in which an event loop would do nothing else.
    """
    asyncio.run(_rehearse(offline=offline, responses=responses))


async def _rehearse(*, offline: bool, responses: bool) -> None:
    await Agent(TestModel()).run("Are you there?")
    if not offline:
        from backdesk.agents.runtime import online  # noqa: PLC0415 - costly, see there

        await online.visit(responses=responses)
