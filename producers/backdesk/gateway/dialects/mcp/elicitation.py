"""Asks as requests for input, and the answers to these. Pure.

https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp_types import ClientCapabilities, ElicitResult

from backdesk.gateway.dialects.asks import DECISION, NOTE, choices_of, has_form, needs_person
from backdesk.worker.model.asks import DENY, Ask, AskType


def input_requests(
    asks: list[Ask], capabilities: ClientCapabilities | None, link: Callable[[Ask], str]
) -> dict[str, Any]:
    """Return what a client may be asked of these, by name, as far as it can show it.

    What no program may answer is asked by a link, which the host shows to its user, and not to its model.
    """
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None:
        return {}
    forms, links = elicitation.form is not None or elicitation.url is None, elicitation.url is not None
    asked = {ask.name: _form(ask) for ask in asks if forms and not needs_person(ask)}
    linked = {ask.name: _link(ask, link(ask)) for ask in asks if links and needs_person(ask) and has_form(ask)}
    return asked | linked


def decision_of(ask: Ask, answer: ElicitResult) -> tuple[str, str] | None:
    """Return the decision in an answer, and the remark; None for one that decides nothing.

    To decline an approval is to deny it. A question that was declined stays open, for somebody else, and so does what
    is answered by a link: to accept that is to have opened it.
    """
    if needs_person(ask):
        return None
    if answer.action == "decline" and ask.type is AskType.APPROVAL:
        return DENY, ""
    if answer.action != "accept":
        return None
    content = answer.content or {}
    return str(content.get(DECISION, "")), str(content.get(NOTE) or "")


def _form(ask: Ask) -> dict[str, Any]:
    choices = choices_of(ask)
    decision = {"type": "string", "title": "Decision", **({"enum": choices} if choices else {})}
    schema = {
        "type": "object",
        "properties": {DECISION: decision, NOTE: {"type": "string", "title": "Note"}},
        "required": [DECISION],
    }
    params = {"mode": "form", "message": message_of(ask), "requestedSchema": schema}
    return {"method": "elicitation/create", "params": params}


def _link(ask: Ask, url: str) -> dict[str, Any]:
    return {"method": "elicitation/create", "params": {"mode": "url", "message": message_of(ask), "url": url}}


def message_of(ask: Ask) -> str:
    """Return what is asked, with the facts that it is to be decided by."""
    facts = "\n".join(f"{name}: {value}" for name, value in ask.facts.items())
    return f"{ask.prompt or ask.name}\n{facts}".strip()
