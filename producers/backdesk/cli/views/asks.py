"""What a job waits for as people read it, with the commands that answer it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from backdesk.cli.options.moments import rough_span
from backdesk.cli.output import Output
from backdesk.cli.safe_text import safe_line
from backdesk.worker.model.asks import APPROVE, DENY, OUTCOMES, Ask, AskType
from backdesk.worker.model.job import JobRecord

#: Longest question that stands in a line with other things, in characters.
MOST_OF_A_PROMPT = 120


def ask_text(ask: Ask) -> str:
    """Return what is asked as one line."""
    prompt = f": {safe_line(ask.prompt, MOST_OF_A_PROMPT)}" if ask.prompt else ""
    child = f" {ask.facts.get('job_id', '')}" if ask.type is AskType.CHILD else ""
    name = ask.name if ask.name.startswith(f"{ask.type}:") else f"{ask.type} {ask.name}"
    return safe_line(f"{name}{prompt}{child}")


def hint(job_id: str, asks: Sequence[Ask]) -> str:
    """Return in brief how the first thing that a person can answer is answered, "" when there is none."""
    words = {
        AskType.APPROVAL: f"backdesk {APPROVE}|{DENY} {job_id}",
        AskType.QUESTION: f"backdesk answer {job_id} TEXT",
        AskType.OUTCOME: f"backdesk resolve {job_id} {'|'.join(OUTCOMES)}",
    }
    return next((words[ask.type] for ask in asks if ask.type in words), "")


def show_asks(record: JobRecord, out: Output) -> None:
    """Print what a job waits for, the facts, and how to answer."""
    if not record.asks:
        return
    out.line("")
    out.line("waits for", "bold")
    for ask in record.asks:
        out.line(f"  {ask_text(ask)}{_limited(ask)}", "yellow")
        for name, value in ask.facts.items() if ask.type is not AskType.CHILD else ():
            out.line(f"    {safe_line(name)}: {safe_line(value)}")
        several = sum(other.type is ask.type for other in record.asks) > 1
        for command in commands(record.id, ask, several=several):
            out.line(f"    {command}", "cyan")


def commands(job_id: str, ask: Ask, *, several: bool) -> Iterator[str]:
    """Yield the commands that answer it, as they can be pasted into a shell."""
    name = f" --ask {shlex.quote(safe_line(ask.name))}" if several else ""
    match ask.type:
        case AskType.APPROVAL:
            yield from (f"backdesk {word} {job_id}{name}" for word in (APPROVE, DENY))
        case AskType.QUESTION:
            words = [shlex.quote(safe_line(choice)) for choice in ask.choices] or ['"YOUR ANSWER"']
            yield from (f"backdesk answer {job_id} {word}{name}" for word in words)
        case AskType.OUTCOME:
            yield from (f"backdesk resolve {job_id} {word}{name}" for word in OUTCOMES)
        case AskType.CHILD:
            yield f"backdesk show {ask.facts.get('job_id', 'ID')}"


def time_left(ask: Ask) -> str:
    """Return how long it may still be answered, "" when that is not limited."""
    if ask.expires_at is None:
        return ""
    left = (ask.expires_at - datetime.now(UTC)).total_seconds()
    return f"{rough_span(left)} left" if left > 0 else "over"


def _limited(ask: Ask) -> str:
    left, then = time_left(ask), f", then: {safe_line(ask.on_timeout)}" if ask.on_timeout else ""
    return f" ({left}{then})" if left else ""
