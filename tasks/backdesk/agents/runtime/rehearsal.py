"""A rehearsal of the agents' library: what it loads at its first request, loaded before a job waits for it."""

from __future__ import annotations

import asyncio

from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel


def rehearse() -> None:
    """Make a request to a model without a server, and come to the parts of a client of one.

    It loads published prices, a backend of the event loop, and the resources of the API: 0.3 s of CPU and more, in
    which an event loop would do nothing else.
    """
    asyncio.run(_rehearse())


async def _rehearse() -> None:
    await Agent(TestModel()).run("Are you there?")
    async with AsyncOpenAI(api_key="none") as client:
        _ = client.chat.completions, client.responses
