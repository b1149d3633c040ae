"""A recording as clients of OpenAI are told of it.

Run as a module it writes what is kept anew: look at the difference.
"""

from __future__ import annotations

from typing import Any

from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from backdesk.gateway.dialects.chat_completions.fold import CompletionFold
from backdesk.gateway.dialects.responses.fold import ResponseFold
from backdesk.gateway.dialects.responses.ids import ResponseId
from backdesk.gateway.turns import Ended
from tests.gateway.golden.folding import RUNS, kept, lines, parts_of
from tests.gateway.golden.record import NAMES, load

EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
#: A run of a recording, each a response.
RECORDED = [(name, run) for name in NAMES for run in range(1, RUNS[name] + 1)]


def responses(name: str, run: int) -> list[dict[str, Any]]:
    """Return the events of one response."""
    _, record = load(name)
    fold = ResponseFold(ResponseId(f"recorded-{name}", run), record, asks_end=True)
    return [event for part in parts_of(name) for event in fold.read(part, record if isinstance(part, Ended) else None)]


def completion(name: str) -> list[dict[str, Any]]:
    """Return the chunks of a completion; the error that ends it is the last."""
    fold = CompletionFold(f"recorded-{name}", "golden.desk", 0)
    chunks = [fold.opening(), *(chunk for part in parts_of(name) for chunk in fold.read(part))]
    return chunks if fold.problem is None else [*chunks, {"error": fold.problem.openai()}]


if __name__ == "__main__":
    for recording in NAMES:
        kept("completion", recording, 1).write_text(lines(completion(recording)))
    for recording, number in RECORDED:
        kept("responses", recording, number).write_text(lines(responses(recording, number)))
