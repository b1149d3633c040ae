"""The calls of workers that concern no attempt of theirs: presence, leadership, and what the leader sees to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import starmap
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from backdesk.worker.store.calls import CallBuilder, flag, text
from backdesk.worker.store.scripts import Call

#: Jobs that one round of promote, reap, expire or prune takes, so that no script holds Redis for long.
BATCH = 200
#: Jobs, or counts, that one part of a recount looks at.
RECOUNT_BATCH = 500
#: Of a lease: how often a worker sends its pulse, and how long none is no outage.
PULSE, LONGEST_GAP = 1 / 8, 5 / 8
#: Stands for whatever policy a scope has.
ANY_POLICY = "*"


class KnownKind(NamedTuple):
    """A kind that a worker makes known."""

    kind: str
    #: As JSON.
    contract: str
    #: That a job of it takes.
    slots: int


class Announced(NamedTuple):
    """What a worker hears when it has announced itself."""

    alive: int
    #: Of how many of its kinds the store has no contract.
    unknown: int
    #: Jobs of which it has a delivery in hand by which they are not to be run any more.
    withdrawn: list[str]


class Setting(NamedTuple):
    """A setting of a tenant."""

    name: str
    value: str


class Retired(NamedTuple):
    """A job that is in the archive, and by which job it was replayed, or ""."""

    id: str
    replayed_as: str


class Packed(NamedTuple):
    """The packed log of a job that has ended, with what tells it from another job of its id."""

    id: str
    #: As its record has it, "" where there is none.
    finished_at: str
    events: int
    #: Requests to models.
    sent: int
    log: bytes
    #: Packed, b"" to leave it as it is.
    result: bytes


class Masked(NamedTuple):
    """What of a job that is over is kept masked, each b"" where it stays."""

    id: str
    #: As its record had it when that was read.
    finished_at: str
    request: bytes
    messages: bytes


class Entry(NamedTuple):
    """A part of a job that is put back, as `restore.lua` names them."""

    part: str
    name: bytes
    value: bytes


class Recounted(NamedTuple):
    """How far a recount of the flow has come: whether it is over, and how many counts it has put right so far."""

    over: bool
    put_right: int
    #: Some of them: what is counted, how often, and how often it should have been.
    examples: list[str]


class UpkeepCalls(CallBuilder):
    """Builds the calls that keep the fleet known and the store in order."""

    def redeliver(self, job_id: str, *, unknown_kind: bool) -> Call[bool]:
        """Give back a delivery that is not used here; gives whether the job waits for another worker now."""
        return self._call("redeliver", bool, id=job_id, unknown_kind=flag(unknown_kind))

    def stop(self, worker: str, ask: str, job_ids: Sequence[str]) -> Call[int]:
        """Ask attempts on a worker to `drain` or to `hand_over`; gives how many of the jobs still run there."""
        return self._call("stop", int, job_ids, worker=worker, ask=ask)

    def promote(self) -> Call[int]:
        """Queue parked jobs whose time has come, end waits that were too long; gives how many. At most `BATCH`."""
        return self._call("promote", int, most=BATCH)

    def resume(self) -> Call[bool]:
        """Let go on what limits have held, as far as they have room; gives whether there is more to do at once."""
        return self._call("resume", bool, most=BATCH)

    def configure(
        self,
        scope: str,
        policy: str,
        tenant: str = "",
        settings: Mapping[str, str] | None = None,
        *,
        pause: str = "",
        origin: str = ANY_POLICY,
    ) -> Call[bool | None]:
        """Set the policy of a scope ("" removes it), and a tenant's settings; gives whether there was such a thing.

        Gives None, and changes nothing, when another policy is in force than the `origin` that it was made from.
        """
        return self._call(
            "configure",
            lambda reply: None if reply < 0 else bool(reply),
            starmap(Setting, (settings or {}).items()),
            scope=scope,
            policy=policy,
            pause=pause,
            origin=origin,
            tenant=tenant,
        )

    def expire(self) -> Call[int]:
        """End jobs that have reached a time limit; gives how many were looked at. At most `BATCH` a call."""
        return self._call("expire", int, most=BATCH)

    def pulse(self) -> Call[int]:
        """Show that this worker reaches Redis; to be called several times a lease, by every worker.

        Gives for how many ms none did, or by how many Redis' clock was set, where that was long enough to keep workers
        from renewing leases: none is taken for dead then until it has had the time of a lease. 0 while all is well.
        """
        grace_ms = round(self._settings.lease_s * 1000)
        return self._call("pulse", int, longest_ms=self._longest_ms, grace_ms=grace_ms)

    @property
    def _longest_ms(self) -> int:
        """How long no pulse is no outage. A lease that is renewed three times while it lasts holds out for longer."""
        return round(self._settings.lease_s * 1000 * LONGEST_GAP)

    def reap(self) -> Call[list[str]]:
        """Take back the jobs of workers that are gone; gives their ids. At most `BATCH` a call."""
        return self._call(
            "reap",
            lambda reply: [text(job_id) for job_id in reply],
            most=BATCH,
            crashes=self._settings.max_crashes,
            longest_ms=self._longest_ms,
        )

    def brim(self, full: tuple[int, int] | None, lasts_ms: int) -> Call[bool]:
        """Have no new jobs taken for a time because Redis uses so many bytes of so many; None has them taken again."""
        return self._call("brim", bool, told=f"{full[0]} {full[1]}" if full else "", lasts_ms=lasts_ms)

    def audit(self) -> Call[list[tuple[str, int, int]]]:
        """Count anew what some tenants have that has not ended, some `BATCH` jobs of theirs.

        Gives for each count that was wrong the tenant, and the jobs and bytes that it has.
        """
        return self._call(
            "audit",
            lambda reply: [(text(tenant), int(jobs), int(size)) for tenant, jobs, size in reply],
            most=BATCH,
        )

    def sweep(self) -> Call[list[tuple[str, str]]]:
        """Put right what is amiss with some of the jobs that have not ended, the next ones at each call.

        Gives for each repair what was wrong, and the job. About `BATCH` jobs are looked at.
        """
        lease_ms = round(self._settings.lease_s * 1000)
        return self._call(
            "sweep",
            lambda reply: [(text(what), text(job_id)) for what, job_id in reply],
            most=BATCH,
            lease_ms=lease_ms,
        )

    def relist(self) -> Call[int]:
        """See to it that some jobs that have ended are found by their indexes, the next ones at each call.

        Gives how many were not, or were where they do not belong. About `BATCH` are looked at.
        """
        return self._call("relist", int, most=BATCH)

    def redispatch(self, queue: str) -> Call[int]:
        """Deliver again what was lost on its way to a claim; gives how many. At most `BATCH` a call."""
        age_ms = round(self._settings.redispatch_after_s * 1000)
        return self._call("redispatch", int, queue=queue, age_ms=age_ms, most=BATCH)

    def recount(self, *, begin: bool) -> Call[Recounted]:
        """Count anew a part of what the flow counts, about `RECOUNT_BATCH` entries, and put right what is wrong.

        Without `begin` it goes on with a recount under way only.
        """
        queues = self._settings.queues
        return self._call("recount", _read_recounted, queues, begin=flag(begin), most=RECOUNT_BATCH)

    def prune(self) -> Call[int]:
        """Forget jobs whose retention has passed; gives how many. At most `BATCH` a call.

        Where there is an archive, those that it did not take in the time that it is given: they are lost.
        """
        spared_ms = self._settings.archive_patience_s * 1000 if self._settings.archive_url else ""
        return self._call("prune", int, most=BATCH, spared_ms=spared_ms)

    def retire(self, jobs: Iterable[Retired]) -> Call[int]:
        """Forget jobs whose retention has passed and that the archive has; gives how many."""
        return self._call("retire", int, jobs)

    def pack(self, jobs: Iterable[Packed]) -> Call[int]:
        """Keep the logs of jobs that have ended packed, in place of those they were made of; gives how many."""
        return self._call("pack", int, jobs)

    def mask(self, jobs: Iterable[Masked]) -> Call[int]:
        """Keep what jobs that are over were given masked; gives how many."""
        return self._call("mask", int, jobs)

    def restore(self, job_id: str, entries: Iterable[Entry]) -> Call[bool]:
        """Put back a job that the archive has; gives False when it is there."""
        return self._call("restore", bool, entries, id=job_id)

    def announce(
        self, worker: str, ttl_ms: int, announcement: Mapping[str, Any], contracts: Mapping[str, str] | None = None
    ) -> Call[Announced]:
        """Keep a worker known for `ttl_ms` (0 withdraws it), and kinds by their contracts."""
        known = [
            KnownKind(kind, contract, from_json(contract).get("slots", 1))
            for kind, contract in (contracts or {}).items()
        ]
        said = to_json(announcement)
        return self._call("announce", _read_announced, known, worker=worker, ttl_ms=ttl_ms, announcement=said)

    def disband(self) -> Call[bool]:
        """Cancel more of what one script could not cancel at once; gives whether there is more to do."""
        return self._call("disband", bool)

    def muster(self) -> Call[int]:
        """Sum up anew what live workers offer; gives how many sums were wrong, and are right now."""
        return self._call("muster", int)

    def elect(self, worker: str, term_ms: int) -> Call[bool]:
        """Become or remain the leader for `term_ms`; gives whether this worker leads."""
        return self._call("elect", bool, worker=worker, term_ms=term_ms)


def _read_announced(reply: list[Any]) -> Announced:
    alive, unknown, withdrawn = reply
    return Announced(alive, unknown, [*map(text, withdrawn)])


def _read_recounted(reply: list[Any]) -> Recounted:
    over, put_right, examples = reply
    return Recounted(bool(over), put_right, from_json(examples))
