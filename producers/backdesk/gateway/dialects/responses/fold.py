"""The events of a stream, folded from the parts of a turn.

Events are numbered from the first of the run, by what the log says alone: whichever process tells them, the same event
has the same number. https://www.openresponses.org/specification
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backdesk.gateway.dialects.responses.ids import ResponseId
from backdesk.gateway.dialects.responses.items import Item, asked, message, part, tool_call
from backdesk.gateway.dialects.responses.response import STATUS, error_of, response_object
from backdesk.gateway.turns import (
    AgentChanged,
    Asked,
    Began,
    Ended,
    Part,
    Progressed,
    TextDelta,
    TextVoided,
    ToolCalled,
    ToolReturned,
)
from backdesk.worker.model.job import JobRecord, JobState

Event = dict[str, Any]
#: What a call is added with.
_UNSAID = {"arguments": ""}


@dataclass(slots=True)
class _Open:
    """An item that is not done: where it is in the output."""

    index: int
    item: Item


class ResponseFold:
    """One run of a job, as a response. Give it the parts of the turn from the first on.

    With `asks_end` the run ends when the job asks something, and what it asks is among its items; parts of other runs
    are passed over. `output` has the items so far, and `status` says how the run is; `ended` whether it is over.
    """

    def __init__(self, id_: ResponseId, record: JobRecord, *, asks_end: bool) -> None:
        self._id = id_
        self._record = record
        self._asks_end = asks_end
        self._run = 1
        self._sequence = 0
        self._began = False
        self._working = False
        self._message: _Open | None = None
        self._messages = 0
        self._text = ""
        self._calls: dict[str, tuple[_Open, ToolCalled]] = {}
        self.output: list[Item] = []
        self.status = "queued"
        self.error: dict[str, Any] | None = None
        self.ended = False
        #: Whether it ended with its job.
        self.over = False

    def read(self, part_: Part, record: JobRecord | None = None) -> list[Event]:
        """Return the events that a part comes to; `record` is that of the job, given with its end."""
        if self.ended:
            return []
        self._record = record or self._record
        ours = self._run == self._id.run
        events = [self._numbered(event) for event in self._events(part_)] if ours else []
        if not ours and isinstance(part_, TextVoided):
            return []
        if self._asks_end and isinstance(part_, Asked) and part_.asks:
            self._run += 1
        return events

    @property
    def begun(self) -> bool:
        """Whether the job has come to this run."""
        return self._began

    def response(self) -> Event:
        """Return the response as far as it is."""
        return response_object(self._id, self._record, self.status, self.output, error=self.error, ended=self.over)

    def _numbered(self, event: Event) -> Event:
        numbered = {**event, "sequence_number": self._sequence}
        self._sequence += 1
        return numbered

    def _events(self, part_: Part) -> Iterator[Event]:
        yield from self._opening(part_)
        match part_:
            case TextDelta():
                yield from self._delta(part_.text)
            case TextVoided():
                yield from self._close_message("incomplete")
            case ToolCalled():
                yield from self._called(part_)
            case ToolReturned():
                yield from self._returned(part_)
            case Asked() if part_.asks:
                yield from self._asked(part_)
            case Ended():
                yield from self._ended(part_)
            case _:
                yield from _told(part_)

    def _opening(self, part_: Part) -> Iterator[Event]:
        if not self._began:
            self._began = True
            yield {"type": "response.created", "response": self.response()}
            yield {"type": "response.queued", "response": self.response()}
        if not self._working and not isinstance(part_, Ended) and (isinstance(part_, Began) or self._id.run > 1):
            self._working, self.status = True, "in_progress"
            yield {"type": "response.in_progress", "response": self.response()}

    def _add(self, item: Item) -> _Open:
        self.output.append(item)
        return _Open(len(self.output) - 1, item)

    def _delta(self, text: str) -> Iterator[Event]:
        if self._message is None:
            self._text = ""
            item = message(self._messages, "", "in_progress")
            self._message, self._messages = self._add(item), self._messages + 1
            yield {"type": "response.output_item.added", "output_index": self._message.index, "item": item}
            yield {"type": "response.content_part.added", **self._place(), "part": part("")}
        self._text += text
        self._update("in_progress")
        yield {"type": "response.output_text.delta", **self._place(), "delta": text, "logprobs": []}

    def _place(self) -> Event:
        assert self._message is not None  # noqa: S101 - asked for while there is one
        return {"item_id": self._message.item["id"], "output_index": self._message.index, "content_index": 0}

    def _update(self, status: str) -> Item:
        assert self._message is not None  # noqa: S101 - as above
        number = int(str(self._message.item["id"]).removeprefix("msg_"))
        self.output[self._message.index] = message(number, self._text, status)
        return self.output[self._message.index]

    def _close_message(self, status: str) -> Iterator[Event]:
        if self._message is None:
            return
        item = self._update(status)
        yield {"type": "response.output_text.done", **self._place(), "text": self._text, "logprobs": []}
        yield {"type": "response.content_part.done", **self._place(), "part": part(self._text)}
        yield {"type": "response.output_item.done", "output_index": self._message.index, "item": item}
        self._message = None

    def _called(self, call: ToolCalled) -> Iterator[Event]:
        opened = self._add(tool_call(call, "in_progress"))
        self._calls[call.call_id] = opened, call
        arguments = opened.item["arguments"]
        # Clients put the arguments together from the deltas, to those of the item that is added.
        yield {"type": "response.output_item.added", "output_index": opened.index, "item": opened.item | _UNSAID}
        yield {"type": "response.mcp_call.in_progress", **_of(opened)}
        yield {"type": "response.mcp_call_arguments.delta", **_of(opened), "delta": arguments}
        yield {"type": "response.mcp_call_arguments.done", **_of(opened), "arguments": arguments}

    def _returned(self, returned: ToolReturned) -> Iterator[Event]:
        if returned.call_id in self._calls:
            status = "completed" if returned.good else "failed"
            yield from self._close_call(returned.call_id, status, returned.summary)

    def _close_call(self, call_id: str, status: str, summary: str = "") -> Iterator[Event]:
        opened, call = self._calls.pop(call_id)
        self.output[opened.index] = tool_call(call, status, summary)
        item = self.output[opened.index]
        yield {"type": f"response.mcp_call.{'completed' if status == 'completed' else 'failed'}", **_of(opened)}
        yield {"type": "response.output_item.done", "output_index": opened.index, "item": item}

    def _close(self, status: str) -> Iterator[Event]:
        for call_id in [*self._calls]:
            yield from self._close_call(call_id, "failed" if status == "completed" else status)
        yield from self._close_message(status)

    def _asked(self, part_: Asked) -> Iterator[Event]:
        if not self._asks_end:
            names = [ask.name for ask in part_.asks]
            yield {"type": "backdesk:waiting", "asks": names}
            return
        yield from self._close("incomplete")
        for ask in part_.asks:
            opened = self._add(asked(ask))
            yield {"type": "response.output_item.added", "output_index": opened.index, "item": opened.item}
            yield {"type": "response.output_item.done", "output_index": opened.index, "item": opened.item}
        self._drop_void()
        self.status, self.ended = "completed", True
        yield {"type": "response.completed", "response": self.response()}

    def _drop_void(self) -> None:
        """Leave what was taken back out of the response: clients take all messages of one for the answer."""
        self.output = [item for item in self.output if not _is_void(item)]

    def _ended(self, part_: Ended) -> Iterator[Event]:
        good = part_.state is JobState.SUCCEEDED
        yield from self._close("completed" if good else "incomplete")
        if good:
            self._drop_void()
        self.status, self.ended, self.over = STATUS[part_.state], True, True
        if good:
            yield {"type": "response.completed", "response": self.response()}
            return
        self.error = error_of(part_.state, part_.code, part_.message)
        # There is no event for a cancelled response: clients end with any but these, or take half an answer for one.
        yield {"type": "error", **self.error, "param": None}
        yield {"type": "response.failed", "response": self.response()}


def _of(opened: _Open) -> Event:
    return {"item_id": opened.item["id"], "output_index": opened.index}


def _told(part_: Part) -> Iterator[Event]:
    """Yield what the API has no event for, by a name of ours: clients pass over those they do not know."""
    if isinstance(part_, Progressed):
        yield {"type": "backdesk:progress", "fraction": part_.fraction, "message": part_.message}
    elif isinstance(part_, AgentChanged):
        yield {"type": "backdesk:agent", "agent": part_.agent, "previous": part_.previous}


def _is_void(item: Item) -> bool:
    return bool(item["type"] == "message" and item["status"] == "incomplete")
