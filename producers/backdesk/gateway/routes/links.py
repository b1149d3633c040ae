"""Signed links: for somebody without a key, who may watch one job, or answer one ask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from backdesk.gateway.access import links
from backdesk.gateway.access.addresses import own_origin
from backdesk.gateway.access.audit import CALLER
from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.access.links import Link, Purpose
from backdesk.gateway.errors import LinkRefused
from backdesk.gateway.routes.documents import document, shown
from backdesk.gateway.routes.forms import form_of
from backdesk.gateway.service import Gateway, Reader, Served
from backdesk.worker.errors import AskUnknown, InvalidRequest, JobNotFound, NotWaiting
from backdesk.worker.model.asks import APPROVE, DENY, Ask, AskType
from backdesk.worker.model.job import JobRecord, JobState

router = APIRouter(tags=["links"])

#: How long a link is good, unless that is said, and at most. Seconds.
USUAL_S, LONGEST_S = 86_400, 30 * 86_400
PATH = "/answer"
_ANSWERABLE = {AskType.APPROVAL, AskType.QUESTION}


class NewLink(BaseModel):
    """A link that is to be made."""

    model_config = ConfigDict(extra="forbid")

    job_id: str
    purpose: Purpose = Purpose.WATCH
    ask: str | None = Field(None, description="Which ask it answers, if there are several.")
    expires_s: float = Field(USUAL_S, gt=0, le=LONGEST_S, description="How long it is good.")


class MadeLink(BaseModel):
    """A link, and the token in it, which is also a bearer token for the same."""

    url: str
    token: str
    expires_at: datetime


@router.post("/v1/links", status_code=201, summary="Make a link")
async def make(body: NewLink, request: Request, gateway: Served, caller: Reader) -> MadeLink:
    """Sign a link by which somebody without a key may watch one job, or answer one ask; as far as the caller may."""
    record = await gateway.exchange.record(caller, body.job_id)
    ask = ""
    if body.purpose is Purpose.ANSWER:
        caller.demand(Scope.OPERATE)
        ask = meant(record, body.ask).name
    return signed(gateway, request, caller, record, ask, body.expires_s)


def signed(
    gateway: Gateway, request: Request, caller: Caller, record: JobRecord, ask: str = "", valid_s: float = USUAL_S
) -> MadeLink:
    """Return a link to watch a job, or to answer an ask of it, for a caller who may do that."""
    key_id = caller.key_id if caller.way == "key" else ""
    link = Link(job_id=record.id, tenant=record.tenant, ask=ask, by=caller.name, key_id=key_id)
    purpose = Purpose.ANSWER if ask else Purpose.WATCH
    token = links.written(gateway.authentication.signer, purpose, link, valid_s)
    path = PATH if ask else f"/v1/jobs/{quote(record.id, safe='')}/events"
    origin = own_origin(request, gateway.settings.public_url, gateway.settings.proxies)
    expires_at = datetime.now(UTC) + timedelta(seconds=valid_s)
    return MadeLink(url=f"{origin}{path}?token={token}", token=token, expires_at=expires_at)


def meant(record: JobRecord, name: str | None) -> Ask:
    """Return the ask of a job that waits for a person. Raises NotWaiting, AskUnknown."""
    asks = [each for each in record.asks if each.type in _ANSWERABLE] if record.state is JobState.WAITING else []
    if not asks:
        raise NotWaiting(record.id, record.state)
    fitting = [each for each in asks if name in {None, each.name}]
    if len(fitting) != 1:
        reason = "say which is meant" if fitting else "nothing of this name is asked"
        raise AskUnknown(record.id, name or "", reason, {each.name: each.type.value for each in asks})
    return fitting[0]


@router.get(PATH, include_in_schema=False)
async def show(request: Request, gateway: Served, token: str = "") -> Response:
    """Show what an ask asks. Nothing is answered by looking: previews of messages look, too."""
    try:
        link, _ = await _allowed(request, gateway, token)
        return _form(await _asked(gateway, link))
    except LinkRefused:
        return _refused()
    except (NotWaiting, AskUnknown, JobNotFound):
        return _over()


@router.post(PATH, include_in_schema=False)
async def answer(request: Request, gateway: Served, token: str = "") -> Response:
    """Answer it, once."""
    try:
        link, caller = await _allowed(request, gateway, token)
        form = await form_of(request)
        ask, note = await _asked(gateway, link), form.get("note", "")
        decision = form.get("decision", "").strip()
        if not decision or (choices_of(ask) and decision not in choices_of(ask)):
            raise InvalidRequest("decision", "must be one of what can be chosen")
        await gateway.exchange.decide(caller, link.job_id, ask.type, decision, note=note, ask=ask.name)
    except LinkRefused:
        return _refused()
    except (NotWaiting, AskUnknown, JobNotFound):
        return _over()
    return document("Thank you", f"<p>It was told: {shown(decision)}.</p>")


async def _allowed(request: Request, gateway: Gateway, token: str) -> tuple[Link, Caller]:
    link, caller = await gateway.authentication.answering(request, token)
    request.scope["state"][CALLER] = caller
    return link, caller


async def _asked(gateway: Gateway, link: Link) -> Ask:
    record = await gateway.client.get(link.job_id)
    if record.tenant != link.tenant:
        raise JobNotFound(link.job_id)
    return meant(record, link.ask)


def choices_of(ask: Ask) -> list[str]:
    """Return the decisions that are possible; empty means any text."""
    return ask.choices or ([APPROVE, DENY] if ask.type is AskType.APPROVAL else [])


def _form(ask: Ask) -> Response:
    facts = "".join(f"<dt>{shown(name)}</dt><dd>{shown(value)}</dd>" for name, value in ask.facts.items())
    until = f"<p>To be answered by {ask.expires_at:%Y-%m-%d %H:%M} UTC.</p>" if ask.expires_at else ""
    buttons = "".join(
        f'<button name="decision" value="{shown(each)}">{shown(each.capitalize())}</button>' for each in choices_of(ask)
    )
    words = (
        '<p><label>Answer<br><textarea name="decision" rows="4" required></textarea></label></p><button>Send</button>'
    )
    note = '<p><label>Remark<br><textarea name="note" rows="2" maxlength="2000"></textarea></label></p>'
    asked = shown(ask.prompt or ask.name).replace("\n", "<br>")
    return document("A decision is needed", f"<p>{asked}</p><dl>{facts}</dl>{until}", _as_form(note, buttons or words))


def _as_form(*parts: str) -> str:
    return f'<form method="post">{"".join(parts)}</form>'


def _refused() -> Response:
    return document("This link is not good", "<p>It may be too old. Ask whoever sent it for another.</p>", status=403)


def _over() -> Response:
    return document("Nothing is asked here any more", "<p>It was answered, or the job has ended.</p>", status=410)
