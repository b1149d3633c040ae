"""The messages of a conversation, as the library has them and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic_ai import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextContent,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)
from pydantic_core import from_json, to_json

from backdesk.agents.attached import Attached

History = list[ModelMessage]
#: What a customer has written: a text, or one with files.
Prompt = str | list[UserContent]
#: In the metadata of a text that stands for a file.
ATTACHED = "attached"
#: In the metadata of a response that no model has given.
BY_CODE = "by_code"
#: The metadata of what a tool of another team has returned. On the part, as the library joins messages.
ANOTHER = {"team": "another"}


def prompt_of(message: str, files: Sequence[Attached]) -> Prompt:
    """Return what a customer has written with the files that came with it; of these, what they are."""
    if not files:
        return message
    return [message, *(TextContent(f"[{each.told}]", metadata={ATTACHED: each.model_dump()}) for each in files)]


def words_in(part: UserPromptPart) -> str:
    """Return what the customer has written in a part; files are none of it."""
    pieces = [part.content] if isinstance(part.content, str) else part.content
    return "\n".join(each for each in pieces if isinstance(each, str))


def files_in(part: object) -> Iterator[Attached]:
    """Return the files that came with a part."""
    if isinstance(part, UserPromptPart) and not isinstance(part.content, str):
        yield from filter(None, map(file_of, part.content))


def files_of(messages: History) -> Iterator[Attached]:
    """Return the files of a conversation, the oldest first."""
    return (file for message in messages for part in message.parts for file in files_in(part))


def files_chars(messages: History) -> int:
    """Return about what the files of a conversation take of a model's context, as characters of text."""
    return sum(each.chars for each in files_of(messages))


def file_of(content: UserContent) -> Attached | None:
    """Return the file for which a piece of a prompt stands, if it does."""
    kept = content.metadata if isinstance(content, TextContent) else None
    return Attached.model_validate(kept[ATTACHED]) if isinstance(kept, dict) and ATTACHED in kept else None


def called_for(message: Prompt, tool: str, args: dict[str, Any], call_id: str) -> History:
    """Return a turn in which a customer has written, and a call was made for them in a model's place."""
    call = ToolCallPart(tool, args, tool_call_id=call_id)
    made = ModelResponse(parts=[call], metadata={BY_CODE: True, "cost_usd": 0.0})
    return [ModelRequest(parts=[UserPromptPart(message)]), made]


def turn_of(messages: History, steered: Collection[datetime] = ()) -> History:
    """Return the messages since the customer wrote last, but for what came while this was at work.

    That is known by its times, `steered`. The library joins requests that follow each other, so that the customer's
    words can be one message with what ended the turn before; counting messages would lose them.
    """
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        prompts = [
            at
            for at, part in enumerate(message.parts)
            if isinstance(part, UserPromptPart) and part.timestamp not in steered
        ]
        if isinstance(message, ModelRequest) and prompts:
            return [replace(message, parts=message.parts[prompts[0] :]), *messages[index + 1 :]]
    return []


def tools_called(messages: History) -> list[str]:
    """Return the names of the tools that messages call, in their order; the ways to end are among them.

    What an agent calls that has no such tool is no call.
    """
    parts = [part for message in messages for part in message.parts]
    unknown = {part.tool_call_id for part in parts if isinstance(part, ToolReturnPart) and _is_of_none(part)}
    return [part.tool_name for part in parts if isinstance(part, ToolCallPart) and part.tool_call_id not in unknown]


def _is_of_none(part: ToolReturnPart) -> bool:
    return part.retry is not None and part.retry.cause in {"unknown_tool", "unavailable_tool"}


def with_words(request: ModelRequest, words: Collection[tuple[datetime, str]]) -> ModelRequest:
    """Return a request with what the customer wrote meanwhile, each with its time, behind what it holds."""
    known = {part.timestamp for part in request.parts if isinstance(part, UserPromptPart)}
    more = [UserPromptPart(text, timestamp=at) for at, text in words if at not in known]
    return replace(request, parts=[*request.parts, *more])


def words_from(messages: History, moments: Collection[datetime]) -> list[str]:
    """Return the texts that the customer wrote at these moments, as `with_words` has put them in."""
    parts = [part for message in messages for part in message.parts if isinstance(part, UserPromptPart)]
    return [words_in(part) for part in parts if part.timestamp in moments]


def words_of_customer(text: Prompt) -> History:
    """Return what a customer wrote and nobody has answered."""
    return [ModelRequest(parts=[UserPromptPart(text)])]


def words_of_colleague(by: str, text: str) -> list[Any]:
    """Return as JSON what a person answered; in place of the model's name stands `person:` and theirs."""
    return dump_history([ModelResponse(parts=[TextPart(text)], model_name=f"person:{by}")])


def words_of_deployment(text: str) -> list[Any]:
    """Return as JSON what the customer is told by no model and no person."""
    return dump_history([ModelResponse(parts=[TextPart(text)])])


def note_of_deployment(text: str) -> list[Any]:
    """Return as JSON what agents are told amid a conversation."""
    return dump_history([ModelRequest(parts=[SystemPromptPart(text)])])


def chars_of(message: ModelMessage) -> int:
    """Count what is said in a message, as text; files by their names alone."""
    return sum(_size(part) for part in message.parts)


def _size(part: object) -> int:
    content = getattr(part, "content", None) or getattr(part, "args", None) or ""
    return len(content) if isinstance(content, str) else len(to_json(content, fallback=str))


def dump_history(messages: History) -> list[Any]:
    """Return messages as JSON, without the instructions: a later run gives its own."""
    bare = [replace(each, instructions=None) if isinstance(each, ModelRequest) else each for each in messages]
    dumped: list[Any] = ModelMessagesTypeAdapter.dump_python(bare, mode="json")
    return dumped


def spoken_turn(message: Prompt, answer: str) -> History:
    """Return what a customer wrote and what they were answered, as though by a model."""
    return [ModelRequest(parts=[UserPromptPart(message)]), ModelResponse(parts=[TextPart(answer)])]


def said_by_customer(data: list[Any]) -> list[str]:
    """Return the texts of a customer in what `dump_history` returned."""
    parts = [part for message in load_history(data) for part in message.parts]
    return [words_in(part) for part in parts if isinstance(part, UserPromptPart)]


def conceal_history(data: list[Any], conceal: Callable[[Any], Any]) -> list[Any]:
    """Return what `dump_history` returned without what is concealed in the words and in the arguments of tools."""
    return [{**message, "parts": [_concealed(part, conceal) for part in message["parts"]]} for message in data]


def _concealed(part: dict[str, Any], conceal: Callable[[Any], Any]) -> dict[str, Any]:
    if not _has_words(part):
        return part
    fields: dict[str, Any] = {name: part[name] for name in ("content", "args") if name in part}
    if part["part_kind"] == "user-prompt" and isinstance(pieces := fields["content"], list):
        # What names a file is no word of anybody.
        return {**part, "content": [conceal(each) if isinstance(each, str) else each for each in pieces]}
    if isinstance(args := fields.get("args"), str):
        fields["args"] = _concealed_json(args, conceal)
    return {**part, **{name: conceal(value) for name, value in fields.items()}}


def _has_words(part: dict[str, Any]) -> bool:
    """Whether a part repeats what was written to a model or by it."""
    # What a tool returns is its own to say, unless it could not be called; what a provider signs must stay as it is.
    refused = part["part_kind"] == "tool-return" and part.get("outcome") != "success"
    return refused or part["part_kind"] in ("user-prompt", "retry-prompt", "text", "tool-call")


def _concealed_json(text: str, conceal: Callable[[Any], Any]) -> str:
    try:
        return to_json(conceal(from_json(text))).decode()
    except ValueError:
        return text


def load_history(data: list[Any]) -> History:
    """Read what `dump_history` returned, also with an older version of the library."""
    return ModelMessagesTypeAdapter.validate_python(data)


def of_another_team(messages: History) -> History:
    """Return messages in which what tools have returned is marked: another team's may have the names of one's own."""
    return [
        replace(message, parts=[_marked(part) for part in message.parts])
        if isinstance(message, ModelRequest)
        else message
        for message in messages
    ]


def _marked(part: Any) -> Any:
    return replace(part, metadata=ANOTHER) if isinstance(part, ToolReturnPart) else part


def is_own(part: ToolReturnPart) -> bool:
    """Whether a tool of one's own team has returned it."""
    return bool(part.metadata != ANOTHER)


def as_text(content: object) -> str:
    """Return what a tool has returned as text, or JSON."""
    return content if isinstance(content, str) else to_json(content, fallback=str).decode()
