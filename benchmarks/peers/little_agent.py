"""The little agent of the benchmark, of pydantic-ai alone: one tool, a text as answer, a model over HTTP."""

from __future__ import annotations

import os
from typing import Any

import pydantic_ai
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

NAME = "orders"
INSTRUCTIONS = "You answer questions of customers about their orders, in a sentence or two. Look the order up first."
MESSAGE = "Where is my order 10003?"

pydantic_ai.BANNER_ENABLED = False


async def find_order(order_id: str) -> dict[str, str]:
    """Look an order up by its number."""
    return {"order_id": order_id, "status": "shipped", "shipped": "2026-11-23", "arrives": "2026-11-26"}


def make_agent(tool: Any = find_order, **more: Any) -> Agent[None, str]:
    """Make the agent; the model is at the address in BENCH_MODEL_URL. Makes the client, which belongs to one loop."""
    client = AsyncOpenAI(api_key="none", base_url=os.environ["BENCH_MODEL_URL"], max_retries=0)
    model = OpenAIChatModel("bench", provider=OpenAIProvider(openai_client=client))
    return Agent(model, name=NAME, instructions=INSTRUCTIONS, tools=[tool], **more)
