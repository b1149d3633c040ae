"""The events of a run, folded from the parts of a turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from backdesk.gateway.dialects.asks import choices_of
from backdesk.gateway.turns import (
    AgentChanged,
    Asked,
    Ended,
    Other,
    Part,
    Progressed,
    TextDelta,
    TextVoided,
    ToolCalled,
    ToolReturned,
)
from backdesk.worker.model.asks import Ask, AskType
from backdesk.worker.model.job import JobState
from backdesk.worker.text.json import encode

Event = dict[str, Any]
PROTOCOL = "1.0"
#: What is told to the curious and to no page: the life of the job, its steps and its requests to models.
_UNTOLD = frozenset({"queued", "scheduled", "step", "model_called", "model_returned", "cache_hit", "log_full"})
_REASONS = {AskType.APPROVAL: "confirmation", AskType.QUESTION: "input_required", AskType.OUTCOME: "backdesk:outcome"}


class AguiFold:
    """One run of a job: give it the parts of the turn from the first on, those of the runs before as well.

    A run ends when the job asks people something, and with the job. `before` are the messages of the thread that came
    before the job; `messages` are those of the job that stand.
    """

    def __init__(self, thread_id: str, run_id: str, job_id: str, run: int, before: Sequence[Event] = ()) -> None:
        self._run = {"threadId": thread_id, "runId": run_id}
        self._job_id = job_id
        self._runs_left = run
        self._before = before
        self._open = False
        self._texts = 0
        self._calls: dict[str, str] = {}
        self._agent: str | None = None
        self.messages: list[Event] = []
        self.ended = False

    def begun(self) -> Event:
        """Return the event that a run begins with."""
        return {"type": "RUN_STARTED", **self._run, "protocolVersion": PROTOCOL}

    def snapshot(self) -> Event:
        """Return the messages of the thread that stand."""
        return {"type": "MESSAGES_SNAPSHOT", "messages": [*self._before, *self.messages]}

    def read(self, part: Part) -> list[Event]:
        """Return the events that a part comes to; none for those of other runs."""
        if self.ended:
            return []
        ours = self._runs_left == 1
        events = [*self._events(part)]
        if isinstance(part, Asked) and part.asks:
            self._runs_left -= 1
        self.ended = isinstance(part, Ended) or self._runs_left == 0
        return events if ours else []

    def _events(self, part: Part) -> Iterator[Event]:
        match part:
            case TextDelta():
                yield from self._delta(part.text)
            case TextVoided():
                yield from self._voided()
            case ToolCalled():
                yield from self._called(part)
            case ToolReturned():
                yield from self._returned(part)
            case AgentChanged():
                yield from self._changed(part.agent)
            case Progressed():
                content = {"fraction": part.fraction, "message": part.message}
                yield {"type": "ACTIVITY_SNAPSHOT", **self._progress, "content": content, "replace": True}
            case Asked() if part.asks:
                yield from self._asked(part)
            case Ended():
                yield from self._over(part)
            case Other() if part.event.type not in _UNTOLD:
                yield {"type": "CUSTOM", "name": f"backdesk.{part.event.type}", "value": part.event.data}

    @property
    def _progress(self) -> Event:
        return {"messageId": f"{self._job_id}-progress", "activityType": "backdesk.progress"}

    def _delta(self, text: str) -> Iterator[Event]:
        if not self._open:
            self._open, self._texts = True, self._texts + 1
            self.messages.append({"id": f"{self._job_id}-text-{self._texts}", "role": "assistant", "content": ""})
            yield {"type": "TEXT_MESSAGE_START", "messageId": self.messages[-1]["id"], "role": "assistant"}
        self.messages[-1]["content"] += text
        yield {"type": "TEXT_MESSAGE_CONTENT", "messageId": self.messages[-1]["id"], "delta": text}

    def _close_text(self) -> Iterator[Event]:
        if self._open:
            self._open = False
            yield {"type": "TEXT_MESSAGE_END", "messageId": self.messages[-1]["id"]}

    def _voided(self) -> Iterator[Event]:
        """Take back the text: what is no snapshot's message is gone from the page. What tools did has been done."""
        yield from self._close_text()
        self.messages = [each for each in self.messages if each["role"] == "tool" or "toolCalls" in each]
        yield self.snapshot()

    def _called(self, call: ToolCalled) -> Iterator[Event]:
        yield from self._close_text()
        # A call's own id may come again: in another attempt, or in another job of the thread.
        id_ = self._calls[call.call_id] = f"{self._job_id}-call-{call.event.seq}"
        arguments = encode(call.arguments).decode()
        function = {"name": call.tool, "arguments": arguments}
        called = [{"id": id_, "type": "function", "function": function}]
        self.messages.append({"id": f"{id_}-of", "role": "assistant", "toolCalls": called})
        yield {"type": "TOOL_CALL_START", "toolCallId": id_, "toolCallName": call.tool, "parentMessageId": f"{id_}-of"}
        yield {"type": "TOOL_CALL_ARGS", "toolCallId": id_, "delta": arguments}
        yield {"type": "TOOL_CALL_END", "toolCallId": id_}

    def _returned(self, returned: ToolReturned) -> Iterator[Event]:
        if (id_ := self._calls.pop(returned.call_id, None)) is None:
            return
        yield from self._close_text()
        content = returned.summary if returned.good else f"failed: {returned.summary}"
        result = {"toolCallId": id_, "content": content, "role": "tool"}
        self.messages.append({"id": f"{id_}-result", **result})
        yield {"type": "TOOL_CALL_RESULT", "messageId": f"{id_}-result", **result}

    def _changed(self, agent: str) -> Iterator[Event]:
        yield from self._close_step()
        self._agent = agent
        yield {"type": "STEP_STARTED", "stepName": agent}

    def _close_step(self) -> Iterator[Event]:
        if self._agent is not None:
            yield {"type": "STEP_FINISHED", "stepName": self._agent}
            self._agent = None

    def _asked(self, part: Asked) -> Iterator[Event]:
        yield from self._close_text()
        yield from self._close_step()
        interrupts = [self._interrupt(ask, part) for ask in part.asks]
        yield {"type": "RUN_FINISHED", **self._run, "outcome": {"type": "interrupt", "interrupts": interrupts}}

    def _interrupt(self, ask: Ask, part: Asked) -> Event:
        expires = ask.expires_in_s and (part.event.at + timedelta(seconds=ask.expires_in_s)).isoformat()
        return {
            "id": interrupt_id(self._job_id, ask.name),
            "reason": _REASONS[ask.type],
            "message": ask.prompt,
            "responseSchema": _schema(ask),
            **({"expiresAt": expires} if expires else {}),
            "metadata": {"job_id": self._job_id, "ask": ask.name, "type": ask.type.value, "facts": ask.facts},
        }

    def _over(self, part: Ended) -> Iterator[Event]:
        yield from self._close_text()
        yield from self._close_step()
        if part.state in {JobState.SUCCEEDED, JobState.STEERED}:
            yield {"type": "RUN_FINISHED", **self._run, "outcome": {"type": "success"}, "result": part.result}
        elif part.state is JobState.CANCELLED:
            yield {"type": "RUN_FINISHED", **self._run, "outcome": {"type": "cancelled"}}
        else:
            yield {"type": "RUN_ERROR", "message": part.message or str(part.state), "code": part.code}


def interrupt_id(job_id: str, ask: str) -> str:
    """Return the id of an ask as an interrupt."""
    return f"{job_id}:{ask}"


def _schema(ask: Ask) -> Event:
    note = {"type": "string", "description": "A remark."}
    if ask.type is AskType.APPROVAL:
        properties: Event = {"approved": {"type": "boolean"}, "note": note}
        return {"type": "object", "properties": properties, "required": ["approved"]}
    answer: Event = {"type": "string", **({"enum": choices_of(ask)} if choices_of(ask) else {})}
    return {"type": "object", "properties": {"answer": answer, "note": note}, "required": ["answer"]}
