"""Who said what: the messages of a conversation as people read them, in whatever format a job has kept them.

Known are the parts of the agents' library (`part_kind`) and messages with a `role` and a `content`. What is not known
is shown as it is, and nothing that is malformed is an error: the messages are opaque to everybody but the agents.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CUSTOMER, AGENT = "customer", "agent"
#: Begins the name of the model of an answer that a person gave.
PERSON = "person:"
#: What people need not read: how the model came to its answer, and what it was told by the deployment.
_LEFT_OUT = frozenset({"thinking", "system-prompt"})
#: By which agents ask the customer, and hand over to each other; what is returned to them says nothing.
ASK, HAND_OVER = "ask_customer", "hand_over"
_ROLES = {"user": CUSTOMER, "assistant": AGENT}


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something that was said or done: by the customer, the agent, or a tool, named."""

    who: str
    text: str


def utterances(messages: Iterable[Any]) -> Iterator[Utterance]:
    """Return what was said in messages, in their order."""
    for message in messages:
        parts = message.get("parts") if isinstance(message, Mapping) else None
        if isinstance(parts, list):
            model = message.get("model_name")
            person = model.removeprefix(PERSON) if isinstance(model, str) and model.startswith(PERSON) else None
            for part in parts:
                for said in _of_part(part):
                    yield Utterance(f"{person} (a person)", said.text) if person else said
        elif isinstance(message, Mapping) and isinstance(role := message.get("role"), str):
            yield Utterance(_ROLES.get(role, role), _text(message.get("content")))
        else:
            yield Utterance("?", _text(message))


def _of_part(part: Any) -> Iterator[Utterance]:
    kind = part.get("part_kind") if isinstance(part, Mapping) else None
    if kind in _LEFT_OUT:
        return
    match kind:
        case "user-prompt":
            yield Utterance(CUSTOMER, _written(part.get("content")))
        case "text":
            yield Utterance(AGENT, _text(part.get("content")))
        case "tool-call" if part.get("tool_name") == ASK and (question := _arguments(part.get("args"))):
            yield Utterance(AGENT, question.removeprefix("question="))
        case "tool-return" if part.get("tool_name") in {ASK, HAND_OVER}:
            return
        case "tool-call":
            yield Utterance(AGENT, f"-> {part.get('tool_name', '?')}({_arguments(part.get('args'))})")
        case "tool-return":
            yield Utterance(str(part.get("tool_name", "?")), _text(part.get("content")))
        case "retry-prompt" | "retry-feedback":
            yield Utterance(str(part.get("tool_name") or "check"), f"not accepted: {_text(part.get('content'))}")
        case _:
            yield Utterance(str(kind or "?"), _text(part.get("content", part) if kind else part))


def _written(content: Any) -> str:
    """Return what a customer has written, with a line for each file that came with it, and its id."""
    return "\n".join(map(_piece, content if isinstance(content, list) else [content]))


def _piece(piece: Any) -> str:
    if not isinstance(piece, Mapping) or piece.get("kind") != "text-content":
        return _text(piece)
    metadata = piece.get("metadata")
    file = metadata.get("attached") if isinstance(metadata, Mapping) else None
    return f"{_text(piece.get('content'))} {_text(file.get('id')) if isinstance(file, Mapping) else ''}".rstrip()


def _arguments(args: Any) -> str:
    if isinstance(args, str):
        try:
            args = json.loads(args)
        except ValueError:
            return str(args)
    if not isinstance(args, dict):
        return _text(args)
    return ", ".join(f"{name}={_text(value)}" for name, value in args.items())


def _text(content: Any) -> str:
    if content is None:
        return ""
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, default=str)
