"""The routes of the Responses API, and the models: the kinds of job."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from backdesk.client.operations.jobs import new_job_id
from backdesk.gateway.access.caller import Caller
from backdesk.gateway.dialects.asks import answer, meant
from backdesk.gateway.dialects.following import awaited, hung_up, parts_of, parts_so_far
from backdesk.gateway.dialects.responses.fold import ResponseFold
from backdesk.gateway.dialects.responses.ids import ResponseId
from backdesk.gateway.dialects.responses.request import CreateResponse, Decision
from backdesk.gateway.dialects.responses.response import KEPT, STATUS, response_object
from backdesk.gateway.routes.submissions import IdempotencyKey, unquoted
from backdesk.gateway.service import Gateway, Operator, Reader, Served, Submitter
from backdesk.gateway.streams.sse import DONE, HEARTBEAT, EventStream, frame
from backdesk.gateway.turns import Asked, Ended
from backdesk.worker.errors import InvalidRequest, JobNotFound, NotCancellable, UnknownKind
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.text.json import encode

router = APIRouter(prefix="/v1", tags=["openai"])

#: Where a stream may go on: behind the event of this number.
StartingAfter = Annotated[int | None, Query(ge=0)]


@router.get("/models", summary="List kinds as models")
async def models(gateway: Served, caller: Reader) -> dict[str, Any]:
    """Return the kinds that can be asked, as models."""
    return {"object": "list", "data": [_model(each) for each in await gateway.exchange.kinds(caller)]}


@router.get("/models/{model}", summary="Get a kind as a model")
async def model(model: str, gateway: Served, caller: Reader) -> dict[str, Any]:
    """Return one of these."""
    return _model(await gateway.exchange.kind(caller, model))


def _model(contract: KindContract) -> dict[str, Any]:
    return {"id": contract.kind, "object": "model", "created": 0, "owned_by": "backdesk"}


@router.post("/responses", summary="Create a response", response_model=Any)
async def create(
    body: CreateResponse, gateway: Served, caller: Submitter, idempotency_key: IdempotencyKey = None
) -> Response:
    """Have a kind answer: at once as a stream, in the background, or once it is done.

    Every response is a job. In the background it is answered as it is now, to be retrieved or streamed later.
    """
    body.check()
    contract = await _contract(gateway, caller, body.model)
    answers = body.previous_response_id is not None and bool(body.decisions())
    job_id = ResponseId.read(str(body.previous_response_id)).job_id if answers else new_job_id()
    close = await gateway.exchange.listen(job_id) if body.stream else None
    try:
        id_ = await _begun(gateway, caller, body, contract, job_id, idempotency_key)
        record = await gateway.exchange.record(caller, id_.job_id)
    except BaseException:
        if close is not None:
            close()
        raise
    if close is not None:
        return _stream(gateway, caller, id_, record, contract.chat, cancels=not body.background, when_over=close)
    if not body.background:
        record = await awaited(gateway, caller, id_.job_id)
    return _json(await _read(gateway, id_, record, contract.chat))


async def _contract(gateway: Gateway, caller: Caller, name: str) -> KindContract:
    try:
        return await gateway.exchange.kind(caller, name)
    except UnknownKind as error:
        raise UnknownKind(name, error.known) from None


async def _begun(
    gateway: Gateway, caller: Caller, body: CreateResponse, contract: KindContract, job_id: str, key: str | None
) -> ResponseId:
    """Write the job of a response, or answer what one asked; return the response that it is."""
    if decisions := body.decisions():
        return await _decided(gateway, caller, body.previous_response_id, decisions)
    conversation = body.conversation_id
    if body.previous_response_id is not None:
        conversation = await _conversation(gateway, caller, body.previous_response_id)
    request, options = body.job(contract, conversation)
    if key is not None:
        options["idempotency_key"] = unquoted(key)
    job = await gateway.exchange.submit(caller, contract.kind, request, job_id=job_id, **options)
    return ResponseId(job.id)


async def _conversation(gateway: Gateway, caller: Caller, previous: str) -> str:
    """Return the conversation that a response was part of: one that was given none began its own, named as its job."""
    record = await gateway.exchange.record(caller, ResponseId.read(previous).job_id)
    return record.conversation or record.id


async def _decided(gateway: Gateway, caller: Caller, previous: str | None, decisions: list[Decision]) -> ResponseId:
    """Give a job what it asked for, and return the response that goes on from there."""
    if previous is None:
        raise InvalidRequest("previous_response_id", "names the response that asked")
    asked = ResponseId.read(previous)
    for decision in decisions:
        record = await gateway.exchange.record(caller, asked.job_id)
        ask = meant(record, decision.ask)
        await answer(gateway.exchange, caller, asked.job_id, ask, decision.decision, note=decision.note)
    return ResponseId(asked.job_id, asked.run + 1)


@router.get("/responses/{response_id}", summary="Retrieve a response", response_model=Any)
async def retrieve(
    response_id: str,
    gateway: Served,
    caller: Reader,
    stream: bool = False,
    starting_after: StartingAfter = None,
) -> Response:
    """Return a response as it is now; or stream its events, from the first or behind one."""
    id_, record, chat = await _found(gateway, caller, response_id)
    if stream:
        return _stream(gateway, caller, id_, record, chat, after=starting_after)
    return _json(await _read(gateway, id_, record, chat))


@router.post("/responses/{response_id}/cancel", summary="Cancel a response", response_model=Any)
async def cancel(response_id: str, gateway: Served, caller: Submitter) -> Response:
    """End a response that has not ended. Idempotent."""
    id_, record, chat = await _found(gateway, caller, response_id)
    if not record.done:
        with suppress(NotCancellable):  # it has ended meanwhile
            await gateway.exchange.cancel(caller, id_.job_id)
        record = await gateway.exchange.wait(caller, id_.job_id, gateway.client.deployment.settings.stop_grace_s)
    return _json(await _read(gateway, id_, record, chat))


@router.delete("/responses/{response_id}", summary="Delete a response")
async def delete(response_id: str, gateway: Served, caller: Operator) -> dict[str, Any]:
    """Forget a response that has ended, with its job; needs the scope `operate`."""
    id_, _, _ = await _found(gateway, caller, response_id)
    await gateway.exchange.forget(caller, id_.job_id)
    return {"id": response_id, "object": "response.deleted", "deleted": True}


@router.get("/responses/{response_id}/input_items", summary="List the input of a response")
async def input_items(
    response_id: str,
    gateway: Served,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> dict[str, Any]:
    """Return what was asked: one message."""
    id_, record, chat = await _found(gateway, caller, response_id)
    request = record.request if isinstance(record.request, dict) else {}
    text = str(request.get(chat.input, "")) if chat else encode(record.request).decode()
    part = {"type": "input_text", "text": text}
    item = {"id": f"msg_in_{id_.job_id}", "type": "message", "role": "user", "status": "completed", "content": [part]}
    items = [] if after == item["id"] else [item]
    first = str(items[0]["id"]) if items else None
    return {"object": "list", "data": items, "first_id": first, "last_id": first, "has_more": False}


async def _found(gateway: Gateway, caller: Caller, response_id: str) -> tuple[ResponseId, JobRecord, Chat | None]:
    """Return a response of the caller's, its job, and how that is talked to. Raises JobNotFound."""
    id_ = ResponseId.read(response_id)
    try:
        record = await gateway.exchange.record(caller, id_.job_id)
    except JobNotFound:
        raise JobNotFound(response_id) from None
    kinds = {each.kind: each for each in await gateway.exchange.kinds(caller)}
    return id_, record, kinds[record.kind].chat if record.kind in kinds else None


def _asks_end(record: JobRecord, id_: ResponseId, chat: Chat | None, *, streams: bool) -> bool:
    """Return whether a response ends when its job asks something, or goes on until that is answered elsewhere."""
    background = bool((record.metadata.get(KEPT) or {}).get("background"))
    return id_.run > 1 or (chat is not None and chat.asks == "items") or (streams and not background)


async def _read(gateway: Gateway, id_: ResponseId, record: JobRecord, chat: Chat | None) -> dict[str, Any]:
    asks_end = _asks_end(record, id_, chat, streams=True)
    if not record.done and not (asks_end and record.state is JobState.WAITING):
        return response_object(id_, record, STATUS[record.state])
    fold = ResponseFold(id_, record, asks_end=asks_end)
    for part in await parts_so_far(gateway.exchange, record, chat):
        fold.read(part, record if isinstance(part, Ended) else None)
    if not fold.begun:
        raise JobNotFound(str(id_))
    return fold.response()


def _stream(
    gateway: Gateway,
    caller: Caller,
    id_: ResponseId,
    record: JobRecord,
    chat: Chat | None,
    *,
    after: int | None = None,
    cancels: bool = False,
    when_over: Callable[[], None] | None = None,
) -> Response:
    fold = ResponseFold(id_, record, asks_end=_asks_end(record, id_, chat, streams=True))

    frames = _frames(gateway, fold, id_, chat, -1 if after is None else after)
    settings = gateway.settings
    gone = partial(hung_up, gateway, caller, id_.job_id) if cancels else None
    return EventStream(frames, send_timeout_s=settings.send_timeout_s, when_gone=gone, when_over=when_over)


async def _frames(
    gateway: Gateway, fold: ResponseFold, id_: ResponseId, chat: Chat | None, after: int
) -> AsyncGenerator[bytes]:
    """Yield the frames of a response beyond a number."""
    parts = parts_of(gateway.exchange, id_.job_id, chat, silence_s=gateway.settings.heartbeat_s)
    async with aclosing(parts) as batches:
        async for batch in batches:
            if not batch:
                yield HEARTBEAT
            for part in batch:
                record = await gateway.client.get(part.event.job_id) if isinstance(part, Ended | Asked) else None
                for event in fold.read(part, record):
                    if event["sequence_number"] > after:
                        yield frame(event, event=event["type"])
            if fold.ended:
                break
    yield DONE


def _json(document: object) -> Response:
    return Response(encode(document), media_type="application/json")
