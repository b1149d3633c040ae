"""The audit log: who did what, from where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backdesk.client.operations.asks import checked_limit
from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Command, Commands, Operation
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.audit import AuditEntry, Part, read_entry
from backdesk.worker.model.page import Page
from backdesk.worker.store.calls import text
from backdesk.worker.store.moments import moment

#: Entries that one call looks at in each part.
LOOKED_AT = 1000

# Named here because inside the clients `list` is a method.
AuditEntries = Page[AuditEntry]
#: Where each part goes on: behind this id.
_Places = dict[Part, str]


class AuditOperations:
    """The operations on the log."""

    def __init__(self, core: JobOperations) -> None:
        self._keys = core.keys

    def add(self, entries: Sequence[AuditEntry], keep: int | None) -> Operation[None]:
        """Write entries, in one round trip; about `keep` of each part stay, all if that is None."""
        trim = () if keep is None else ("MAXLEN", "~", keep)
        yield Commands([self._added(entry, trim) for entry in entries])

    def _added(self, entry: AuditEntry, trim: tuple[Any, ...]) -> Command:
        fields = [each for pair in entry.stored().items() for each in pair]
        return ("XADD", self._keys.audit(entry.part), *trim, "*", *fields)

    def list(self, tenant: str | None, part: Part | None, limit: int, cursor: str | None) -> Operation[AuditEntries]:
        """Return a page of entries, the newest first."""
        checked_limit(limit)
        places = _read(cursor) or dict.fromkeys([part] if part else Part, "+")
        replies = yield Commands([_looked(self._keys.audit(each), behind) for each, behind in places.items()])
        found, looked_at, more = list[AuditEntry](), 0, any(len(reply) == LOOKED_AT for reply in replies)
        for place, entry in _newest_first(dict(zip(places, replies, strict=True))):
            if len(found) == limit:
                return Page(found, _written(places), looked_at, looked_at, complete=True)
            places[entry.part], looked_at = place, looked_at + 1
            if tenant is None or entry.tenant == tenant:
                found.append(entry)
        return Page(found, _written(places) if more else None, looked_at, looked_at, complete=not more)


def _looked(name: str, behind: str) -> Command:
    return ("XREVRANGE", name, behind if behind == "+" else f"({behind}", "-", "COUNT", LOOKED_AT)


def _newest_first(replies: dict[Part, Any]) -> Iterator[tuple[str, AuditEntry]]:
    """Yield entries of all parts with their ids, as far as what was read of each part goes back."""
    full = [_order(reply[-1][0]) for reply in replies.values() if len(reply) == LOOKED_AT]
    oldest = max(full, default=(0, 0))
    entries = [(_order(raw), part, text(raw), fields) for part, reply in replies.items() for raw, fields in reply]
    for order, part, place, fields in sorted(entries, key=lambda each: each[:2], reverse=True):
        if order >= oldest:
            yield place, read_entry(part, moment(order[0]), _fields(fields))


def _fields(raw: Any) -> dict[str, str]:
    pairs = raw.items() if isinstance(raw, dict) else zip(raw[::2], raw[1::2], strict=True)
    return {text(name): text(value) for name, value in pairs}


def _order(place: bytes | str) -> tuple[int, int]:
    ms, number = text(place).split("-")
    return int(ms), int(number)


def _written(places: _Places) -> str:
    return "_".join(f"{part}.{place}" for part, place in places.items())


def _read(cursor: str | None) -> _Places:
    """Return where to go on. Raises InvalidRequest for what no page has given."""
    if cursor is None:
        return {}
    try:
        words = [each.split(".") for each in cursor.split("_")]
        places = {Part(part): place for part, place in words}
        for place in places.values():
            if place != "+":
                _order(place)
    except ValueError:
        raise InvalidRequest("cursor", "is none that a page has given; begin without one") from None
    return places
