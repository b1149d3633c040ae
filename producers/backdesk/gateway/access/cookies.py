"""The cookies of people who sign in."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION = "backdesk-session"
SIGNING_IN = "backdesk-signing-in"
#: What a page sends with what it asks to be done; no form and no page of another origin can.
HEADER = "x-backdesk"


def name_of(cookie: str, *, secure: bool) -> str:
    """Return the name of a cookie: over HTTPS one that no other host and no plain connection can set (RFC 6265bis)."""
    return f"__Host-{cookie}" if secure else cookie


def value_of(request: HTTPConnection, cookie: str, *, secure: bool) -> str | None:
    """Return what a browser has kept."""
    return request.cookies.get(name_of(cookie, secure=secure))


def keep(response: Response, cookie: str, value: str, *, secure: bool, seconds: int) -> None:
    """Have a browser keep something, and show it to us alone."""
    name = name_of(cookie, secure=secure)
    response.set_cookie(name, value, max_age=seconds, secure=secure, httponly=True, samesite="lax", path="/")


def drop(response: Response, cookie: str, *, secure: bool) -> None:
    """Have a browser forget it."""
    response.delete_cookie(name_of(cookie, secure=secure), secure=secure, httponly=True, samesite="lax", path="/")
