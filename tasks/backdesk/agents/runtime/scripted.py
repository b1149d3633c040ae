"""A model made out of rules: it sees the conversation in plain values, and drives the same agents as a real one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from uuid import uuid4

from pydantic_ai import (
    ModelMessage,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_core import from_json, to_json, to_jsonable_python

from backdesk.agents.attached import Attached
from backdesk.agents.card import ASK, GIVE_ANSWER, HAND_OVER
from backdesk.agents.runtime.errors import error_of
from backdesk.agents.runtime.messages import History, files_in, words_in
from backdesk.agents.runtime.models import ModelHandle
from backdesk.agents.situation import Act, Call, Fail, Offer, Reply, Say, Situation, Spoken, ToolReply

#: By which the library marks what it tells a model about its answer, between the words of the user.
FEEDBACK = "<pyai:retry_feedback>"


def scripted_model(name: str, act: Act, token_delay_s: float) -> ModelHandle:
    """Make a model out of rules; it drives the same agents, tools and streams as a real one."""

    async def respond(messages: History, info: AgentInfo) -> ModelResponse:
        reply = _as_sent(act(_situation(messages, info, streamed=False)))
        if isinstance(reply, Fail):
            raise error_of(reply.code, name, retry_after_s=reply.retry_after_s, in_stream=False)
        if isinstance(reply, str):
            return ModelResponse(parts=[TextPart(reply)])
        return ModelResponse(parts=[ToolCallPart(call.name, call.args, tool_call_id=_call_id()) for call in reply])

    async def stream(messages: History, info: AgentInfo) -> AsyncIterator[str | dict[int, DeltaToolCall]]:
        reply = _as_sent(act(_situation(messages, info, streamed=True)))
        if isinstance(reply, tuple):
            for index, call in enumerate(reply):
                args = call.args if isinstance(call.args, str) else json.dumps(call.args)
                yield {index: DeltaToolCall(call.name, args, tool_call_id=_call_id())}
            return
        pieces = re.findall(r"\s*\S+", reply.after if isinstance(reply, Fail) else reply)
        for piece in pieces:
            await asyncio.sleep(token_delay_s)
            yield piece
        if isinstance(reply, Fail):
            raise error_of(reply.code, name, retry_after_s=reply.retry_after_s, in_stream=bool(pieces))
        if not pieces:
            yield {}  # the library takes a stream without any item for a mistake of ours

    model = FunctionModel(respond, stream_function=stream, model_name=name)
    return ModelHandle(model, name, offline=True, close=_nothing)


def _as_sent(reply: Reply | Fail) -> str | tuple[Call, ...] | Fail:
    """Return what a model would send: a structured answer is the call that brings it."""
    match reply:
        case Say(str(text)):
            return text
        case Say(value):
            return (Call(GIVE_ANSWER, to_json(value).decode()),)
        case _:
            return reply


def _call_id() -> str:
    return f"call_{uuid4().hex[:24]}"


async def _nothing() -> None:
    return


def _situation(messages: Sequence[ModelMessage], info: AgentInfo, *, streamed: bool) -> Situation:
    said: list[str] = []
    answers: list[str] = []
    corrections: list[str] = []
    replies: list[ToolReply] = []
    spoken = tuple(_spoken(messages))
    for piece in spoken:
        match piece:
            case Spoken("correction", text):
                corrections.append(text)
            case Spoken("customer", text):
                said.append(text)
                replies.clear()
                corrections.clear()
            case Spoken("model", text):
                answers.append(text)
            case Spoken("tool", outcome, tool, data) if tool not in (ASK, HAND_OVER, GIVE_ANSWER):
                replies.append(ToolReply(tool, outcome, data))
            case _:
                pass
    return Situation(
        tuple(said),
        tuple(replies),
        frozenset(tool.name for tool in info.function_tools),
        frozenset(tool.name for tool in info.output_tools),
        instructions=info.instructions or "",
        corrections=tuple(corrections),
        answers=tuple(answers),
        messages=spoken,
        streamed=streamed,
        files=tuple(each.told for each in _files(messages)),
        offers=tuple(_offer(tool) for tool in (*info.function_tools, *info.output_tools)),
        may_say=info.allow_text_output,
    )


def _files(messages: Sequence[ModelMessage]) -> Iterator[Attached]:
    parts = [part for message in messages for part in message.parts if isinstance(part, UserPromptPart)]
    written = [part for part in parts if FEEDBACK not in words_in(part)]
    return files_in(written[-1]) if written else iter(())


def _offer(tool: ToolDefinition) -> Offer:
    return Offer(tool.name, tool.description or "", tool.parameters_json_schema)


def _spoken(messages: Sequence[ModelMessage]) -> Iterator[Spoken]:
    for part in (part for message in messages for part in message.parts):
        match part:
            case UserPromptPart():
                text = words_in(part)
                yield Spoken("correction" if FEEDBACK in text else "customer", text)
            case TextPart(content=text):
                yield Spoken("model", text)
            case ToolCallPart(tool_name=tool, args=args):
                yield Spoken("call", tool=tool, data=_arguments(args))
            case ToolReturnPart(tool_name=tool, outcome=outcome, content=content):
                yield Spoken("tool", outcome, tool, to_jsonable_python(content))
            case _:
                pass


def _arguments(args: Any) -> Any:
    """Return the arguments of a call as data; as text, when a model has sent what is no JSON."""
    try:
        return from_json(args) if isinstance(args, str) else args
    except ValueError:
        return args
