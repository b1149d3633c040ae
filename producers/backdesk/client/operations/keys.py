"""API keys: made, rotated, revoked, and found again by their secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Commands, Operation
from backdesk.worker.errors import InvalidRequest, KeyNotFound
from backdesk.worker.model.access import ApiKey, Scope, hashed, key_id_of, new_token
from backdesk.worker.model.page import Page, Place, read_cursor
from backdesk.worker.store.access import AccessCalls, Fields, fits, read_fields, read_key, stored, time_of
from backdesk.worker.store.calls import text
from backdesk.worker.store.moments import milliseconds

#: Keys of one page.
MOST_LISTED = 1000
#: How often it is noted that a key was used.
NOTED_EVERY = timedelta(minutes=1)
#: How long the secret before is good after a rotation, unless that is said.
OVERLAP = timedelta(hours=24)

# Named here because inside the clients `list` is a method.
ApiKeys = Page[ApiKey]


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key with its secret, which is told this once: only the hash is kept."""

    key: ApiKey
    secret: str


class KeyOperations:
    """The operations on API keys. Times are those of Redis."""

    def __init__(self, core: JobOperations) -> None:
        self._keys = core.keys
        self._calls = AccessCalls(core.settings)

    def add(self, name: str, scope: str, tenant: str | None, expires_in: timedelta | None) -> Operation[SecretKey]:
        """Make a key. Raises InvalidRequest."""
        (time,) = yield Commands([("TIME",)])
        now, (key_id, secret) = time_of(time), new_token()
        expires = _later(now, "expires_in", expires_in) if expires_in is not None else None
        key = _checked(id=key_id, name=name, scope=scope, tenant=tenant, created_at=now, expires_at=expires)
        fields = [each for pair in stored(key, secret).items() for each in pair]
        # Listed first: whoever stops between the two leaves an id without a key, which lets nobody in.
        yield Commands([("ZADD", self._keys.api_keys, _place(now), key_id)])
        yield Commands([("HSET", self._keys.api_key(key_id), *fields)])
        return SecretKey(key, secret)

    def list(self, tenant: str | None, limit: int, cursor: str | None) -> Operation[ApiKeys]:
        """Return a page of keys, the newest first; with a tenant only those that are for it alone."""
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_LISTED:
            raise InvalidRequest("limit", f"{limit!r} must be a whole number from 1 to {MOST_LISTED}")
        place = read_cursor(cursor)
        start = f"({place.score}" if place.score else "+inf"
        window = ("ZREVRANGEBYSCORE", self._keys.api_keys, start, "-inf", "WITHSCORES", "LIMIT", 0, MOST_LISTED)
        listed, of = yield Commands([window, ("ZCARD", self._keys.api_keys)])
        ids = [(text(pair[0]), int(float(pair[1]))) for pair in listed]
        found, looked_at, at = list[ApiKey](), 0, Place()
        replies = (yield Commands([("HGETALL", self._keys.api_key(key_id)) for key_id, _ in ids])) if ids else []
        for (key_id, made), reply in zip(ids, replies, strict=True):
            if len(found) >= limit:
                return Page(found, at.cursor, looked_at, int(of), complete=True)
            key, at, looked_at = read_key(key_id, read_fields(reply)), Place(str(made), key_id), looked_at + 1
            if key is not None and (tenant is None or key.tenant == tenant):
                found.append(key)
        more = len(ids) == MOST_LISTED
        return Page(found, at.cursor if more else None, looked_at, int(of), complete=not more)

    def get(self, key_id: str) -> Operation[ApiKey]:
        """Return one. Raises KeyNotFound."""
        return _there(key_id, (yield from self._fields(key_id)))

    def rotate(self, key_id: str, overlap: timedelta) -> Operation[SecretKey]:
        """Give a key a new secret; the one before is good for so long. Raises InvalidRequest, KeyNotFound."""
        _, secret = new_token(key_id)
        while True:  # until nobody else has rotated it between reading and writing
            time, reply = yield Commands([("TIME",), ("HGETALL", self._keys.api_key(key_id))])
            fields, now = read_fields(reply), time_of(time)
            if not _there(key_id, fields).usable(now):
                raise InvalidRequest("id", f"the key {key_id} was revoked or has expired: add another")
            until = _later(now, "overlap", overlap)
            (done,) = yield Calls([self._calls.rotate(key_id, hashed(secret), fields["secret"], until)])
            if done:
                return SecretKey((yield from self.get(key_id)), secret)

    def revoke(self, key_id: str) -> Operation[bool]:
        """Let nobody in by a key any more; returns whether it was good until now. Raises KeyNotFound. Idempotent."""
        time, reply = yield Commands([("TIME",), ("HGETALL", self._keys.api_key(key_id))])
        _there(key_id, read_fields(reply))
        (first,) = yield Commands([("HSETNX", self._keys.api_key(key_id), "revoked", milliseconds(time_of(time)))])
        return bool(first)

    def find(self, secret: str) -> Operation[ApiKey | None]:
        """Return the key of a secret; None if there is none, or it lets nobody in.

        One round trip, and once a minute another one.
        """
        key_id = key_id_of(secret) if isinstance(secret, str) else None
        if key_id is None:
            return None
        time, reply = yield Commands([("TIME",), ("HGETALL", self._keys.api_key(key_id))])
        fields, now = read_fields(reply), time_of(time)
        key = read_key(key_id, fields)
        if key is None or not fits(fields, secret, now) or not key.usable(now):
            return None
        if key.last_used_at is None or now - key.last_used_at >= NOTED_EVERY:
            yield Commands([("HSET", self._keys.api_key(key_id), "used", milliseconds(now))])
        return key

    def any(self) -> Operation[bool]:
        """Return whether there is a key, or was: revoked ones count."""
        (many,) = yield Commands([("ZCARD", self._keys.api_keys)])
        return bool(many)

    def _fields(self, key_id: str) -> Operation[Fields]:
        (reply,) = yield Commands([("HGETALL", self._keys.api_key(key_id))])
        return read_fields(reply)


def _there(key_id: str, fields: Fields) -> ApiKey:
    key = read_key(key_id, fields)
    if key is None:
        raise KeyNotFound(key_id)
    return key


def _place(now: datetime) -> int:
    """Return where a key stands on the list: the time in µs, so that no two share it."""
    return round(now.timestamp() * 1_000_000)


def _later(now: datetime, field: str, span: timedelta) -> datetime:
    if span < timedelta(0):
        raise InvalidRequest(field, "must not be less than nothing")
    try:
        return now + span
    except OverflowError:
        raise InvalidRequest(field, "is too long") from None


def _checked(**fields: Any) -> ApiKey:
    try:
        return ApiKey(**fields)
    except ValidationError as error:
        said = {str(each["loc"][0]): str(each["msg"]) for each in error.errors(include_url=False)}
        if "scope" in said:
            said["scope"] = f"must be one of {', '.join(Scope)}"
        raise InvalidRequest.of(said) from None
