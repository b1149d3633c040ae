"""The routes of AG-UI: a run of a thread, and the stream of its newest one for a page that is loaded anew."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response

from backdesk.client.operations.jobs import new_job_id
from backdesk.gateway.access.caller import Scope
from backdesk.gateway.dialects.agui.fold import AguiFold, Event, interrupt_id
from backdesk.gateway.dialects.agui.request import Message, RunAgentInput
from backdesk.gateway.dialects.asks import open_asks
from backdesk.gateway.dialects.auditing import note
from backdesk.gateway.dialects.following import parts_of
from backdesk.gateway.dialects.threads import Thread, kept, runs_begun
from backdesk.gateway.service import Reader, Served, Submitter
from backdesk.gateway.streams.sse import HEARTBEAT, EventStream, frame
from backdesk.gateway.turns import Asked, Part
from backdesk.worker.model.job import JobRecord

router = APIRouter(prefix="/v1/agui", tags=["ag-ui"])

STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


@router.post("/{kind}", summary="Run a thread", response_class=Response, responses=STREAM)
async def run(kind: str, body: RunAgentInput, request: Request, gateway: Served, caller: Submitter) -> Response:
    """Have a kind answer the newest message of a thread, or go on with the answers to what it asked.

    A run without a new message shows the thread as it is, with what it asks. A run that is sent again is the same run.
    """
    thread = await Thread.of(gateway, caller, kind, body.threadId)
    jobs = await thread.jobs()
    if body.resume:
        note(request.scope, caller, Scope.OPERATE, ask=body.resume[0].interruptId)
        return await _resumed(thread, body, jobs)
    known = {str(kept(job).get("message")) for job in jobs}
    again = next((job for job in jobs if kept(job).get("run") == body.runId), None)
    message = None if again else body.new(known)
    if message is None:
        return await _shown(thread, body.runId, jobs, again)
    if asking := next((job for job in jobs if open_asks(job)), None):
        return _refused(thread, body, f"the thread waits for an answer: resume {', '.join(_open(asking))}")
    return await _asked(thread, body, message)


@router.get(
    "/{kind}/{thread_id}/stream", summary="Follow a thread", response_class=Response, responses={**STREAM, 204: {}}
)
async def stream(kind: str, thread_id: str, gateway: Served, caller: Reader) -> Response:
    """Show a thread as it is, and go on with its newest run; 204 where there is none."""
    thread = await Thread.of(gateway, caller, kind, thread_id)
    jobs = await thread.jobs()
    return await _shown(thread, str(kept(jobs[0]).get("run") or jobs[0].id), jobs) if jobs else Response(None, 204)


async def _asked(thread: Thread, body: RunAgentInput, message: Message) -> Response:
    """Write the job of a new message, and stream it from its first word."""
    job_id = new_job_id()
    close = await thread.gateway.exchange.listen(job_id)
    try:
        key = f"agui:{thread.contract.kind}:{thread.id}:{body.runId}"
        record = await thread.submit(
            job_id, body.turn(), body.fields(), key=key, message=str(message.get("id")), run=body.runId
        )
    except BaseException:
        close()
        raise
    fold = AguiFold(thread.id, body.runId, record.id, 1, body.messages)
    return _stream(thread, fold, record.id, [fold.begun()], close)


async def _resumed(thread: Thread, body: RunAgentInput, jobs: Sequence[JobRecord]) -> Response:
    """Give a job what it asked, and stream what comes of it. Answers that it has already are no harm."""
    entries = body.resume or []
    owner = entries[0].interruptId.partition(":")[0]
    record = next((job for job in jobs if job.id == owner), None)
    if record is None:
        return _refused(thread, body, "nothing of this thread waits for such an answer")
    given = body.given(record.id)
    missing = {*_open(record)} - {entry.interruptId for entry in entries}
    if missing:
        return _refused(thread, body, f"resume must cover all open interrupts: {', '.join(sorted(missing))}")
    run = _run_of({each.ask for each in given}, await thread.parts(record))
    if run is None:
        return _refused(thread, body, "nothing of this name was asked")
    await thread.give(record, given)
    before = [each for each in body.messages if not str(each.get("id")).startswith(f"{record.id}-")]
    fold = AguiFold(thread.id, body.runId, record.id, run + 1, before)
    return _stream(thread, fold, record.id, [fold.begun()])


def _run_of(names: set[str], parts: Iterable[Part]) -> int | None:
    """Return the number of the newest run that ended with all of these asks."""
    asked = [{ask.name for ask in part.asks} for part in parts if isinstance(part, Asked) and part.asks]
    return next((len(asked) - back for back, told in enumerate(reversed(asked)) if names <= told), None)


async def _shown(thread: Thread, run_id: str, jobs: Sequence[JobRecord], chosen: JobRecord | None = None) -> Response:
    """Tell a thread as it is, and go on with a job of it: that of a run that is told again, or the newest."""
    if not jobs:
        fold = AguiFold(thread.id, run_id, "", 1)
        over = {"type": "RUN_FINISHED", "threadId": thread.id, "runId": run_id, "outcome": {"type": "success"}}
        return _events(thread, [fold.begun(), fold.snapshot(), over])
    record = chosen or jobs[0]
    before = [message for job in reversed(jobs[jobs.index(record) + 1 :]) for message in await _told(thread, job)]
    before.append(_question(thread, record))
    parts = await thread.parts(record)
    fold = AguiFold(thread.id, run_id, record.id, runs_begun(record, parts), before)
    return _stream(thread, fold, record.id, [fold.begun(), await _before_run(thread, record, parts, before)])


async def _before_run(thread: Thread, record: JobRecord, parts: Sequence[Part], before: Sequence[Event]) -> Event:
    """Return the messages that stood when the run began that a job is in: it tells the others itself."""
    earlier = runs_begun(record, parts) - 1
    fold = AguiFold(thread.id, "", record.id, earlier, before)
    for part in parts if earlier else ():
        fold.read(part)
    return fold.snapshot()


async def _told(thread: Thread, job: JobRecord) -> list[Event]:
    """Return what was asked by a job, and what stands of its answer."""
    parts = await thread.parts(job)
    fold = AguiFold(thread.id, "", job.id, len(parts) + 1)
    for part in parts:
        fold.read(part)
    return [_question(thread, job), *fold.messages]


def _question(thread: Thread, job: JobRecord) -> Event:
    request = job.request if isinstance(job.request, dict) else {}
    message = kept(job).get("message") or f"{job.id}-asked"
    return {"id": message, "role": "user", "content": str(request.get(thread.chat.input, ""))}


def _open(record: JobRecord) -> list[str]:
    return [interrupt_id(record.id, ask.name) for ask in open_asks(record)]


def _refused(thread: Thread, body: RunAgentInput, reason: str) -> Response:
    begun = AguiFold(thread.id, body.runId, "", 1).begun()
    return _events(thread, [begun, {"type": "RUN_ERROR", "message": reason, "code": "interrupt_open"}])


def _events(thread: Thread, events: Sequence[Event]) -> Response:
    async def frames() -> AsyncGenerator[bytes]:
        for event in events:
            yield frame(event)

    return EventStream(frames(), send_timeout_s=thread.gateway.settings.send_timeout_s)


def _stream(
    thread: Thread, fold: AguiFold, job_id: str, first: Sequence[Event], when_over: Callable[[], None] | None = None
) -> Response:
    """Stream a run. Who hangs up ends nothing: the job goes on, and is found again."""
    frames = _frames(thread, fold, job_id, first)
    return EventStream(frames, send_timeout_s=thread.gateway.settings.send_timeout_s, when_over=when_over)


async def _frames(thread: Thread, fold: AguiFold, job_id: str, first: Sequence[Event]) -> AsyncGenerator[bytes]:
    for event in first:
        yield frame(event)
    gateway = thread.gateway
    parts = parts_of(gateway.exchange, job_id, thread.chat, silence_s=gateway.settings.heartbeat_s)
    async with aclosing(parts) as batches:
        async for batch in batches:
            if not batch:
                yield HEARTBEAT
            for part in batch:
                for event in fold.read(part):
                    yield frame(event)
            if fold.ended:
                return
