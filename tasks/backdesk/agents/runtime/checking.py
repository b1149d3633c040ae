"""The smallest request that a model can be asked, to see whether it answers."""

from __future__ import annotations

import asyncio

from pydantic_ai import ModelRequest, exceptions
from pydantic_ai.direct import model_request
from pydantic_ai.settings import ModelSettings

from backdesk.agents.failures import ModelFailure
from backdesk.agents.metering import RequestUsage
from backdesk.agents.runtime.errors import failure_of
from backdesk.agents.runtime.models import ModelHandle

#: The least that every API of OpenAI takes as a limit of what a model may say.
MOST_TOKENS = 16


async def ask_shortly(model: ModelHandle, within_s: float) -> RequestUsage:
    """Have a model say a word, once, and return what that took. Raises ModelFailure."""
    request = ModelRequest.user_text_prompt("Say ok.")
    try:
        async with asyncio.timeout(within_s):
            response = await model_request(model.model, [request], model_settings=ModelSettings(max_tokens=MOST_TOKENS))
    except exceptions.AgentRunError as error:
        raise failure_of(error) from error
    except TimeoutError:
        raise ModelFailure("model_timeout", f"The model did not answer within {within_s:g} s.") from None
    return RequestUsage(response.usage.input_tokens, response.usage.output_tokens)
