"""What clients of A2A are told of the recorded jobs.

    python -m tests.gateway.golden.a2a

writes it anew. What has changed then is what clients will notice.
"""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # it has no types

from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.dialects.a2a.frames import Frames
from backdesk.gateway.dialects.a2a.tasks import task_of
from backdesk.worker.model.chat import Chat
from tests.gateway.golden.record import HERE, NAMES, load

CHAT = Chat(input="message", output="answer", conversation="conversation_id")
OPERATOR = Caller("operator", Scope.OPERATE)


def told(name: str) -> list[Any]:
    """Return the events of a job's task, each with the `seq` of what it tells, and the task at its end."""
    events, record = load(name)
    frames = Frames(record, CHAT, OPERATOR)
    lines = [[event.seq, MessageToDict(each)] for event in events for each in frames.read(event, record.result)]
    return [*lines, MessageToDict(task_of(record, CHAT, OPERATOR, result=record.result))]


def written(name: str) -> str:
    """Return the same as the lines of its file."""
    return "".join(json.dumps(each, sort_keys=True) + "\n" for each in told(name))


if __name__ == "__main__":
    for each in NAMES:
        (HERE / f"{each}.a2a.jsonl").write_text(written(each))
