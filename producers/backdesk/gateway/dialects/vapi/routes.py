"""The webhook for tools of Vapi."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from backdesk.gateway.access.caller import Caller
from backdesk.gateway.dialects.vapi.tools import ToolCall, answered, calls_in, failed
from backdesk.gateway.service import Gateway, Served, Submitter
from backdesk.gateway.turns.answer import answer_of
from backdesk.worker.errors import BackdeskError
from backdesk.worker.model.job import JobState

router = APIRouter(prefix="/v1/vapi", tags=["vapi"])

#: Vapi waits 20 s for an answer; then it says that the tool is broken.
ANSWER_WITHIN_S = 15.0


class ServerMessage(BaseModel):
    """What Vapi sends: one message, of many types."""

    message: dict[str, Any]


@router.post("/tools", summary="Run tools for Vapi")
async def tools(body: ServerMessage, gateway: Served, caller: Submitter) -> dict[str, Any]:
    """Run each tool that is called as a job, and answer for all of them: 200 in any case, as Vapi reads nothing else.

    A job that takes longer goes on, and is told by its id. The same call is the same job. Other messages are taken note
    of by an empty answer.
    """
    if body.message.get("type") != "tool-calls":
        return {}
    ran = await asyncio.gather(*(_run(gateway, caller, call) for call in calls_in(body.message)))
    return {"results": ran}


async def _run(gateway: Gateway, caller: Caller, call: ToolCall) -> dict[str, str]:
    if call.arguments is None:
        return failed(call, "The arguments are no JSON object.")
    try:
        kind = await gateway.exchange.kind(caller, call.name)
        job = await gateway.exchange.submit(caller, kind.kind, call.arguments, idempotency_key=f"vapi-{call.id}")
        record = await gateway.exchange.wait(caller, job.id, ANSWER_WITHIN_S)
    except BackdeskError as error:
        return failed(call, str(error))
    if not record.done:
        return answered(call, f"I am still on it, reference {job.id}.")
    if record.state is not JobState.SUCCEEDED:
        return failed(call, record.error.message if record.error else f"It was {record.state}.")
    return answered(call, answer_of(kind.chat, await gateway.client.result(job.id)))
