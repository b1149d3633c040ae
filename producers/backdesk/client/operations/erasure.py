"""Taking a customer out of what the engine keeps: jobs, files, notes, the archive, the cache, conversations.

Each part may be done again, and what leads to the rest goes last: jobs before the conversations by which some are
found, children before the jobs that have called them, notes and files before the jobs that they name or are named by.
So one that broke off goes on when it is begun again, and a receipt tells what that run has done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json

from backdesk.client.operations.attachments import forget_files
from backdesk.client.operations.conversations import ConversationOperations
from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Commands, InArchive, InBlobs, Operation
from backdesk.worker.address import NO_BLOBS
from backdesk.worker.blobs.store import BlobStore
from backdesk.worker.errors import BlobCorrupt, BlobNotFound, ConversationNotFound
from backdesk.worker.memory.calls import MemoryCalls
from backdesk.worker.model.attachment import digest_of, files_in
from backdesk.worker.model.job import ACTIVE, JobRecord
from backdesk.worker.store.archive import Archive, ArchivedJob, Wanted
from backdesk.worker.store.remains import remains_in
from backdesk.worker.submit.claim_check import redeemed
from backdesk.worker.text.json import decode

KIND = "customer.erase"
#: Jobs looked at in one round trip, and forgotten in one.
PAGE = 200
#: Why jobs of the customer are cancelled.
REASON = "its customer is erased"


class Receipt(BaseModel):
    """What an erasure has removed, or would: counts alone, nothing of the customer. Rows are told by their table."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    tenant: str
    dry_run: bool
    deleted_rows: dict[str, int] = {}
    anonymised_rows: dict[str, int] = {}
    cancelled_jobs: int = 0
    jobs: int = 0
    archived_jobs: int = 0
    notes: int = 0
    attachments: int = 0
    #: Jobs that had large requests, results or files; none is counted beforehand.
    blobs: int = 0
    cached_answers: int = 0
    conversations: int = 0


class Traces(NamedTuple):
    """What there is of a customer: conversations, jobs (children first), those of them that go on, archived jobs.

    And the files that these name, and no other customer's job.
    """

    conversations: list[str]
    jobs: list[str]
    active: list[str]
    archived: list[str]
    files: list[str]


class ErasureOperations:
    """The operations that find a customer and take them out."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core
        self._talks = ConversationOperations(core)
        self._calls = MemoryCalls(core.settings)

    def find(self, tenant: str, customer_id: str) -> Operation[Traces]:
        """Return what there is of a customer. It looks at all jobs of the tenant."""
        talks = yield from self._conversations(tenant, customer_id)
        records = yield from self._records(tenant)
        jobs = _theirs(records, customer_id, talks, set())
        archived = yield from self._archived(tenant, customer_id, talks, {*jobs})
        active = [each.id for each in records if each.id in jobs and each.state in ACTIVE]
        files = yield from self._files(tenant, talks, records, {*jobs})
        return Traces(talks, jobs[::-1], active, archived, files)

    def _files(
        self, tenant: str, talks: Sequence[str], records: Sequence[JobRecord], jobs: set[str]
    ) -> Operation[list[str]]:
        theirs, others = set[str](), set[str]()
        for record in records:
            (theirs if record.id in jobs else others).update(files_in([record.request, record.result]))
        for talk in talks:
            with suppress(ConversationNotFound):  # it may have expired meanwhile
                theirs |= files_in([turn.messages for turn in (yield from self._talks.get(tenant, talk)).turns])
        return sorted(theirs - others)

    def _conversations(self, tenant: str, customer_id: str) -> Operation[list[str]]:
        (found,) = yield Commands([("ZRANGE", self._core.keys.conversations(tenant), 0, -1)])
        names = [name.decode() for name in found]
        keys = [self._core.keys.history(tenant, name) for name in names]
        owners = (yield Commands([("HGET", key, "owner") for key in keys])) if keys else []
        return [name for name, owner in zip(names, owners, strict=True) if owner and owner.decode() == customer_id]

    def _records(self, tenant: str) -> Operation[list[JobRecord]]:
        records, at = list[JobRecord](), 0
        while True:
            (ids,) = yield Commands([("ZRANGE", self._core.keys.tenant_jobs(tenant), at, at + PAGE - 1)])
            found = yield from self._core.records([job_id.decode() for job_id in ids])
            for record in found:
                if record is not None:
                    records.append((yield from self._whole(record)))
            if len(ids) < PAGE:
                return records
            at += PAGE

    def _whole(self, record: JobRecord) -> Operation[JobRecord]:
        """Return a record with what its large request and result say of customers and files, in their place."""
        told = {}
        for name, blob in (("request", record.request_blob), ("result", record.result_blob)):
            if blob is not None:
                with suppress(BlobNotFound, BlobCorrupt):  # there is nothing (any more) that could be anybody's
                    (data,) = yield InBlobs(partial(redeemed, blob, tenant=record.tenant))
                    told[name] = _traces_in(decode(data))
        return record.model_copy(update=told) if told else record

    def _archived(self, tenant: str, customer_id: str, talks: Sequence[str], known: set[str]) -> Operation[list[str]]:
        if self._core.settings.archive_url is None:
            return []
        records, before = list[JobRecord](), None
        while True:
            ask = partial(_page_of, Wanted(tenant=tenant), before)
            part: list[ArchivedJob]
            (part,) = yield InArchive(ask)
            for record in filter(None, [remains_in(each).record(each.id) for each in part]):
                whole = yield from self._whole(record)
                # Of the others no more than what may make them a part of the customer's.
                if whole.parent or whole.origin or _own(whole, customer_id, talks):
                    records.append(whole)
            if len(part) < PAGE:
                return _theirs(records, customer_id, talks, known)[::-1]
            before = (part[-1].ended_ms, part[-1].id)

    def cancel(self, ids: Sequence[str]) -> Operation[None]:
        """End the jobs that go on, or ask their attempts to."""
        if ids:
            yield Calls([self._core.transitions.cancel(job_id, REASON) for job_id in ids])

    def remove(self, tenant: str, traces: Traces) -> Operation[dict[str, int]]:
        """Remove all that was found, in the order in which it can be found again; gives how much of each."""
        counts = {"notes": (yield from self._forget_notes(tenant, {*traces.jobs, *traces.archived}))}
        counts["attachments"] = yield from self._forget_files(tenant, traces.files)
        counts["archived_jobs"] = 0
        for at in range(0, len(traces.archived), PAGE):
            counts["archived_jobs"] += yield from self._core.archived.drop(traces.archived[at : at + PAGE])
        counts["jobs"] = 0
        for at in range(0, len(traces.jobs), PAGE):
            counts["jobs"] += sum((yield Calls([self._core.transitions.drop(traces.jobs[at : at + PAGE], ended=True)])))
        counts["blobs"] = yield from self._forget_blobs(tenant, [*traces.jobs, *traces.archived])
        counts["cached_answers"] = yield from self._forget_cache(tenant)
        counts["conversations"] = 0
        for talk in traces.conversations:
            counts["conversations"] += yield from self._talks.forget(tenant, talk)
        return counts

    def _forget_notes(self, tenant: str, ids: set[str]) -> Operation[int]:
        journals = yield from self._keys(self._core.keys.notes(tenant, "*"))
        removed = 0
        for journal in journals:
            (entries,) = yield Commands([("ZRANGE", journal, 0, -1)])
            if theirs := [entry for entry in entries if from_json(entry)["job_id"] in ids]:
                removed += sum((yield Commands([("ZREM", journal, *theirs)])))
        return removed

    def _forget_files(self, tenant: str, files: Sequence[str]) -> Operation[int]:
        return (yield from forget_files(self._calls, tenant, [*filter(None, map(digest_of, files))]))

    def _forget_blobs(self, tenant: str, jobs: Sequence[str]) -> Operation[int]:
        """Forget large requests, results and files of jobs, after these: by them they are found.

        Gives how many jobs had any. What is left when this breaks off belongs to no job any more, and is swept.
        """
        if self._core.settings.blobs_url == NO_BLOBS or not jobs:
            return 0
        (count,) = yield InBlobs(partial(_forgotten, tenant, {*jobs}))
        return int(count)

    def _forget_cache(self, tenant: str) -> Operation[int]:
        """Forget all kept answers of the tenant: which were the customer's cannot be told."""
        found = yield from self._keys(self._core.keys.cache(tenant, "*"))
        removed = 0
        for at in range(0, len(found), PAGE):
            removed += sum((yield Commands([("DEL", *found[at : at + PAGE])])))
        return removed

    def _keys(self, pattern: str) -> Operation[list[bytes]]:
        found, cursor = set[bytes](), None
        while cursor != 0:
            ((cursor, page),) = yield Commands([("SCAN", cursor or 0, "MATCH", pattern, "COUNT", 1000)])
            cursor, found = int(cursor), found | {*page}
        return sorted(found)


def _page_of(wanted: Wanted, before: tuple[int, str] | None, archive: Archive) -> list[ArchivedJob]:
    return archive.newest(wanted, before, PAGE)


def _theirs(records: Sequence[JobRecord], customer_id: str, talks: Sequence[str], known: set[str]) -> list[str]:
    """Return which jobs are the customer's, those that called others before these; `known` are jobs elsewhere."""
    found = dict.fromkeys(each.id for each in records if _own(each, customer_id, talks))
    grown = True
    while grown:
        family = found.keys() | known
        new = [each.id for each in records if each.id not in found and {each.parent, each.origin} & family]
        found |= dict.fromkeys(new)
        grown = bool(new)
    return [*found]


def _own(record: JobRecord, customer_id: str, talks: Sequence[str]) -> bool:
    words = [record.request, record.result, *(message.request for message in record.messages)]
    return record.conversation in talks or any(customer_id in _customers_in(each) for each in words)


def _traces_in(value: Any) -> list[Any]:
    """Return what a value tells of customers and files, without the rest, which may be many megabytes."""
    return [*({"customer_id": name} for name in {*_customers_in(value)}), *files_in(value)]


def _forgotten(tenant: str, jobs: set[str], blobs: BlobStore) -> int:
    theirs = [owner for owner in blobs.owners(tenant) if owner.partition("/")[2] in jobs]
    for owner in theirs:
        blobs.forget_owner(owner)
    return len(theirs)


def _customers_in(value: Any) -> Iterator[str]:
    """Return whom a request or a result names as a customer, at any depth."""
    if isinstance(value, dict):
        if isinstance(named := value.get("customer_id"), str):
            yield named
        for each in value.values():
            yield from _customers_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _customers_in(each)


def receipt_of(tenant: str, rows: Any, *, dry_run: bool, cancelled: int, **counts: int) -> Receipt:
    """Put together what was removed, or would be."""
    return Receipt(
        at=datetime.now(UTC),
        tenant=tenant,
        dry_run=dry_run,
        deleted_rows=rows["deleted"],
        anonymised_rows=rows["anonymised"],
        cancelled_jobs=cancelled,
        **counts,
    )
