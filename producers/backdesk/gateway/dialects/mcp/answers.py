"""Asking the client of a request what a job asks, and taking its answers."""

from __future__ import annotations

from collections.abc import Container, Mapping
from contextlib import suppress
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, ElicitResult
from pydantic import ValidationError

from backdesk.gateway.access.caller import Scope
from backdesk.gateway.dialects.asks import answer, open_asks
from backdesk.gateway.dialects.mcp.elicitation import decision_of, input_requests
from backdesk.gateway.dialects.mcp.request import Call
from backdesk.gateway.exchange import Exchange
from backdesk.worker.errors import NotWaiting
from backdesk.worker.model.job import JobRecord


def requests_of(call: Call, record: JobRecord, answered: Container[str] = ()) -> dict[str, Any]:
    """Return what a client is asked, by name: what it can show, its key may answer, and it was not asked just now."""
    if not call.caller.may(Scope.OPERATE):
        return {}
    asks = [each for each in open_asks(record) if each.name not in answered]
    return input_requests(asks, call.capabilities, lambda ask: call.link(record, ask.name))


async def take_answers(exchange: Exchange, call: Call, record: JobRecord, responses: Mapping[str, Any]) -> None:
    """Give a job what a client answers. What nobody asks, or no longer, is passed over, as the protocol has it."""
    call.caller.demand(Scope.OPERATE)
    answers = {name: _elicited(name, given) for name, given in responses.items()}
    for ask in open_asks(record):
        said = decision_of(ask, answers[ask.name]) if ask.name in answers else None
        if said is not None:
            decision, note = said
            with suppress(NotWaiting):
                await answer(exchange, call.caller, record.id, ask, decision, note=note)
                call.note(Scope.OPERATE, job_id=record.id, ask=ask.name)


def _elicited(name: str, given: Any) -> ElicitResult:
    try:
        return ElicitResult.model_validate(given, from_attributes=True)
    except ValidationError:
        raise MCPError(INVALID_PARAMS, f"inputResponses.{name}: not the result of an elicitation") from None
