"""API keys as they are in Redis. Pure: nothing here speaks to Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hmac import compare_digest

from backdesk.worker.model.access import ApiKey, Scope, hashed
from backdesk.worker.store.calls import CallBuilder, text
from backdesk.worker.store.moments import milliseconds, moment
from backdesk.worker.store.scripts import Call

#: Fields of a key that are moments in ms, by the name in Redis.
_MOMENTS = {
    "created": "created_at",
    "expires": "expires_at",
    "used": "last_used_at",
    "rotated": "rotated_at",
    "old_until": "overlap_until",
    "revoked": "revoked_at",
}

Fields = Mapping[str, str]


class AccessCalls(CallBuilder):
    """Builds the calls for API keys."""

    def rotate(self, key_id: str, secret: str, known: str, old_until: datetime) -> Call[bool]:
        """Give a key another secret, by its hash, if it has the known one; gives whether it has it now. Idempotent."""
        until = milliseconds(old_until)
        return self._call("rotate", bool, id=key_id, secret=secret, known=known, old_until=until)


def stored(key: ApiKey, token: str) -> dict[str, str | int]:
    """Return the fields of a new key in Redis."""
    fields: dict[str, str | int] = {"name": key.name, "scope": key.scope, "secret": hashed(token)}
    if key.tenant is not None:
        fields["tenant"] = key.tenant
    moments = {name: getattr(key, field) for name, field in _MOMENTS.items()}
    return fields | {name: milliseconds(at) for name, at in moments.items() if at is not None}


def read_fields(reply: object) -> Fields:
    """Return the fields of a hash as text, however the connection gives it."""
    pairs = reply.items() if isinstance(reply, dict) else _pairs(reply)
    return {text(name): text(value) for name, value in pairs}


def _pairs(reply: object) -> list[tuple[bytes, bytes]]:
    values: Sequence[bytes] = reply if isinstance(reply, list) else []
    return list(zip(values[::2], values[1::2], strict=True))


def read_key(key_id: str, fields: Fields) -> ApiKey | None:
    """Return a key; None where there is none, or not all of it."""
    if not {"name", "scope", "secret", "created"} <= fields.keys():
        return None
    moments = {field: moment(int(fields[name])) for name, field in _MOMENTS.items() if name in fields}
    return ApiKey(id=key_id, name=fields["name"], scope=Scope(fields["scope"]), tenant=fields.get("tenant"), **moments)


def fits(fields: Fields, token: str, now: datetime) -> bool:
    """Return whether this is the secret of a key, or the one before it while that is good. In constant time."""
    given = hashed(token)
    current = compare_digest(given, fields.get("secret", ""))
    before = compare_digest(given, fields.get("old", "")) and now < moment(int(fields.get("old_until", 0)))
    return current or before


def time_of(reply: Sequence[bytes | int]) -> datetime:
    """Return the time of Redis."""
    return datetime.fromtimestamp(int(reply[0]), UTC) + timedelta(microseconds=int(reply[1]))
