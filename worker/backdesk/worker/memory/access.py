"""The memory of a tenant, as an attempt at one of its jobs reaches it: conversations, files, a cache, notes.

What a body can do with it is written here once; the contexts derive their methods from these.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from pydantic_core import from_json, to_json

from backdesk.worker.blobs.access import BlobAccess
from backdesk.worker.errors import TaskError
from backdesk.worker.memory.calls import MemoryCalls, NewTurn
from backdesk.worker.memory.conversation import MAX_FACTS_BYTES, Conversation, check_conversation_id
from backdesk.worker.memory.files import keep_file
from backdesk.worker.memory.note import is_topic
from backdesk.worker.memory.webhook_secrets import NO_KEYS, Receiver, WebhookKeys
from backdesk.worker.model.attachment import digest_of
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.job import EVERY_TENANT, Claim
from backdesk.worker.model.webhook import WebhookEndpoint
from backdesk.worker.pipeline import Pipeline
from backdesk.worker.store.scripts import Call
from backdesk.worker.text.json import encode
from backdesk.worker.text.masking import masked, may_hold_secrets

log = logging.getLogger(__name__)

#: Longest time that a value is kept in the cache.
LONGEST_TTL_S = 30 * 86_400


class Memory:
    """What one attempt reads and writes that outlives its job."""

    def __init__(
        self,
        claim: Claim,
        submit: Callable[[Call[Any]], Future[Any]],
        calls: MemoryCalls,
        blobs: BlobAccess,
        *,
        max_bytes: int,
        max_note_bytes: int,
        webhook_keys: WebhookKeys = NO_KEYS,
        masks: bool = False,
    ) -> None:
        self._claim = claim
        self._submit = submit
        self._calls = calls
        self._blobs = blobs
        self._max_bytes = max_bytes
        self._max_note_bytes = max_note_bytes
        self._masks = masks
        self._webhook_keys = webhook_keys
        #: How often this attempt has noted the same, by topic and data.
        self._noted: Counter[tuple[str, bytes]] = Counter()

    def recall(
        self, conversation_id: str, *, owner: str | None = None, newest: int | None = None, anyone: bool = False
    ) -> Pipeline[Conversation]:
        """Return what was said in a conversation of this tenant before this job: the `newest` turns, or all.

        One round trip. Later attempts see no turn that came after the first call. A conversation nobody has spoken in
        has no turns. `anyone` reads it whoever has it: for people of the deployment, never for a customer's message.
        Raises TaskError (`conversation_mismatch`) when it belongs to another owner, or to one and none is
        named; InvalidRequest for a name that is none.
        """
        if newest is not None and (isinstance(newest, bool) or newest < 0):
            raise ValueError(f"newest must be a number of turns from 0, not {newest!r}")
        check_conversation_id(conversation_id)
        found: Conversation | Exception = yield self._submit(
            self._calls.recall(self._claim, conversation_id, owner, newest, anyone=anyone)
        )
        if isinstance(found, Exception):
            raise found
        return found

    def remember(
        self,
        conversation_id: str,
        messages: Sequence[Any],
        *,
        owner: str | None = None,
        facts: Mapping[str, Any] | None = None,
        asked: bool = False,
        close: bool = False,
        anyone: bool = False,
    ) -> Pipeline[None]:
        """Write this job's turn of a conversation: messages, JSON in any format, and facts for the next job.

        One round trip. A job has one turn: called again, also by another attempt, this replaces it. `asked` says that
        it ends in a question, `close` that it is the last. An owner who is named has the conversation from then on;
        with `anyone`, as in `recall`, it stays with whom it is. With BACKDESK_MASK_CONVERSATIONS messages are masked.
        Raises TaskError (`conversation_mismatch`, `conversation_closed`, `turn_too_large`, `facts_too_large`,
        `invalid_turn`).
        """
        check_conversation_id(conversation_id)
        turn = {"job_id": self._claim.job_id, "asked": asked, "facts": dict(facts or {}), "messages": [*messages]}
        self._check_size("facts", _encoded("facts", turn["facts"]), MAX_FACTS_BYTES)
        entry = _encoded("turn", turn)
        if self._masks and may_hold_secrets(entry):
            entry = _encoded("turn", turn | {"messages": masked(_masked_within(from_json(entry)["messages"]))})
        self._check_size("turn", entry, self._max_bytes)
        new = NewTurn(conversation_id, owner, entry, len(messages), closes=close, anyone=anyone)
        written: int | Exception = yield self._submit(self._calls.turn(self._claim, new))
        if isinstance(written, Exception):
            raise written

    def cached(self, key: str, *, public: bool = False) -> Pipeline[bytes | None]:
        """Return what this tenant has in its cache under a name, None when there is nothing (any more).

        `public` reads the cache that all tenants share.
        """
        value: bytes | None = yield self._submit(self._calls.cached(self._shelf(public=public), _digest(key)))
        return value

    def cache(self, key: str, value: bytes, ttl_s: float, *, new: bool = False, public: bool = False) -> Pipeline[bool]:
        """Put a value into the cache of this tenant, for all of its jobs, for so many seconds: at most 30 days.

        The key may be of any length; Redis gets its SHA-256. A `new` value is kept where there is none alone; returns
        whether it is kept. What is `public` every tenant's jobs read: nothing that is of one of them. Raises ValueError
        for a value or a time that does not fit: a cache is for what a job can do without, so look at the size before.
        """
        if not 0 < ttl_s <= LONGEST_TTL_S:
            raise ValueError(f"a time to keep a value must be over 0 and at most {LONGEST_TTL_S} s, not {ttl_s!r}")
        if len(value) > self._max_bytes:
            raise ValueError(f"the value for the cache is {len(value)} bytes, the limit is {self._max_bytes}")
        call = self._calls.cache(self._shelf(public=public), _digest(key), value, ttl_s, new=new)
        kept: bool = yield self._submit(call)
        return kept

    def _shelf(self, *, public: bool) -> str:
        # No tenant is called so.
        return EVERY_TENANT if public else self._claim.tenant

    @property
    def max_attachment_bytes(self) -> int:
        """How large a file may be."""
        return self._calls.max_attachment_bytes

    def attach(self, data: bytes, name: str = "") -> Pipeline[str]:
        """Keep a file for this tenant for a time, and return its id. Idempotent: the same bytes have the same id.

        Raises InvalidRequest for a size or a type that is not taken, and when the tenant has no room for it; StoreFull
        when Redis has none; BlobStoreUnavailable for a large one.
        """
        tenant = self._claim.tenant
        kept: str = _raised((yield self._submit(self._calls.attach(tenant, data, name))))
        if self._calls.is_large(data):
            ref: BlobRef = yield self._blobs.submit(partial(keep_file, data, name, tenant=tenant))
            kept = _raised((yield self._submit(self._calls.attach(tenant, data, name, ref))))
        return kept

    def attached(self, attachment_id: str) -> Pipeline[bytes | None]:
        """Return a file of this tenant by its id, None when there is none (any more). It is kept for longer then.

        Raises BlobError for a large one that cannot be read.
        """
        digest = digest_of(attachment_id)
        if digest is None:
            return None
        tenant = self._claim.tenant
        found: bytes | BlobRef | None = yield self._submit(self._calls.attached(tenant, digest))
        if not isinstance(found, BlobRef):
            return found
        data: bytes = yield self._blobs.submit(lambda blobs: blobs.read(found, tenant))
        return data

    def receiver(self, endpoint: str) -> Pipeline[Receiver | None]:
        """Return where a webhook goes and how it is signed now; None when there is no such endpoint (any more).

        Raises TaskError (`webhook_key_missing`) where this process lacks the key that a secret follows from.
        """
        found: WebhookEndpoint | None = yield self._submit(self._calls.endpoint(endpoint))
        return None if found is None else self._webhook_keys.receiver(found)

    def note(self, topic: str, data: Mapping[str, Any]) -> None:
        """Add to the tenant's journal of a topic; returns at once.

        The same data of the same job is the same note; noted twice in one attempt, they are two. Secrets are masked.
        Raises ValueError for a topic that is none and for data that is too large or no JSON.
        """
        if not is_topic(topic):
            raise ValueError(f"topic {topic!r} must be up to 64 lower-case letters, digits, or any of _ . -")
        encoded = encode(dict(data))
        if may_hold_secrets(encoded):
            encoded = encode(masked(from_json(encoded)))
        if len(encoded) > self._max_note_bytes:
            raise ValueError(f"the note is {len(encoded)} bytes as JSON, the limit is {self._max_note_bytes}")
        nth = self._noted[topic, encoded] = self._noted[topic, encoded] + 1
        claim = self._claim
        whose = to_json({"job_id": claim.root or claim.job_id, "kind": claim.kind, "nth": nth})
        entry = whose[:-1] + b',"data":' + encoded + b"}"
        self._submit(self._calls.note(claim.tenant, topic, entry)).add_done_callback(_report)

    def _check_size(self, what: str, encoded: bytes, limit: int) -> None:
        if len(encoded) > limit:
            size = f"{len(encoded)} bytes as JSON, the limit is {limit}"
            raise TaskError(f"{what}_too_large", f"the {what} to remember: {size}")


def _raised(kept: str | Exception) -> str:
    if isinstance(kept, Exception):
        raise kept
    return kept


def _report(written: Future[Any]) -> None:
    if not written.cancelled() and (error := written.exception()) is not None:
        log.error("note_failed", extra={"error": str(error)})


def _masked_within(value: Any) -> Any:
    """Mask what JSON has in texts that are JSON themselves, as the arguments of a tool can be: they stay JSON."""
    match value:
        case str() if value.startswith(("{", "[")):
            try:
                return encode(masked(from_json(value))).decode()
            except ValueError:
                return value
        case dict():
            return {name: _masked_within(each) for name, each in value.items()}
        case list():
            return [_masked_within(each) for each in value]
    return value


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _encoded(what: str, value: object) -> bytes:
    try:
        return encode(value)
    except ValueError as error:
        raise TaskError(f"invalid_{what}", f"the {what} to remember: no JSON: {error}") from error
