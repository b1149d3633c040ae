"""People: one-time codes by which they sign in, and their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Commands, Operation
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.access import Scope, Session, hashed, new_secret
from backdesk.worker.store.access import time_of
from backdesk.worker.store.calls import text
from backdesk.worker.store.moments import milliseconds

#: How long a one-time code is good, and a session, unless that is said.
CODE_VALID = timedelta(minutes=10)
SESSION_VALID = timedelta(hours=12)
#: Sessions that are listed, at most.
MOST_LISTED = 1000

# Named here because inside the clients `list` is a method.
Sessions = list[Session]


class Invitation(BaseModel):
    """Who may sign in by a code."""

    model_config = ConfigDict(frozen=True)

    name: str
    scope: Scope
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session with what the browser keeps of it, which is told this once: only the hash is kept."""

    session: Session
    secret: str


class SessionOperations:
    """The operations on sessions. Times are those of Redis."""

    def __init__(self, core: JobOperations) -> None:
        self._keys = core.keys

    def invite(self, name: str, scope: str, tenant: str | None, valid: timedelta) -> Operation[str]:
        """Return a code by which somebody signs in once. Raises InvalidRequest."""
        (time,) = yield Commands([("TIME",)])
        session = _checked(time_of(time), valid, id="", name=name, scope=scope, tenant=tenant)
        invitation = Invitation(name=session.name, scope=session.scope, tenant=session.tenant)
        code = new_secret()
        lasting = max(round(valid.total_seconds() * 1000), 1)
        yield Commands([("SET", self._keys.sign_in(hashed(code)), invitation.model_dump_json(), "PX", lasting)])
        return code

    def redeem(self, code: str, valid: timedelta) -> Operation[OpenSession | None]:
        """Open the session of a code, once: atomic. None for a code that is unknown, used or too old."""
        (raw,) = yield Commands([("GETDEL", self._keys.sign_in(hashed(code)))])
        if raw is None:
            return None
        invited = Invitation.model_validate_json(raw)
        return (yield from self.open(invited.name, invited.scope, invited.tenant, "link", valid))

    def open(self, name: str, scope: str, tenant: str | None, way: str, valid: timedelta) -> Operation[OpenSession]:
        """Open a session. Raises InvalidRequest."""
        secret = new_secret()
        (time,) = yield Commands([("TIME",)])
        now, session_id = time_of(time), hashed(secret)
        session = _checked(now, valid, id=session_id, name=name, scope=scope, tenant=tenant, way=way)
        ends = milliseconds(session.expires_at)
        yield Commands(
            [
                ("SET", self._keys.session(session_id), session.model_dump_json(), "PXAT", ends),
                ("ZADD", self._keys.sessions, ends, session_id),
                ("ZREMRANGEBYSCORE", self._keys.sessions, "-inf", milliseconds(now)),
            ]
        )
        return OpenSession(session, secret)

    def find(self, secret: str) -> Operation[Session | None]:
        """Return the session of what a browser keeps, None if it has ended."""
        (raw,) = yield Commands([("GET", self._keys.session(hashed(secret)))])
        return Session.model_validate_json(raw) if raw is not None else None

    def list(self) -> Operation[Sessions]:
        """Return the sessions that have not ended, the one that ends last first."""
        (ids,) = yield Commands([("ZREVRANGE", self._keys.sessions, 0, MOST_LISTED - 1)])
        if not ids:
            return []
        replies = yield Commands([("GET", self._keys.session(text(each))) for each in ids])
        return [Session.model_validate_json(raw) for raw in replies if raw is not None]

    def end(self, session_id: str) -> Operation[bool]:
        """End a session; returns whether there was one. Idempotent."""
        ended, _ = yield Commands([("DEL", self._keys.session(session_id)), ("ZREM", self._keys.sessions, session_id)])
        return bool(ended)


def _checked(now: datetime, valid: timedelta, **fields: str | None) -> Session:
    if valid <= timedelta(0):
        raise InvalidRequest("valid", "must be longer than nothing")
    given: dict[str, Any] = {**fields, "created_at": now, "expires_at": now + valid}
    try:
        return Session(**given)
    except ValidationError as error:
        raise InvalidRequest.of({str(each["loc"][0]): str(each["msg"]) for each in error.errors()}) from None
