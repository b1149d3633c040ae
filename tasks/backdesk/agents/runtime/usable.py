"""Takes from a response of a model what is of use, before it is kept; what is not is asked for anew, never replayed.

Servers differ in what they heed. Some give two calls of one response the same id; some answer by a text where a choice
among tools was required, and say in it what they would have called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any
from uuid import uuid4

from pydantic_ai import (
    ModelMessage,
    ModelRequest,
    ModelRequestContext,
    ModelResponse,
    ModelRetry,
    RetryFeedbackPart,
    RunContext,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.capabilities import AbstractCapability, WrapModelRequestHandler
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputContext
from pydantic_core import from_json

from backdesk.agents.card import ASK, HAND_OVER, Agent
from backdesk.agents.desk import Desk
from backdesk.agents.failures import ModelFailure
from backdesk.agents.runtime.assembly import RETRIES
from backdesk.agents.runtime.messages import History

GARBLED = "The model did not produce a usable answer, however often it was told what is wrong."
REFUSED = "The model, or a filter of its provider, refused to answer."
#: How a model is told that it has to choose.
CHOOSE = "Your text was not sent: you cannot answer by yourself. Call one of your tools:"

#: A line that ends in a question mark, of whatever script, or as Japanese asks.
_QUESTION = re.compile(r"[?\uff1f\u061f\u037e][^\w\n]*$|か[。.]?\s*$", re.MULTILINE)
_FENCE = re.compile(r"^\s*```(?:json)?\s*|\s*```\s*$")
#: Under which names servers write a call as text.
_NAMES, _ARGUMENTS = ("name", "tool", "function"), ("arguments", "parameters", "args")


class Usable(AbstractCapability[Desk]):
    """Reads the responses to one run's requests. Raises ModelFailure for one that is refused."""

    def __init__(self, card: Agent) -> None:
        self._card = card

    async def wrap_model_request(
        self, ctx: RunContext[Desk], *, request_context: ModelRequestContext, handler: WrapModelRequestHandler
    ) -> ModelResponse:
        if mends(request_context.messages) > RETRIES:
            raise ModelFailure("model_misbehaved", GARBLED)
        offered = request_context.model_request_parameters
        if not self._card.answers:
            # The run takes a text, which servers send all the same; what is asked for is a choice.
            request_context = replace(
                request_context, model_request_parameters=replace(offered, allow_text_output=False)
            )
        response = await handler(request_context)
        if response.finish_reason == "content_filter":
            raise ModelFailure("model_refused", REFUSED)
        parts = [*_with_own_ids(_without_unknown(response.parts, offered, request_context.messages[-1]))]
        response = replace(response, parts=parts)
        return response if self._card.answers else _chosen(response, offered, self._card)


class Choice(AbstractCapability[Desk]):
    """Has an agent choose that must not answer."""

    def __init__(self, card: Agent) -> None:
        self._card = card

    async def after_output_process(self, ctx: RunContext[Desk], *, output_context: OutputContext, output: Any) -> Any:
        """Have it choose once more when it has written a text; one that comes again is taken as an answer."""
        asked = ctx.messages[-2] if len(ctx.messages) > 1 else None
        if ctx.partial_output or not isinstance(output, str) or self._card.answers or was_told(asked, CHOOSE):
            return output
        raise ModelRetry(f"{CHOOSE} {HAND_OVER} or {ASK}.")


def was_told(message: ModelMessage | None, sentence: str) -> bool:
    """Whether a model was told something about its last answer, that begins like this."""
    return isinstance(message, ModelRequest) and any(
        isinstance(part, RetryFeedbackPart) and isinstance(part.content, str) and part.content.startswith(sentence)
        for part in message.parts
    )


def sound(messages: History) -> History:
    """Return messages without the last response, and without those before it that were to be mended for the library.

    The next request then asks as though none of them had been.
    """
    kept = list(messages)
    while kept and (isinstance(kept[-1], ModelResponse) or _mends(kept[-1])):
        kept.pop()
    return kept


def mends(messages: History) -> int:
    """Return how often in a row the library has asked for a better response, up to the last of the messages."""
    return sum(1 for _ in takewhile(_mends, reversed([each for each in messages if isinstance(each, ModelRequest)])))


def _mends(message: ModelMessage) -> bool:
    """Whether a request is nothing but what the library has to say about a response, or what it broke off."""
    if not isinstance(message, ModelRequest):
        return False
    own = any(part.part_kind == "user-prompt" for part in message.parts)
    told = any(getattr(part, "outcome", "") not in {"", "retried"} for part in message.parts)
    ours = any(getattr(getattr(part, "retry", None), "cause", "") == "model_retry" for part in message.parts)
    return not (own or told or ours)


def _without_unknown(parts: Sequence[Any], offered: ModelRequestParameters, asked: ModelMessage) -> Iterator[Any]:
    """Yield the parts without calls of tools that there are not, where that is neither all nor news to the model.

    Beside a call that ends the run nobody would hear that there is no such tool. Who was told so and calls it again
    beside others goes on by those: told once more, the library would give up the run with all that they do.
    """
    ends, works = ({tool.name for tool in tools} for tools in (offered.output_tools, offered.function_tools))
    called = {part.tool_name for part in parts if isinstance(part, ToolCallPart)}
    told = {part.tool_name for part in asked.parts if isinstance(part, ToolReturnPart) and part.outcome == "retried"}
    useless = called - ends - works
    if not called & ends:
        useless = useless & told if called & works else set()
    yield from (part for part in parts if not isinstance(part, ToolCallPart) or part.tool_name not in useless)


def _with_own_ids(parts: Iterable[Any]) -> Iterator[Any]:
    seen: set[str] = set()
    for part in parts:
        if isinstance(part, ToolCallPart) and part.tool_call_id in seen:
            part = replace(part, tool_call_id=f"{part.tool_call_id}-{len(seen)}")  # noqa: PLW2901 - the same, renamed
        if isinstance(part, ToolCallPart):
            seen.add(part.tool_call_id)
        yield part


def _chosen(response: ModelResponse, offered: ModelRequestParameters, card: Agent) -> ModelResponse:
    """Return a response with the call that its text stands for, where it stands for one."""
    if any(isinstance(part, ToolCallPart) for part in response.parts):
        return response
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart)).strip()
    names = {tool.name for tool in (*offered.output_tools, *offered.function_tools)}
    name, args = _call_in(text, names) or _choice_in(text, names, card) or ("", {})
    if not name:
        return response
    others = [part for part in response.parts if not isinstance(part, TextPart)]
    return replace(response, parts=[*others, ToolCallPart(name, args, tool_call_id=f"call_{uuid4().hex[:24]}")])


def _call_in(text: str, names: set[str]) -> tuple[str, dict[str, Any]] | None:
    """Return the call that is written as JSON: with its name, or by its arguments alone."""
    try:
        found = from_json(_FENCE.sub("", text))
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    name = next((found[key] for key in _NAMES if isinstance(found.get(key), str)), None)
    args = next((found[key] for key in _ARGUMENTS if isinstance(found.get(key), dict)), None)
    if name in names and args is not None:
        return name, args
    by_arguments = {"question": ASK, "to": HAND_OVER}
    return next(((by_arguments[key], found) for key in found if by_arguments.get(key) in names), None)


def _choice_in(text: str, names: set[str], card: Agent) -> tuple[str, dict[str, Any]] | None:
    """Return the question that a text asks the customer, or the only colleague whom it names."""
    if ASK in names and _QUESTION.search(text):
        return ASK, {"question": text}
    named = [colleague for colleague in card.hands_to if re.search(rf"\b{re.escape(colleague)}\b", text.lower())]
    return (HAND_OVER, {"to": named[0], "reason": text}) if HAND_OVER in names and len(named) == 1 else None
