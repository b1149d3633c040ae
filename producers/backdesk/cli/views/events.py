"""Events as people read them. A body may emit any type with any data, so nothing here takes their shape for granted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from backdesk.cli.options.limit_scopes import sentence
from backdesk.cli.options.moments import shown_span
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.asks import ask_text, hint
from backdesk.cli.views.pace import rest_text
from backdesk.cli.views.plan import plan_text
from backdesk.worker.model.asks import Ask
from backdesk.worker.model.events import EventType, JobEvent

#: Longest text of one event, in characters.
MOST_SHOWN = 300
#: Columns of a line: the time, then the type from there to where the text begins.
TIME_WIDTH = 13
TEXT_AT = 27

Data = Mapping[str, Any]


def event_line(event: JobEvent) -> str:
    """Return an event as one line: local time, type, and what it says."""
    at = event.at.astimezone().strftime("%H:%M:%S.%f")[:-4]
    return f"{at:<{TIME_WIDTH}}{safe_line(event.type):<{TEXT_AT - TIME_WIDTH - 1}} {event_text(event)}".rstrip()


def event_text(event: JobEvent) -> str:
    """Return what an event says, as one line of safe text."""
    describe = _TEXTS.get(event.type, _other)
    try:
        text = plan_text(steps) if (steps := event.plan) else describe(event.data)
    except (TypeError, ValueError, AttributeError, KeyError):  # data that a body gave another shape
        text = _other(event.data)
    if event.type == EventType.STARTED:
        text = f"attempt {event.attempt} {text}"
    if event.type == EventType.WAITING and (how := hint(event.job_id, _asks(event.data))):
        text = f"{text} → {how}"
    return safe_line(text, MOST_SHOWN)


def _queued(data: Data) -> str:
    if "priority" not in data:
        return _other(data)
    reason = f", {str(data['reason']).replace('_', ' ')}" if data.get("reason") else ""
    return f"in queue {data['queue']}, priority {data['priority']}{reason}"


def _progress(data: Data) -> str:
    rest = {name: value for name, value in data.items() if name not in {"fraction", "message", "remaining_s"}}
    left = f"({rest_text(data['remaining_s'])})" if "remaining_s" in data else ""
    parts = [f"{data['fraction']:.0%}" if "fraction" in data else "", left, str(data.get("message", "")), _other(rest)]
    return " ".join(part for part in parts if part)


def _agent(data: Data) -> str:
    origin = f"{data['previous']} → " if data.get("previous") else ""
    return f"{origin}{data['agent']}{_because(data.get('reason'))}" if "agent" in data else _other(data)


def _model_called(data: Data) -> str:
    return f"{data['agent']} asks {data['model']}"


def _model_returned(data: Data) -> str:
    if data.get("cached"):
        return "known from the cache"
    spent = [
        f"{data['input_tokens']} + {data['output_tokens']} tokens" if data.get("input_tokens") is not None else "",
        f"{data['cost_usd']:.6f} USD" if data.get("cost_usd") is not None else "",
        f"first after {data['first_token_s']:.2f} s" if data.get("first_token_s") is not None else "",
        f"{data['seconds']:.2f} s" if data.get("seconds") is not None else "",
    ]
    told = ", ".join(filter(None, spent))
    if data["outcome"] == "success":
        return told
    code = f" [{data['code']}]" if data.get("code") else ""
    return f"{data['outcome'].replace('_', ' ')}{code}{f' ({told})' if told else ''}"


def _tool_called(data: Data) -> str:
    given = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in data["args"].items())
    return f"{data['tool']}({given})"


def _tool_progress(data: Data) -> str:
    rest = {name: value for name, value in data.items() if name not in {"tool", "call_id"}}
    return f"{data['tool']}: {_progress(rest)}" if "tool" in data else _other(data)


def _tool_returned(data: Data) -> str:
    outcome = "" if data.get("outcome") in {None, "success"} else f" [{data['outcome']}]"
    return f"{data['tool']}{outcome}: {data['summary']}" if "summary" in data else _other(data)


def _review(data: Data) -> str:
    if "passed" not in data:
        return _other(data)
    agent = f"{data['agent']}: " if data.get("agent") else ""
    score = f" ({data['overall']:.2f})" if "overall" in data else ""
    if data["passed"]:
        corrections = data.get("correction", 0)
        times = f" after {corrections} correction{'' if corrections == 1 else 's'}" if corrections else ""
        return f"{agent}passed{score}{times}"
    why = ", ".join(map(str, data.get("failed", ())))
    return f"{agent}refused{score}{_because(why)}; its text is void"


def refuses(event: JobEvent) -> bool:
    """Whether an event says that the text streamed before it is not the answer."""
    return event.type == EventType.REVIEW and event.data.get("passed") is False


def _file_kept(data: Data) -> str:
    file = data.get("file") or {}
    return f"{file.get('name') or 'a file'}, {file.get('bytes', 0):,} bytes"


def _input_flagged(data: Data) -> str:
    fields = data.get("fields")
    if not isinstance(fields, Mapping):
        return _other(data)
    return "; ".join(f"{field}: {', '.join(map(str, found))}" for field, found in fields.items())


def _step(data: Data) -> str:
    if "key" not in data:
        return _other(data)
    facts = [f"{data['seconds']:.2f} s" if "seconds" in data else "", str(data.get("effect", ""))]
    return f"{data['key']} done ({', '.join(filter(None, facts))})"


def _waiting(data: Data) -> str:
    asks = _asks(data)
    more = f"; and {data['more']} more" if isinstance(data.get("more"), int) else ""
    return f"for {'; '.join(map(ask_text, asks))}{more}" if asks else _other(data)


def _started(data: Data) -> str:
    if "worker" not in data:
        return _other(data)
    if "restarts" in data:
        return f"by {data['worker']}, anew: version {data['restarts']} has begun it"
    resumed = f", goes on from version {data['resumes']}" if "resumes" in data else ""
    return f"by {data['worker']}{resumed}"


def _asks(data: Data) -> list[Ask]:
    """Return what a job waits for, as far as it can be read."""
    try:
        return [Ask.model_validate(each) for each in data.get("for", ())]
    except (ValidationError, TypeError):
        return []


def _answered(data: Data) -> str:
    if "name" not in data:
        return _other(data)
    said = data.get("decision") or data.get("value")
    if said is None:
        return f"{data['name']}: nobody answered in time"
    by = f" by {data['by']}" if data.get("by") else ""
    return f"{data['name']}: {_value(said)}{by}{f' ({note})' if (note := data.get('note')) else ''}"


def _again(data: Data) -> str:
    if "error" not in data:
        return _failure(data)
    return f"again in {shown_span(data['delay_s'])}: {_failure(data['error'])}"


def _limited(data: Data) -> str:
    if "scope" not in data:
        return _again(data)
    reason = data.get("reason", "limit")
    until = f", runs at {data['run_at']}" if "run_at" in data else ""
    return f"by the {reason} of {sentence(str(data['scope']))}{until}"


def _succeeded(data: Data) -> str:
    if degraded := data.get("degraded"):
        return f"DEGRADED, by a fallback, after {_failure(degraded)}"
    return "result too large to be shown here" if data.get("result_omitted") else ""


def _failure(data: Data) -> str:
    return f"[{data['code']}] {data['message']}" if "code" in data else _other(data)


def _because(reason: object) -> str:
    return f": {reason}" if reason else ""


def _other(data: Data) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in data.items())


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(to_jsonable_python(value), ensure_ascii=False)


_TEXTS: dict[str, Callable[[Data], str]] = {
    EventType.QUEUED: _queued,
    EventType.SCHEDULED: lambda data: f"runs at {data['run_at']}" if "run_at" in data else _other(data),
    EventType.STARTED: _started,
    EventType.PROGRESS: _progress,
    EventType.TOKEN: lambda data: str(data["text"]) if "text" in data else _other(data),
    EventType.AGENT: _agent,
    EventType.MODEL_CALLED: _model_called,
    EventType.MODEL_RETURNED: _model_returned,
    EventType.TOOL_CALLED: lambda data: _tool_called(data) if "args" in data else _other(data),
    EventType.TOOL_PROGRESS: _tool_progress,
    EventType.TOOL_RETURNED: _tool_returned,
    EventType.REVIEW: _review,
    EventType.INPUT_FLAGGED: _input_flagged,
    EventType.FILE_KEPT: _file_kept,
    EventType.STEP: _step,
    EventType.WAITING: _waiting,
    EventType.ANSWERED: _answered,
    EventType.RETRYING: _again,
    EventType.LIMITED: _limited,
    EventType.SUCCEEDED: _succeeded,
    EventType.FAILED: _failure,
    EventType.CANCELLED: _failure,
    EventType.EXPIRED: _failure,
}
