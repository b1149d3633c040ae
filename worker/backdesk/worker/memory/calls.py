"""The calls for what outlives a job, and reading what they wrote. Pure: nothing here speaks to Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pydantic_core import from_json

from backdesk.worker.blobs.keys import tenant_of
from backdesk.worker.errors import FenceLost, InvalidRequest, StoreFull
from backdesk.worker.memory.conversation import (
    MOST_TURNS,
    Conversation,
    ConversationClosed,
    ConversationMismatch,
    Head,
    Turn,
)
from backdesk.worker.memory.note import MOST_NOTES, Note
from backdesk.worker.model.attachment import attachment_id, digest_of, fault_of
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.job import Claim
from backdesk.worker.model.webhook import WebhookEndpoint
from backdesk.worker.store.calls import CallBuilder, flag, optional
from backdesk.worker.store.moments import moment
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.webhooks import read_endpoint
from backdesk.worker.text.packing import packed, unpacked

#: The fields of a conversation's hash that tell of the whole, in the order of `HEAD` in `lua/history.lua`.
HEAD_FIELDS = ("owner", "started_at", "updated_at", "closed_at", "messages", "first", "last")

#: How a conversation is answered that is read or written; an error is raised by whoever reads it.
Refused = ConversationMismatch | ConversationClosed | FenceLost
#: Why a file is not kept; an error is raised by whoever reads it.
NotKept = InvalidRequest | StoreFull


class Detached(IntEnum):
    """Where a file was that is forgotten."""

    NOWHERE = 0
    HERE = 1
    #: Among the blobs, from which it is yet to be removed.
    AMONG_BLOBS = 2


@dataclass(frozen=True, slots=True)
class NewTurn:
    """What a job adds to a conversation. `entry` is JSON, as `Turn` reads it but for number and time."""

    conversation_id: str
    owner: str | None
    entry: bytes
    messages: int
    closes: bool
    anyone: bool = False


class MemoryCalls(CallBuilder):
    """Builds the calls of attempts that read and write what outlives them."""

    _room = __name__.rpartition(".")[0]

    def endpoint(self, endpoint: str) -> Call[WebhookEndpoint | None]:
        """Read a webhook endpoint; None when there is none. Idempotent."""
        return self._call("endpoint", read_endpoint, id=endpoint)

    def recall(
        self, claim: Claim, conversation_id: str, owner: str | None, newest: int | None, *, anyone: bool = False
    ) -> Call[Conversation | Refused]:
        """Read what was said in a conversation before a job, the `newest` turns of it or all. Idempotent."""
        return self._of(
            claim,
            "recall",
            lambda reply: _read_recalled(claim.tenant, conversation_id, reply),
            conversation=conversation_id,
            owner=owner or "",
            anyone=flag(anyone),
            root=claim.root or claim.job_id,
            most=optional(newest),
        )

    def turn(self, claim: Claim, new: NewTurn) -> Call[int | Refused]:
        """Write what a job has added to a conversation, in place of what it added before; gives the turn's number."""
        return self._of(
            claim,
            "turn",
            lambda code: _read_code(new.conversation_id, code),
            conversation=new.conversation_id,
            owner=new.owner or "",
            anyone=flag(new.anyone),
            root=claim.root or claim.job_id,
            messages=new.messages,
            closes=flag(new.closes),
            entry=packed(new.entry),
            most=MOST_TURNS,
            kept_ms=self._settings.conversation_retention_s * 1000,
        )

    def cache(self, tenant: str, digest: str, value: bytes, ttl_s: float, *, new: bool = False) -> Call[bool]:
        """Keep a value of a tenant for a time, in place of the one before, or if it is to be `new` where there is none.

        Gives whether it is kept. Idempotent, but for a new one: a repeat finds the value of the first.
        """
        ttl_ms = max(round(ttl_s * 1000), 1)
        return self._call("cache", bool, tenant=tenant, digest=digest, value=value, ttl_ms=ttl_ms, new=flag(new))

    def cached(self, tenant: str, digest: str) -> Call[bytes | None]:
        """Read a value of a tenant, None when there is none."""
        return self._call("cached", lambda value: value, tenant=tenant, digest=digest)

    @property
    def max_attachment_bytes(self) -> int:
        """How large a file may be."""
        return self._settings.largest_attachment_bytes

    def is_large(self, data: bytes) -> bool:
        """Whether a file goes among the blobs."""
        return len(data) > self._settings.inline_attachment_bytes

    def attach(self, tenant: str, data: bytes, name: str = "", blob: BlobRef | None = None) -> Call[str | NotKept]:
        """Keep a file of a tenant for a time; gives its id, or why that is not done. Idempotent.

        Of one that is large it keeps the reference; without that it only sees whether there is room. Raises
        InvalidRequest for a size or a type that is not taken.
        """
        if fault := fault_of(data, name, self.max_attachment_bytes):
            raise InvalidRequest("attachment", f"{name or 'the file'} {fault}")
        most, file_id = self._settings.max_tenant_attachment_bytes, attachment_id(data)
        return self._call(
            "attach",
            lambda reply: _read_kept(most, reply) or file_id,
            tenant=tenant,
            digest=digest_of(file_id) or "",
            place=tenant_of(tenant) if self.is_large(data) else "",
            data=(blob.model_dump_json(exclude_defaults=True) if blob else "") if self.is_large(data) else data,
            size=len(data),
            kept_ms=self._settings.attachment_retention_s * 1000,
            most=most,
        )

    def attached(self, tenant: str, digest: str) -> Call[bytes | BlobRef | None]:
        """Read a file of a tenant, or its reference. It is kept for longer then; None when there is none (any more)."""
        kept_ms = self._settings.attachment_retention_s * 1000
        return self._call(
            "attached", _read_attached, tenant=tenant, digest=digest, place=tenant_of(tenant), kept_ms=kept_ms
        )

    def detach(self, tenant: str, digest: str) -> Call[Detached]:
        """Forget a file of a tenant; gives where it was. Idempotent."""
        return self._call("detach", Detached, tenant=tenant, digest=digest, place=tenant_of(tenant))

    def note(self, tenant: str, topic: str, entry: bytes) -> Call[bool]:
        """Add an entry to a journal, as `read_note` reads it; gives whether it is new. Idempotent by the entry."""
        kept_ms = self._settings.note_retention_s * 1000
        return self._call("note", bool, tenant=tenant, topic=topic, entry=entry, most=MOST_NOTES, kept_ms=kept_ms)

    def erase(self, tenant: str, conversation_id: str) -> Call[bool]:
        """Forget what was said in a conversation; gives whether there was anything. Idempotent."""
        return self._call("erase", bool, tenant=tenant, conversation=conversation_id)


def read_head(tenant: str, conversation_id: str, values: Sequence[bytes | None]) -> Head:
    """Return the head of a conversation, given the values of `HEAD_FIELDS`; one that was never begun is empty."""
    raw = {name: value for name, value in zip(HEAD_FIELDS, values, strict=True) if value is not None}
    numbers = turn_numbers(values)
    return Head(
        conversation_id=conversation_id,
        tenant=tenant,
        owner=raw["owner"].decode() if "owner" in raw else None,
        turns=len(numbers),
        messages=int(raw.get("messages", 0)),
        dropped=numbers.start - 1,
        **{name: moment(raw[name]) for name in ("started_at", "updated_at", "closed_at") if name in raw},
    )


def turn_numbers(values: Sequence[bytes | None]) -> range:
    """Return the numbers of the turns that are kept, given the values of `HEAD_FIELDS`."""
    raw: Mapping[str, bytes | None] = dict(zip(HEAD_FIELDS, values, strict=True))
    return range(int(raw["first"] or 1), int(raw["last"] or 0) + 1)


def read_turn(entry: bytes) -> Turn:
    """Return a turn as it is kept: its number, its time in ms and its packed JSON."""
    number, at_ms, turn = entry.split(b" ", 2)
    return Turn.model_validate(from_json(unpacked(turn)) | {"number": int(number), "at": moment(at_ms)})


def read_note(tenant: str, topic: str, entry: bytes, score: float) -> Note:
    """Return a note as it is kept: JSON, under its time in µs."""
    known = from_json(entry)
    return Note(
        tenant=tenant,
        topic=topic,
        at=moment(int(score) // 1000),
        job_id=known["job_id"],
        kind=known["kind"],
        data=known["data"],
    )


def _read_recalled(tenant: str, conversation_id: str, reply: list[Any]) -> Conversation | Refused:
    match reply:
        case [1, head, turns]:
            kept = tuple(read_turn(entry) for entry in reversed(turns))
            return Conversation(head=read_head(tenant, conversation_id, head), turns=kept)
        case [-1]:
            return ConversationMismatch(conversation_id)
        case _:
            return FenceLost()


def _read_attached(reply: list[bytes]) -> bytes | BlobRef | None:
    match reply:
        case [data]:
            return data
        case [_, reference]:
            return BlobRef.model_validate_json(reference)
        case _:
            return None


def _read_kept(most: int, reply: list[Any]) -> NotKept | None:
    match reply:
        case [-1, used]:
            room = f"of {most} bytes that the files of a tenant may have {used} are taken"
            return InvalidRequest("attachment", f"{room} (BACKDESK_MAX_TENANT_ATTACHMENT_BYTES); attach it later")
        case [-2, told]:
            return StoreFull(*map(int, told.split()))
        case _:
            return None


def _read_code(conversation_id: str, code: int) -> int | Refused:
    if code > 0:
        return code
    if code == 0:
        return FenceLost()
    return ConversationMismatch(conversation_id) if code == -1 else ConversationClosed(conversation_id)
