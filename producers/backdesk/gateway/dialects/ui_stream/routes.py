"""The routes of the AI SDK's chats: a message, the stream for a page that is loaded anew, and the end of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response

from backdesk.client.operations.jobs import new_job_id
from backdesk.gateway.access.caller import Scope
from backdesk.gateway.dialects.asks import open_asks
from backdesk.gateway.dialects.auditing import note
from backdesk.gateway.dialects.following import parts_of
from backdesk.gateway.dialects.threads import Thread, kept, runs_begun
from backdesk.gateway.dialects.ui_stream.fold import UiFold
from backdesk.gateway.dialects.ui_stream.request import ChatRequest
from backdesk.gateway.service import Reader, Served, Submitter
from backdesk.gateway.streams.sse import HEARTBEAT, EventStream, frame
from backdesk.worker.errors import ConversationBusy, JobNotFound

router = APIRouter(prefix="/v1/ui", tags=["ai-sdk"])

DONE = b"data: [DONE]\n\n"
HEADERS = {"x-vercel-ai-ui-message-stream": "v1"}
STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


@router.post("/{kind}", summary="Send a chat's message", response_class=Response, responses=STREAM)
async def send(kind: str, body: ChatRequest, request: Request, gateway: Served, caller: Submitter) -> Response:
    """Have a kind answer the user's last message, or go on with the answers to what it asked.

    Raises ConversationBusy while what it asked has no answer.
    """
    thread = await Thread.of(gateway, caller, kind, body.id)
    if body.answers:
        note(request.scope, caller, Scope.OPERATE, job_id=str(body.job_id()))
        return await _answered(thread, body)
    return await _asked(thread, body)


@router.get("/{kind}/{chat_id}/stream", summary="Resume a chat", response_class=Response, responses={**STREAM, 204: {}})
async def resume(kind: str, chat_id: str, gateway: Served, caller: Reader) -> Response:
    """Tell the message that is under way, or waits for an answer, from its start; 204 where there is none."""
    thread = await Thread.of(gateway, caller, kind, chat_id)
    # The oldest has its turn: those behind it wait for its end.
    record = next((job for job in reversed(await thread.jobs()) if not job.done), None)
    if record is None:
        return Response(None, 204)
    fold = UiFold(record.id, runs_begun(record, await thread.parts(record)))
    return _stream(thread, fold, record.id)


@router.post("/{kind}/{chat_id}/stop", summary="Stop a chat", status_code=204, response_class=Response)
async def stop(kind: str, chat_id: str, gateway: Served, caller: Submitter) -> None:
    """End what is under way. Idempotent: hanging up ends nothing."""
    await (await Thread.of(gateway, caller, kind, chat_id)).stop()


async def _asked(thread: Thread, body: ChatRequest) -> Response:
    message = str(body.messages[-1].get("id"))
    waiting = next((job for job in await thread.jobs() if open_asks(job)), None)
    if waiting is not None and kept(waiting).get("message") != message:
        raise ConversationBusy(thread.id, waiting.id)
    job_id = new_job_id()
    close = await thread.gateway.exchange.listen(job_id)
    try:
        key = f"ui:{thread.contract.kind}:{thread.id}:{body.key}"
        record = await thread.submit(job_id, body.turn(), body.backdesk, key=key, message=message)
    except BaseException:
        close()
        raise
    return _stream(thread, UiFold(record.id, 1), record.id, when_over=close)


async def _answered(thread: Thread, body: ChatRequest) -> Response:
    """Give a job what it asked, and tell its message anew: the client has the first part of it."""
    record = next((job for job in await thread.jobs() if job.id == body.job_id()), None)
    if record is None:
        raise JobNotFound(body.job_id() or thread.id)
    run = runs_begun(record, await thread.parts(record))
    waits = bool(open_asks(record))
    await thread.give(record, body.given())
    still_open = waits and bool(open_asks(await thread.gateway.exchange.record(thread.caller, record.id)))
    return _stream(thread, UiFold(record.id, run + int(waits and not still_open), again=True), record.id)


def _stream(thread: Thread, fold: UiFold, job_id: str, *, when_over: Callable[[], None] | None = None) -> Response:
    """Stream a message. Who hangs up ends nothing: the job goes on, and is found again."""
    timeout_s = thread.gateway.settings.send_timeout_s
    return EventStream(_frames(thread, fold, job_id), send_timeout_s=timeout_s, headers=HEADERS, when_over=when_over)


async def _frames(thread: Thread, fold: UiFold, job_id: str) -> AsyncGenerator[bytes]:
    for chunk in fold.begun():
        yield frame(chunk)
    gateway = thread.gateway
    parts = parts_of(gateway.exchange, job_id, thread.chat, silence_s=gateway.settings.heartbeat_s)
    async with aclosing(parts) as batches:
        async for batch in batches:
            if not batch:
                yield HEARTBEAT
            for chunk in (chunk for part in batch for chunk in fold.read(part)):
                yield frame(chunk)
            if fold.ended:
                break
    yield DONE
