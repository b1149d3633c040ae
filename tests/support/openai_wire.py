"""How the two APIs of a provider put a reply, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tests.support.openai_replies import Calls, Json, Refusal, Said, Text

Usage = tuple[int, int] | None


class Wire(Protocol):
    """One of the APIs. Events are JSON, or a line as it is."""

    def whole(self, reply: Said, turn: int, usage: Usage) -> Json: ...

    def stream(self, reply: Said, turn: int, usage: Usage) -> Iterable[Json | str]: ...

    def opening(self, text: str, turn: int) -> list[Json | str]:
        """Return how an answer begins of which only these words come."""

    def error(self, code: str) -> list[Json | str]:
        """Return how a stream tells that it ends by an error."""


# --- Chat Completions ---


class _Chat:
    def whole(self, reply: Said, turn: int, usage: Usage) -> Json:
        message: Json = {"role": "assistant", "content": _text_of(reply) or None}
        if isinstance(reply, Refusal):
            message["refusal"] = reply.refusal
        if isinstance(reply, Calls):
            message["tool_calls"] = _tool_calls(reply, turn)
        choice = {"index": 0, "message": message, "finish_reason": _finish(reply)}
        whole = {"id": f"sim-{turn}", "object": "chat.completion", "created": 1, "model": "sim", "choices": [choice]}
        return whole | self._usage(usage)

    def stream(self, reply: Said, turn: int, usage: Usage) -> Iterator[Json | str]:
        for delta in self._deltas(reply, turn):
            yield self._chunk(turn, delta)
        yield self._chunk(turn, {}, _finish(reply))
        yield self._chunk(turn, None) | self._usage(usage)
        yield "[DONE]"

    def opening(self, text: str, turn: int) -> list[Json | str]:
        return [self._chunk(turn, {"role": "assistant", "content": text})]

    def error(self, code: str) -> list[Json | str]:
        return [{"error": {"message": "simulated", "type": code, "param": None, "code": code}}]

    def _deltas(self, reply: Said, turn: int) -> Iterator[Json]:
        yield {"role": "assistant", "content": None}
        yield from ({"content": word} for word in _words(_text_of(reply)))
        if isinstance(reply, Refusal):
            yield {"refusal": reply.refusal}
        for index, tool_call in enumerate(_tool_calls(reply, turn) if isinstance(reply, Calls) else []):
            function, (first, second) = tool_call["function"], _halves(tool_call["function"]["arguments"])
            head = {**tool_call, "index": index, "function": {"name": function["name"], "arguments": first}}
            yield {"tool_calls": [head]}
            yield {"tool_calls": [{"index": index, "function": {"arguments": second}}]}

    def _chunk(self, turn: int, delta: Json | None, finish: str | None = None) -> Json:
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
        return {
            "id": f"sim-{turn}",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "sim",
            "choices": choices,
        }

    def _usage(self, usage: Usage) -> Json:
        if usage is None:
            return {}
        into, out = usage
        return {"usage": {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}}


def _finish(reply: Said) -> str:
    match reply:
        case Calls():
            return "tool_calls"
        case Text(filtered=True):
            return "content_filter"
        case Text(cut_off=True):
            return "length"
        case _:
            return "stop"


def _tool_calls(reply: Calls, turn: int) -> list[Json]:
    return [
        {
            "id": reply.call_id or f"call_{turn}_{index}",
            "type": "function",
            "function": {"name": name, "arguments": args if isinstance(args, str) else json.dumps(args)},
        }
        for index, (name, args) in enumerate(reply.calls)
    ]


# --- Responses ---


@dataclass(frozen=True)
class _Item:
    """A part of a response: how it begins, and the events between its beginning and its end."""

    whole: Json
    begun: Json
    deltas: list[Json]


class _Responses:
    def whole(self, reply: Said, turn: int, usage: Usage) -> Json:
        cut = isinstance(reply, Text) and (reply.cut_off or reply.filtered)
        reason = "content_filter" if isinstance(reply, Text) and reply.filtered else "max_output_tokens"
        return {
            "id": f"resp_{turn}",
            "object": "response",
            "created_at": 1,
            "model": "sim",
            "status": "incomplete" if cut else "completed",
            "incomplete_details": {"reason": reason} if cut else None,
            "error": None,
            "instructions": None,
            "metadata": {},
            "output": [item.whole for item in self._items(reply, turn)],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        } | self._usage(usage)

    def stream(self, reply: Said, turn: int, usage: Usage) -> Iterator[Json | str]:
        whole = self.whole(reply, turn, usage)
        yield from self._numbered(self._events(reply, turn, whole))

    def opening(self, text: str, turn: int) -> list[Json | str]:
        events = [*self._events(Text(text), turn, self.whole(Text(text), turn, None))]
        return [*self._numbered([each for each in events if not each["type"].endswith((".done", ".completed"))])]

    def error(self, code: str) -> list[Json | str]:
        return [{"type": "error", "code": code, "message": "simulated", "param": None, "sequence_number": 99}]

    def _events(self, reply: Said, turn: int, whole: Json) -> Iterator[Json]:
        yield {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}}
        for index, item in enumerate(self._items(reply, turn)):
            at = {"output_index": index}
            yield {"type": "response.output_item.added", "item": item.begun} | at
            for delta in item.deltas:
                yield {"item_id": item.whole["id"]} | at | delta
            yield {"type": "response.output_item.done", "item": item.whole} | at
        yield {"type": f"response.{whole['status']}", "response": whole}

    def _numbered(self, events: Iterable[Json]) -> Iterator[Json | str]:
        for number, event in enumerate(events):
            yield event | {"sequence_number": number}

    def _items(self, reply: Said, turn: int) -> Iterator[_Item]:
        if text := _text_of(reply):
            yield _message(turn, {"type": "output_text", "text": text, "annotations": []}, _words(text))
        if isinstance(reply, Refusal):
            yield _message(turn, {"type": "refusal", "refusal": reply.refusal}, [reply.refusal])
        for index, tool_call in enumerate(_tool_calls(reply, turn) if isinstance(reply, Calls) else []):
            function = tool_call["function"]
            whole = {
                "type": "function_call",
                "id": f"fc_{turn}_{index}",
                "call_id": tool_call["id"],
                "name": function["name"],
                "arguments": function["arguments"],
                "status": "completed",
            }
            kind = "response.function_call_arguments"
            deltas: list[Json] = [{"type": f"{kind}.delta", "delta": half} for half in _halves(function["arguments"])]
            done = {"type": f"{kind}.done", "arguments": function["arguments"], "name": function["name"]}
            yield _Item(whole, whole | {"arguments": "", "status": "in_progress"}, [*deltas, done])

    def _usage(self, usage: Usage) -> Json:
        if usage is None:
            return {}
        into, out = usage
        details: Json = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        return {"usage": {"input_tokens": into, "output_tokens": out, "total_tokens": into + out} | details}


def _message(turn: int, content: Json, pieces: Iterable[str]) -> _Item:
    base = {"type": "message", "id": f"msg_{turn}", "role": "assistant"}
    kind, field = f"response.{content['type']}", "text" if content["type"] == "output_text" else "refusal"
    at: Json = {"content_index": 0}
    deltas = [{"type": f"{kind}.delta", "delta": piece, "logprobs": []} | at for piece in pieces]
    added = {"type": "response.content_part.added", "part": content | {field: ""}} | at
    done = {"type": f"{kind}.done", field: content[field], "logprobs": []} | at
    part_done = {"type": "response.content_part.done", "part": content} | at
    return _Item(
        base | {"status": "completed", "content": [content]},
        base | {"status": "in_progress", "content": []},
        [added, *deltas, done, part_done],
    )


# --- what both need ---


def _text_of(reply: Said) -> str:
    return "" if isinstance(reply, Refusal) else reply.text


def _words(text: str) -> list[str]:
    """Return a text as it is streamed."""
    words = text.split(" ")
    return [word if number == 0 else f" {word}" for number, word in enumerate(words)] if text else []


def _halves(text: str) -> tuple[str, str]:
    half = len(text) // 2
    return text[:half], text[half:]


CHAT: Any = _Chat()
RESPONSES: Any = _Responses()
