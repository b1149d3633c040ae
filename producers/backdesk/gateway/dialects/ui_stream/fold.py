"""The chunks of a message, folded from the parts of a turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backdesk.gateway.dialects.asks import choices_of
from backdesk.gateway.turns import (
    AgentChanged,
    Answered,
    Asked,
    Ended,
    Part,
    Progressed,
    TextDelta,
    TextVoided,
    ToolCalled,
    ToolReturned,
)
from backdesk.worker.model.asks import APPROVE, Ask, AskType
from backdesk.worker.model.job import JobState

Chunk = dict[str, Any]
MESSAGE, ASK = "msg-", "ask:"
#: As what tool a question is shown.
ASK_USER = "ask_user"


class UiFold:
    """The one message that answers a turn, over all runs of its job: give it the parts from the first on.

    `reset-step` empties the step that the message is in: what stands of it is told again behind that. A step ends when
    what it asked was answered and something follows: clients go on by themselves where their last step is answered.
    Text of a step before is void by then, as another attempt goes on.

    The stream ends at the end of the `run`th run, when the job asks people something, and with the job. With `again` it
    begins with that run, for a client that has what came before.
    """

    def __init__(self, job_id: str, run: int, *, again: bool = False) -> None:
        self._job_id = job_id
        self._runs_left = run
        self._silent_runs = run - 1 if again else 0
        self._again = again
        self._open = False
        self._answers_stand = False
        self._texts = 0
        self._calls: dict[str, str] = {}
        self._asks: dict[str, Ask] = {}
        #: What stands in this step besides text, and is told again.
        self._standing: list[Chunk] = []
        self.ended = False

    def begun(self) -> list[Chunk]:
        """Return the chunks that the stream begins with."""
        metadata = {"job_id": self._job_id}
        start = {"type": "start", "messageId": f"{MESSAGE}{self._job_id}", "messageMetadata": metadata}
        return [start] if self._again else [start, {"type": "start-step"}]

    def read(self, part: Part) -> list[Chunk]:
        """Return the chunks that a part comes to."""
        if self.ended:
            return []
        chunks = [*self._chunks(part)]
        if not self._silent_runs:
            return chunks
        if isinstance(part, Asked) and part.asks:
            self._silent_runs -= 1
        return [] if self._silent_runs else [{"type": "reset-step"}, *self._standing]

    def _chunks(self, part: Part) -> Iterator[Chunk]:
        match part:
            case TextDelta():
                yield from self._delta(part.text)
            case TextVoided():
                yield from self._close()
                yield {"type": "reset-step"}
                yield from self._standing
            case ToolCalled():
                yield from self._called(part)
            case ToolReturned():
                yield from self._returned(part)
            case AgentChanged():
                yield {"type": "data-agent", "data": {"agent": part.agent}, "transient": True}
            case Progressed():
                data = {"fraction": part.fraction, "message": part.message}
                yield {"type": "data-progress", "data": data, "transient": True}
            case Asked() if part.asks:
                yield from self._asked(part)
            case Answered() if part.name in self._asks:
                yield from self._stands(*self._answered(part, self._asks.pop(part.name)))
                self._answers_stand = True
            case Ended():
                yield from self._over(part)

    def _stands(self, *chunks: Chunk) -> Iterator[Chunk]:
        yield from self._close()
        self._standing += chunks
        yield from chunks

    def _new_step(self) -> Iterator[Chunk]:
        """Begin another step, if what this one asked was answered."""
        if self._answers_stand and not self._asks:
            self._answers_stand, self._standing = False, []
            yield {"type": "finish-step"}
            yield {"type": "start-step"}

    def _delta(self, text: str) -> Iterator[Chunk]:
        yield from self._new_step()
        if not self._open:
            self._open, self._texts = True, self._texts + 1
            yield {"type": "text-start", "id": self._text}
        yield {"type": "text-delta", "id": self._text, "delta": text}

    @property
    def _text(self) -> str:
        return f"text-{self._texts}"

    def _close(self) -> Iterator[Chunk]:
        if self._open:
            self._open = False
            yield {"type": "text-end", "id": self._text}

    def _called(self, call: ToolCalled) -> Iterator[Chunk]:
        yield from self._new_step()
        # A call's own id may come again in another attempt.
        id_ = self._calls[call.call_id] = f"call-{call.event.seq}"
        tool = {"toolCallId": id_, "toolName": call.tool, "dynamic": True, "providerExecuted": True}
        yield from self._stands(
            {"type": "tool-input-start", **tool},
            {"type": "tool-input-available", **tool, "input": call.arguments},
        )

    def _returned(self, returned: ToolReturned) -> Iterator[Chunk]:
        if (id_ := self._calls.pop(returned.call_id, None)) is None:
            return
        ours = {"toolCallId": id_, "dynamic": True, "providerExecuted": True}
        if returned.good:
            yield from self._stands({"type": "tool-output-available", **ours, "output": returned.summary})
        else:
            yield from self._stands({"type": "tool-output-error", **ours, "errorText": returned.summary or "failed"})

    def _asked(self, part: Asked) -> Iterator[Chunk]:
        new = [ask for ask in part.asks if ask.name not in self._asks]
        if new:
            yield from self._new_step()
        for ask in new:
            self._asks[ask.name] = ask
            yield from self._stands(*self._shown(ask))
        self._runs_left -= 1
        if self._runs_left == 0:
            yield from self._finish("tool-calls")

    def _shown(self, ask: Ask) -> Iterator[Chunk]:
        """Show an approval as the call of a tool that needs one, and a question as a tool that the client answers."""
        question = ask.type is AskType.QUESTION
        input_: Chunk = {"prompt": ask.prompt, "facts": ask.facts, **({"choices": choices_of(ask)} if question else {})}
        tool = {"toolCallId": f"{ASK}{ask.name}", "toolName": ASK_USER if question else ask.name, "dynamic": True}
        yield {"type": "tool-input-start", **tool}
        yield {"type": "tool-input-available", **tool, "input": input_}
        if not question:
            yield {
                "type": "tool-approval-request",
                "approvalId": f"{ASK}{ask.name}",
                "toolCallId": f"{ASK}{ask.name}",
                "reason": ask.prompt,
            }

    def _answered(self, part: Answered, ask: Ask) -> Iterator[Chunk]:
        tool = {"toolCallId": f"{ASK}{ask.name}"}
        if ask.type is AskType.QUESTION:
            yield {"type": "tool-output-available", **tool, "output": part.decision, "dynamic": True}
            return
        approved = part.decision == APPROVE or (ask.type is AskType.OUTCOME and bool(part.decision))
        yield {"type": "tool-approval-response", "approvalId": f"{ASK}{ask.name}", "approved": approved}
        if approved:
            output = {"decision": part.decision, "by": part.by}
            yield {"type": "tool-output-available", **tool, "output": output, "dynamic": True}
        else:
            yield {"type": "tool-output-denied", **tool}

    def _over(self, part: Ended) -> Iterator[Chunk]:
        yield from self._close()
        yield from self._new_step()
        # A call that never came back would be shown as one that still runs.
        for id_ in self._calls.values():
            yield {"type": "tool-output-error", "toolCallId": id_, "dynamic": True, "errorText": "did not come back"}
        match part.state:
            case JobState.SUCCEEDED | JobState.STEERED:
                yield from self._finish("stop")
            case JobState.CANCELLED:
                yield {"type": "abort", "reason": part.message or "cancelled"}
                self.ended = True
            case _:
                yield {"type": "error", "errorText": f"{part.message or part.state} [{part.code}]"}
                yield from self._finish("error")

    def _finish(self, reason: str) -> Iterator[Chunk]:
        yield from self._close()
        yield {"type": "finish-step"}
        yield {"type": "finish", "finishReason": reason}
        self.ended = True


def job_of(message_id: object) -> str | None:
    """Return the job that a message of ours answers for, None for another's."""
    ours = isinstance(message_id, str) and message_id.startswith(MESSAGE)
    return str(message_id).removeprefix(MESSAGE) if ours else None


def ask_of(call_id: object) -> str | None:
    """Return the name of the ask that the call of a tool shows, None for another tool's."""
    ours = isinstance(call_id, str) and call_id.startswith(ASK)
    return str(call_id).removeprefix(ASK) if ours else None
