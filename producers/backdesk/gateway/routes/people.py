"""People: signing in by a one-time link or by an identity provider, who one is, signing out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from backdesk.client.operations.sessions import OpenSession
from backdesk.gateway.access import cookies
from backdesk.gateway.access.addresses import client_address, is_same_origin, is_secure, own_origin
from backdesk.gateway.access.audit import CALLER
from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.access.issuer import SigningIn
from backdesk.gateway.errors import Forbidden, Unauthenticated
from backdesk.gateway.routes.documents import document, shown
from backdesk.gateway.routes.forms import form_of
from backdesk.gateway.routes.jobs import Done
from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Gateway, Governor, Reader, Served
from backdesk.worker.model.access import Session

router = APIRouter(tags=["people"])

PATH, BY_ISSUER, BACK = "/sign-in", "/sign-in/issuer", "/sign-in/issuer/back"
#: Where somebody is sent who has signed in.
HOME = "/v1/session"
#: How long somebody may be at the identity provider. Seconds.
AWAY_S = 600


class Whoami(BaseModel):
    """Who calls, and what they may do."""

    name: str
    scope: Scope
    tenant: str | None
    way: str


@router.get(PATH, include_in_schema=False)
async def offer(gateway: Served, code: str = "") -> Response:
    """Show how to sign in. A code is not used up by looking at the address."""
    if code:
        field = f'<input type="hidden" name="code" value="{shown(code)}">'
        form = f'<form method="post" action="{PATH}">{field}<button>Sign in</button></form>'
        return document("Sign in to backdesk", form, referrer="same-origin")
    if gateway.authentication.issuer is not None:
        return document("Sign in to backdesk", f'<p><a href="{BY_ISSUER}">Sign in</a></p>', referrer="same-origin")
    return document("Sign in to backdesk", "<p><code>backdesk console</code> prints an address that signs in.</p>")


@router.post(PATH, include_in_schema=False)
async def by_code(request: Request, gateway: Served) -> Response:
    """Sign in by a code, once."""
    settings = gateway.settings
    if not is_same_origin(request, own_origin(request, settings.public_url, settings.proxies)):
        raise Forbidden("", reason="this must come from the page that is shown at this address")
    code = (await form_of(request)).get("code", "")
    with gateway.authentication.counted(client_address(request, settings.proxies), code):
        opened = await gateway.client.sessions.redeem(code, valid=timedelta(seconds=settings.session_s))
        if opened is None:
            raise Unauthenticated("this code is not good, or was used: `backdesk console` prints another")
    return _welcomed(request, gateway, opened)


@router.get(BY_ISSUER, include_in_schema=False)
async def to_issuer(request: Request, gateway: Served) -> Response:
    """Send a browser to the identity provider."""
    authentication = gateway.authentication
    if authentication.issuer is None:
        raise Unauthenticated("no identity provider is set up: see BACKDESK_GATEWAY_OIDC_ISSUER")
    begun = await authentication.issuer.begin(_back(request, gateway))
    kept = authentication.signer.sign("sign-in", AWAY_S, state=begun.state, nonce=begun.nonce, verifier=begun.verifier)
    response = RedirectResponse(begun.url, 303)
    cookies.keep(response, cookies.SIGNING_IN, kept, secure=_secure(request, gateway), seconds=AWAY_S)
    return response


@router.get(BACK, include_in_schema=False)
async def from_issuer(request: Request, gateway: Served, code: str = "", state: str = "", iss: str = "") -> Response:
    """Take in somebody whom the identity provider sends back; in the browser that was sent there, and no other."""
    authentication, secure = gateway.authentication, _secure(request, gateway)
    kept = cookies.value_of(request, cookies.SIGNING_IN, secure=secure)
    known: Any = authentication.signer.read("sign-in", kept) if kept else None
    with authentication.counted(client_address(request, gateway.settings.proxies), state):
        issuer = authentication.issuer
        wrong = issuer is None or known is None or not code or known["state"] != state
        if issuer is None or wrong or iss.rstrip("/") not in {"", issuer.issuer}:  # RFC 9207
            raise Unauthenticated("this sign-in was not begun here, or too long ago: begin again at /sign-in")
        begun = SigningIn("", known["state"], known["nonce"], known["verifier"])
        person = await issuer.finish(_back(request, gateway), code, begun)
    valid = timedelta(seconds=gateway.settings.session_s)
    opened = await gateway.client.sessions.open(person.name, scope=person.scope, tenant=person.tenant, valid=valid)
    response = _welcomed(request, gateway, opened)
    cookies.drop(response, cookies.SIGNING_IN, secure=secure)
    return response


@router.get("/v1/session", summary="Get who calls")
async def whoami(caller: Reader) -> Whoami:
    """Return who the caller is taken for, and what they may do."""
    return Whoami(name=caller.name, scope=caller.scope, tenant=caller.tenant, way=caller.way)


@router.delete("/v1/session", summary="Sign out")
async def sign_out(request: Request, response: Response, gateway: Served, caller: Reader) -> Done:
    """End the session that this browser has; other ways to come in stay. Idempotent."""
    ended = caller.way == "session" and await gateway.authentication.sign_out(caller.key_id)
    cookies.drop(response, cookies.SESSION, secure=_secure(request, gateway))
    return Done(done=ended)


@router.get("/v1/sessions", summary="List who has signed in")
async def sessions(gateway: Served, _: Governor) -> Page[Session]:
    """Return the sessions of people that have not ended, 1,000 at most."""
    return Page(data=await gateway.client.sessions.list())


@router.delete("/v1/sessions/{session_id}", summary="End a session")
async def end(session_id: str, gateway: Served, _: Governor) -> Done:
    """End the session of somebody: within two seconds, on every gateway. Idempotent."""
    return Done(done=await gateway.authentication.sign_out(session_id))


def _welcomed(request: Request, gateway: Gateway, opened: OpenSession) -> Response:
    session, address = opened.session, client_address(request, gateway.settings.proxies)
    caller = Caller(session.name, session.scope, session.tenant, session.id, address, "session")
    request.scope["state"][CALLER] = caller
    response = RedirectResponse(HOME, 303)
    seconds, secure = gateway.settings.session_s, _secure(request, gateway)
    cookies.keep(response, cookies.SESSION, opened.secret, secure=secure, seconds=seconds)
    return response


def _back(request: Request, gateway: Gateway) -> str:
    return f"{own_origin(request, gateway.settings.public_url, gateway.settings.proxies)}{BACK}"


def _secure(request: Request, gateway: Gateway) -> bool:
    return is_secure(request, gateway.settings.public_url, gateway.settings.proxies)
