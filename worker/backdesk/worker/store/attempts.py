"""What an attempt at a job says to the store, from its claim to its end. Pure: nothing here speaks to Redis."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import partial
from itertools import starmap
from typing import Any, NamedTuple

from pydantic_core import to_json

from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category, Failure
from backdesk.worker.model.asks import Awaited
from backdesk.worker.model.events import EventDraft
from backdesk.worker.model.job import (
    Cancelled,
    Claim,
    Deferred,
    Ending,
    Expired,
    Failed,
    HandedOver,
    JobState,
    Message,
    Outcome,
    Refused,
    Retried,
    Succeeded,
    Usage,
    Waiting,
)
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.store.calls import CallBuilder, optional, text
from backdesk.worker.store.fields import Fields, read_object
from backdesk.worker.store.moments import moment
from backdesk.worker.store.records import read_messages
from backdesk.worker.store.scripts import Call, load_script
from backdesk.worker.store.signature import Argument, Number
from backdesk.worker.store.terms import USUAL_TERMS, Terms
from backdesk.worker.text.json import decode
from backdesk.worker.text.packing import packed
from backdesk.worker.text.personal import impersonal_json

#: What a page of a ledger holds, about.
PAGE_BYTES = 256 * 1024
#: How long texts are kept beyond the jobs that name them: such a job may wait for people. Seconds.
TEXT_KEPT_S = 40 * 86_400


#: The scripts that every attempt runs.
_OF_EVERY_ATTEMPT = ("claim", "renew", "finish")


def load_scripts() -> None:
    """Read the scripts of attempts. The first job would do it on the event loop, and hold up all others there."""
    for name in _OF_EVERY_ATTEMPT:
        load_script(name)


class Kept(IntEnum):
    """What has become of something that an attempt has written."""

    YES = 1
    #: It is gone, or nobody knows whether it will outlive the server.
    UNKNOWN = 0
    #: The attempt has lost its fence.
    LOST = -1


class Noted(IntEnum):
    """What has become of a checkpoint."""

    LOST = 0
    KEPT = 1
    #: It is kept, and there are messages that the job may take.
    KEPT_AND_STEERED = 2


class Heard(NamedTuple):
    """What was said to a job while it runs."""

    #: What it has taken so far, the oldest first.
    taken: list[Message]
    #: The requests that it may take, as JSON, by the jobs that have them now.
    offered: dict[str, bytes]


class Lease(NamedTuple):
    """An attempt that runs."""

    id: str
    fence: str


class Turn(NamedTuple):
    """What has become of the slot of an attempt that has ended."""

    #: Whether the attempt still held its fence.
    kept: bool
    #: The message of the job that has the slot from now on; b"" when there is none.
    delivery: bytes
    #: The claim of that job, where it came with it.
    claim: Claim | None


class Expected(NamedTuple):
    """What a job waits for, as the store keeps it."""

    name: str
    target: str
    ask: bytes
    until_ms: Number
    otherwise: bytes


#: What a claim says that ends no attempt.
_NO_END: dict[str, Argument] = dict.fromkeys(
    ("ended", "ended_fence", "state", "field", "value", "event", "usage", "degraded", "tokens", "masked"), ""
)


class AttemptCalls(CallBuilder):
    """Builds the calls of attempts. Each but the claim is made under its fence, and tells when that is lost."""

    def claim(self, job_id: str, worker: str, fence: str, terms: Terms = USUAL_TERMS) -> Call[Claim | Refused]:
        """Take the lease of a job for one attempt, or be refused when there is nothing to run. Idempotent by fence.

        A job that another version has begun is refused and left to a worker that may go on with it, or is begun anew.
        """
        mine = {"worker": worker, "id": job_id, "fence": fence}
        return self._call("claim", partial(_read_claim, fence), **terms.arguments(self._settings), **_NO_END, **mine)

    def turn(
        self, claim: Claim, ending: Ending, usage: Usage, *, worker: str, fence: str, terms: Terms = USUAL_TERMS
    ) -> Call[Turn]:
        """End an attempt as `end` does, and take the next delivery of its queue for the slot that it leaves.

        If that is a job of the same kind it comes with its claim, else it is to be claimed as any. Idempotent.
        """
        mine = {"worker": worker, "id": "", "fence": fence, "ended": claim.job_id, "ended_fence": claim.fence}
        ended = self._ended(claim, ending, usage)
        chain = (claim.job_id, claim.fence)
        arguments = {**terms.arguments(self._settings), **ended, **mine}
        return self._made("claim", partial(_read_turn, fence), (), arguments, chain)

    def renew(self, attempts: Sequence[tuple[str, str]]) -> Call[list[int | None]]:
        """Prolong leases, each by job and fence; gives for each how many watch it, None when it has lost its fence."""
        leases, lease_ms = starmap(Lease, attempts), round(self._settings.lease_s * 1000)
        return self._call("renew", lambda reply: [None if n < 0 else n for n in reply], leases, lease_ms=lease_ms)

    def emit(self, claim: Claim, first: int, events: Sequence[EventDraft]) -> Call[int | None]:
        """Append events of an attempt, of which `first` were written before; idempotent by that number.

        Gives how many follow the job, None when the attempt has lost its fence.
        """
        return self._of(
            claim,
            "emit",
            lambda reply: None if reply < 0 else int(reply),
            events,
            first=first,
            most_events=self._settings.max_events,
            most_bytes=self._settings.max_log_bytes,
        )

    def text(self, digest: str, text: str) -> Call[bool]:
        """Keep a text that what was sent to models names by its digest, for longer than that is kept. Idempotent."""
        its = self._settings
        archived_s = its.archive_keep_days * 86_400 if its.archive_url else 0
        kept_s = TEXT_KEPT_S + max(its.retention_s, its.succeeded_retention_s) + archived_s
        kept = packed(text.encode("utf-8", "replace"))
        return self._call("text", bool, digest=digest, text=kept, kept_ms=kept_s * 1000)

    def remember(self, claim: Claim, key: str, entry: bytes, event: bytes = b"") -> Call[bool | TaskError]:
        """Write an entry of the ledger (b"" takes it out), and a `step` event with it; gives whether the fence held.

        Gives an error, to be raised, when the ledger has no room for it.
        """
        return self._of(
            claim,
            "remember",
            lambda reply: self._ledger_full(key) if reply < 0 else bool(reply),
            key=key,
            entry=entry,
            event=event,
            most_events=self._settings.max_events,
            most_entries=self._settings.max_ledger_entries,
            most_bytes=self._settings.max_ledger_bytes,
        )

    def _ledger_full(self, key: str) -> TaskError:
        entries, size = self._settings.max_ledger_entries, self._settings.max_ledger_bytes
        limits = f"{entries} entries (BACKDESK_MAX_LEDGER_ENTRIES) or {size} bytes (BACKDESK_MAX_LEDGER_BYTES)"
        advice = "keep large values elsewhere and return where they are, or have child jobs do parts of the work"
        message = f"{key!r} cannot be kept, as the job would remember more than {limits}: {advice}"
        return TaskError("ledger_full", message, category=Category.RESOURCE_EXHAUSTION)

    def page(self, claim: Claim, cursor: str) -> Call[tuple[str, dict[str, bytes]] | None]:
        """Read a part of the ledger, "0" for the first; gives the cursor of the next, "0" again when there is none.

        Gives None when the attempt has lost its fence.
        """
        return self._of(claim, "page", _read_page, cursor=cursor, most_bytes=PAGE_BYTES)

    def secure(self, claim: Claim, key: str, entry: bytes) -> Call[Kept]:
        """Write an entry of the ledger once more, if it is still there: what `Durability` waits for."""
        return self._of(claim, "secure", Kept, key=key, entry=entry)

    def checkpoint(self, claim: Claim, value: bytes) -> Call[Noted]:
        """Keep where the attempt is, for the next one."""
        return self._of(claim, "checkpoint", Noted, checkpoint=value)

    def steer(self, claim: Claim, taken: Sequence[str] = ()) -> Call[Heard | None]:
        """Take the messages of jobs, and read what was taken and may be; gives None when the fence was lost.

        Idempotent: a message is taken once.
        """
        most_bytes = self._settings.max_request_bytes
        return self._of(claim, "steer", _read_heard, taken, most_bytes=most_bytes)

    def end(self, claim: Claim, outcome: Outcome, usage: Usage) -> Call[bool]:
        """End an attempt as it ended; gives whether it still held its fence. Idempotent."""
        match outcome:
            case Waiting(awaited):
                return self._wait(claim, awaited, usage, _tokens(claim, usage))
            case Retried() | Deferred() | HandedOver():
                return self._park(claim, outcome, usage, _tokens(claim, usage))
            case _:
                return self._of(claim, "finish", bool, **self._ended(claim, outcome, usage))

    def _ended(self, claim: Claim, ending: Ending, usage: Usage) -> dict[str, Argument]:
        state, field, value, event = _ending(ending, self._settings.max_event_bytes)
        # What ended otherwise may be done again, or has more of its request in it than this.
        masks = self._settings.mask_requests and state is JobState.SUCCEEDED
        return {
            "state": state,
            "field": field,
            "value": value,
            "event": event,
            "usage": usage.encoded(),
            "degraded": to_json(ending.degraded) if isinstance(ending, Succeeded) and ending.degraded else b"",
            "tokens": _tokens(claim, usage),
            "masked": impersonal_json(claim.request) if masks else b"",
        }

    def _park(self, claim: Claim, leaving: Retried | Deferred | HandedOver, usage: Usage, tokens: int) -> Call[bool]:
        delay_ms, outcome, error = _leaving(leaving)
        line, limit, most_ms = "", b"", ""
        if isinstance(leaving, Deferred) and leaving.resource:
            most_ms = "" if leaving.most_s is None else str(round(leaving.most_s * 1000))
            line, limit = leaving.line, to_json({"resource": leaving.resource, "why": leaving.why})
        return self._of(
            claim,
            "park",
            bool,
            delay_ms=delay_ms,
            outcome=outcome,
            error=error,
            usage=usage.encoded(),
            tokens=tokens,
            line=line,
            limit=limit,
            most_ms=most_ms,
        )

    def _wait(self, claim: Claim, awaited: Sequence[Awaited], usage: Usage, tokens: int) -> Call[bool]:
        return self._of(claim, "wait", bool, map(_expected, awaited), usage=usage.encoded(), tokens=tokens)


def _tokens(claim: Claim, usage: Usage) -> int:
    """What the attempt has used itself."""
    return usage.tokens - (claim.usage.tokens if claim.usage else 0)


def _expected(awaited: Awaited) -> Expected:
    ask = awaited.ask
    until_ms = None if ask.expires_in_s is None else round(ask.expires_in_s * 1000)
    return Expected(ask.name, awaited.target, to_json(ask), optional(until_ms), awaited.otherwise)


def _read_heard(reply: list[Any]) -> Heard | None:
    match reply:
        case [1, taken, offered]:
            return Heard(read_messages(taken), _read_ledger(offered))
        case _:
            return None


def _read_page(reply: list[Any]) -> tuple[str, dict[str, bytes]] | None:
    return (text(reply[0]), _read_ledger(reply[1])) if reply else None


def _read_ledger(flat: list[bytes]) -> dict[str, bytes]:
    return {text(key): entry for key, entry in zip(flat[::2], flat[1::2], strict=True)}


def _read_claim(fence: str, reply: list[Any]) -> Claim | Refused:
    if not reply[0]:
        return Refused(_reason(reply[1]) if reply[1] else None)
    its = load_script("claim").signature.named(reply)
    kept = Fields({name: getattr(its, name) for name in ("metadata", "retry", "usage", "checkpoint")})
    kept.read("checkpoint", decode)
    return Claim(
        job_id=text(its.id),
        kind=text(its.kind),
        tenant=text(its.tenant),
        queue=text(its.queue),
        attempt=its.attempt,
        fence=fence,
        request=its.request,
        metadata=kept.read("metadata", read_object) or {},
        expires_at=moment(its.expires_at) if its.expires_at else None,
        watchers=its.watchers,
        priority=its.priority,
        expires_in_s=_seconds(its.expires_in),
        timeout_s=_seconds(its.timeout),
        failures=its.failures,
        crashes=its.crashes,
        retry=kept.read("retry", RetryPolicy.model_validate_json),
        root=text(its.root),
        checkpoint=b"" if "checkpoint" in kept.unreadable else its.checkpoint,
        usage=kept.read("usage", Usage.model_validate_json),
        ledger=_read_ledger(its.ledger),
        pages=bool(its.pages),
        limited=bool(its.limited),
        time_left_s=_seconds(its.time_left),
        steered=bool(its.steered),
        request_blob=its.request_blob,
        parent=text(its.parent),
        pausing=text(its.pausing),
        traceparent=text(its.traceparent),
        conversation=text(its.conversation),
        unreadable={name: str(each) for name, each in kept.unreadable.items()},
    )


def _read_turn(fence: str, reply: list[Any]) -> Turn:
    claim = _read_claim(fence, reply)
    *_, kept, delivery = reply
    return Turn(bool(kept), delivery, claim if isinstance(claim, Claim) else None)


def _reason(error: bytes) -> Failure:
    kept = Fields({"error": error})
    return kept.read("error", Failure.model_validate_json) or Failure(
        code="unreadable", message=f"its error {kept.unreadable['error']}"
    )


def _seconds(ms: bytes) -> float | None:
    return int(ms) / 1000 if ms else None


def _ending(ending: Ending, max_event_bytes: int) -> tuple[JobState, str, bytes, bytes]:
    """Terminal state, field of the record, its value, and the data of the terminal event."""
    match ending:
        case Succeeded(_, degraded, blob) if blob:
            mark = b',"degraded":' + to_json(degraded) if degraded else b""
            event = b'{"result_omitted":true,"result_blob":' + blob + mark + b"}"
            return JobState.SUCCEEDED, "result_blob", blob, event
        case Succeeded(result, degraded):
            mark = b',"degraded":' + to_json(degraded) if degraded else b""
            if len(result) + len(mark) > max_event_bytes:
                return JobState.SUCCEEDED, "result", result, b'{"result_omitted":true}'
            return JobState.SUCCEEDED, "result", result, b'{"result":' + result + mark + b"}"
        case Failed(failure):
            state = JobState.FAILED
        case Cancelled(failure):
            state = JobState.CANCELLED
        case Expired(failure):
            state = JobState.EXPIRED
    error = to_json(failure)
    return state, "error", error, error


def _leaving(leaving: Retried | Deferred | HandedOver) -> tuple[int, str, bytes]:
    """Delay in ms, what `park.lua` calls it, and the error."""
    match leaving:
        case Retried(failure, delay_s):
            return round(delay_s * 1000), "failed", to_json(failure)
        case Deferred(failure, delay_s):
            return max(0, round(delay_s * 1000)), "limited", to_json(failure)
        case HandedOver():
            return 0, "handed_over", b""
