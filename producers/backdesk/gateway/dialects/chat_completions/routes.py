"""The route of Chat Completions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from backdesk.client import AsyncJob
from backdesk.client.operations.jobs import new_job_id
from backdesk.gateway.access.caller import Caller
from backdesk.gateway.dialects.chat_completions.fold import CompletionFold, comment
from backdesk.gateway.dialects.chat_completions.request import CreateChatCompletion
from backdesk.gateway.dialects.following import awaited, hung_up, parts_of, parts_so_far
from backdesk.gateway.problems import request_id_of
from backdesk.gateway.routes.submissions import IdempotencyKey, unquoted
from backdesk.gateway.service import Gateway, Served, Submitter
from backdesk.gateway.streams.sse import DONE, HEARTBEAT, EventStream, frame
from backdesk.worker.model.contract import KindContract
from backdesk.worker.text.json import encode

router = APIRouter(prefix="/v1/chat", tags=["openai"])


@router.post("/completions", summary="Create a chat completion", response_model=Any)
async def create(
    body: CreateChatCompletion,
    request: Request,
    gateway: Served,
    caller: Submitter,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Have a kind answer, as a whole or as a stream. Each answer is a job; one whose client hangs up is cancelled."""
    contract = await gateway.exchange.kind(caller, body.model)
    body.check(contract)
    key = body.idempotency_key if idempotency_key is None else unquoted(idempotency_key)
    job_id = new_job_id()
    if not body.stream:
        job = await _submitted(gateway, caller, body, contract, job_id, key)
        return await _whole(request, gateway, caller, job, contract)
    close = await gateway.exchange.listen(job_id)
    try:
        job = await _submitted(gateway, caller, body, contract, job_id, key)
        fold = await _fold(gateway, job.id, contract)
    except BaseException:
        close()
        raise

    usage = body.stream_options is not None and body.stream_options.include_usage
    frames = _frames(gateway, fold, job.id, contract, usage=usage)
    timeout_s, gone = gateway.settings.send_timeout_s, partial(hung_up, gateway, caller, job.id)
    return EventStream(frames, send_timeout_s=timeout_s, when_gone=gone, when_over=close)


async def _submitted(
    gateway: Gateway,
    caller: Caller,
    body: CreateChatCompletion,
    contract: KindContract,
    job_id: str,
    key: str | None,
) -> AsyncJob[Any]:
    wanted, options = body.job(contract)
    if key is not None:
        options["idempotency_key"] = key
    return await gateway.exchange.submit(caller, contract.kind, wanted, job_id=job_id, **options)


async def _fold(gateway: Gateway, job_id: str, contract: KindContract) -> CompletionFold:
    record = await gateway.client.get(job_id)
    return CompletionFold(job_id, contract.kind, int(record.created_at.timestamp()))


async def _whole(
    request: Request, gateway: Gateway, caller: Caller, job: AsyncJob[Any], contract: KindContract
) -> Response:
    record = await awaited(gateway, caller, job.id)
    fold = await _fold(gateway, job.id, contract)
    for part in await parts_so_far(gateway.exchange, record, contract.chat):
        for _ in fold.read(part):
            pass
    if fold.problem is not None:
        return fold.problem.response(request_id_of(request))
    return Response(encode(fold.completion(record)), media_type="application/json")


async def _frames(
    gateway: Gateway, fold: CompletionFold, job_id: str, contract: KindContract, *, usage: bool
) -> AsyncGenerator[bytes]:
    yield frame(fold.opening())
    parts = parts_of(gateway.exchange, job_id, contract.chat, silence_s=gateway.settings.heartbeat_s)
    async with aclosing(parts) as batches:
        async for batch in batches:
            if not batch:
                yield HEARTBEAT
            for part in batch:
                if (told := comment(part)) is not None:
                    yield told
                for chunk in fold.read(part):
                    yield frame(chunk)
            if fold.ended:
                break
    if fold.problem is not None:
        yield frame({"error": fold.problem.openai()})
    elif usage:
        yield frame(fold.usage(await gateway.client.get(job_id)))
    yield DONE
