"""What must hold for the keys in Redis after any sequence of transitions.

Three things are checked: that nothing stays for ever which `store.keys` does not say stays, that every place where
a job is listed agrees with the state in its record, and that each job is listed where somebody will look for it.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import redis
from pydantic_core import from_json

from backdesk.worker.memory.ddsketch import read_tally
from backdesk.worker.model.job import ACTIVE, TERMINAL, JobState
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import CHANNELS, Keys, named
from backdesk.worker.store.moments import moment
from tests.support.kept import Kept

_STAYS = ("Gone when empty", "Kept", "Pruned", "Rewritten")
#: Where a queued job stands.
_OF_QUEUED: tuple[Callable[[Keys], str], ...] = (
    lambda keys: keys.line("*", "*", "*"),
    lambda keys: keys.window("*"),
    lambda keys: keys.stranded("*"),
)
#: First words of what is counted in the flow.
_COUNTED = frozenset({"queue", "tenant", "kind", "unbegun", "prepaid", "surplus"})
_OF_A_JOB = ("job", "events", "log", "idempotency", "ledger", "checkpoint", "children", "spent")


def leaks(client: redis.Redis, prefix: str) -> list[str]:
    """Every key that outlives its purpose, and every listing of a job that its record contradicts."""
    keys, kept = Keys(prefix), Kept(client, prefix)
    of_jobs = [*_immortal(kept, keys), *_contradictions(kept, keys), *_forgotten(kept, keys)]
    others = [*_schedules_astray(kept, keys), *_histories_unlisted(kept, keys), *_uncounted(kept, keys)]
    return [*of_jobs, *others]


class Documented(NamedTuple):
    """Every kind of key: a pattern that matches its names in a group of its own, and what `store.keys` says of it."""

    pattern: re.Pattern[str]
    docs: Mapping[str, str]


@cache
def documented(keys: Keys) -> Documented:
    patterns, docs = [], {}
    for name, member in named().items():
        if name in CHANNELS:
            continue
        value = getattr(keys, name)
        if not isinstance(member, property):
            value = value(*["\0"] * len(inspect.signature(value).parameters))
        pattern = re.escape(value).replace("\0", ".+")
        patterns.append(f"(?P<{name}>{pattern})")
        docs[name] = member.__doc__ or ""
    return Documented(re.compile("|".join(patterns)), docs)


def _immortal(kept: Kept, keys: Keys) -> Iterator[str]:
    known = documented(keys)
    for key in kept.names:
        if not (match := known.pattern.fullmatch(key)):
            yield f"{key}: store.keys does not know it"
            continue
        name, doc = match.lastgroup or "", known.docs[match.lastgroup or ""]
        if kept.ttl(key) != -1:
            continue
        if name in _OF_A_JOB and not kept.exists(keys.job(_job_of(kept, keys, name, key))):
            yield f"{key}: never removed, for its job is not there"
        elif not any(word in doc for word in _STAYS):
            yield f"{key}: never expires, though store.keys says of it: {doc}"


def _job_of(kept: Kept, keys: Keys, name: str, key: str) -> str:
    if name == "idempotency":
        return text(kept.get(key) or b"")
    return key.removeprefix(str(getattr(keys, name)("")))


def _contradictions(kept: Kept, keys: Keys) -> Iterator[str]:
    running, parked = {JobState.RUNNING}, {JobState.SCHEDULED, JobState.WAITING}
    places = [(keys.leases, running), (keys.due, parked), (keys.expiring, set(ACTIVE))]
    places += [(keys.state(state), {state}) for state in JobState]
    places.append((keys.forgetting, set(TERMINAL)))
    for pattern in _OF_QUEUED:
        places += [(name, {JobState.QUEUED}) for name in kept.scan(pattern(keys))]
    listings = [(place, fitting, set(kept.members(place))) for place, fitting in places]
    # A job that is queued may be about to run where it is asked to stop.
    listings.append((keys.stopping, {JobState.RUNNING, JobState.QUEUED}, set(map(text, kept.hkeys(keys.stopping)))))
    awaiting = {name.rpartition(":")[2] for name in kept.scan(keys.awaiting("*"))}
    listings.append((keys.awaiting("*"), {JobState.WAITING}, awaiting))
    listings += [(name, set(ACTIVE), set(jobs)) for name, jobs in _conversations(kept, keys).items()]
    for place, fitting, members in listings:
        for member in sorted(members):
            state = kept.hget(keys.job(member), "state")
            if state is None or JobState(text(state)) not in fitting:
                yield f"{place} lists {member}, which is {text(state) if state else 'unknown'}"
    yield from _unasked(kept, keys)
    yield from _misplaced(kept, keys)
    yield from _parked(kept, keys)
    yield from _stuck_lines(kept, keys)
    yield from _miscounted(kept, keys)


def _unasked(kept: Kept, keys: Keys) -> Iterator[str]:
    """What is asked of people and not listed so, of all or of a tenant, and what is listed though it is not asked."""
    asked: dict[str, set[str]] = {keys.asks: set()}
    for name in kept.scan(keys.awaiting("*")):
        job_id = name.removeprefix(keys.awaiting(""))
        tenant = text(kept.hget(keys.job(job_id), "tenant") or b"")
        awaited: dict[Any, Any] = kept.hgetall(name)
        people = {f"{job_id} {text(each)}" for each, entry in awaited.items() if from_json(entry)[1] != text(each)}
        for place in (keys.asks, keys.tenant_asks(tenant)) if people else ():
            asked[place] = asked.get(place, set()) | people
    for place in {*asked, *kept.scan(keys.tenant_asks("*"))}:
        if set(kept.members(place)) != asked.get(place, set()):
            yield f"{place} lists {set(kept.members(place))}, and {asked.get(place, set())} is asked"


def _misplaced(kept: Kept, keys: Keys) -> Iterator[str]:
    """Every job in an index of another kind, tenant or state, or of another code of an error."""
    for name in kept.names:
        index, *words = name.removeprefix(f"{keys.prefix}:").rsplit(":", 2)
        field = {"jobs-of-kind": "kind", "jobs-of-tenant": "tenant"}.get(index)
        for member in sorted(kept.members(name)) if field else ():
            found = [text(each or b"") for each in kept.hmget(keys.job(member), field or "", "state")]
            if found != words:
                yield f"{name} lists {member}, which has {found}"
    for name in kept.scan(keys.failed_with("*")):
        for member in sorted(kept.members(name)):
            error = kept.hget(keys.job(member), "error")
            if not error or name != keys.failed_with(from_json(error)["code"]):
                yield f"{name} lists {member}, which has failed otherwise, or is gone"


def _parked(kept: Kept, keys: Keys) -> Iterator[str]:
    """Contradictions of the lines of limits. A job that has ended may stand there until the line is looked at."""
    for name in kept.scan(keys.parked("*")):
        line = name.removeprefix(keys.parked(""))
        if not kept.hexists(keys.parked_lines, line):
            yield f"{line} has jobs that nobody releases"
        for member in sorted(kept.members(name)):
            state, line_of = kept.hmget(keys.job(member), "state", "parked")
            if line_of is not None and text(line_of) == line and text(state or b"") in ACTIVE - {JobState.SCHEDULED}:
                yield f"{member} is {text(state or b'')} and parked in {line}"


def _stuck_lines(kept: Kept, keys: Keys) -> Iterator[str]:
    held = {text(place): text(scope) for place, scope in kept.hgetall(keys.held).items()}
    for place, scope in held.items():
        if kept.zscore(keys.held_by(scope), place) is None or kept.zscore(keys.limited, scope) is None:
            yield f"{place} is held by {scope}, which does not know it: it would wait for ever"
    for name in kept.scan(keys.line("*", "*", "*")):
        _, _, queue, tenant, kind = name.split(":", 4)
        if f"{queue} {tenant} {kind}" in held:
            continue
        if kept.zscore(keys.ready(queue, tenant), kind) is None:
            yield f"{tenant} has a line of {kind} in {queue} that is neither ready nor held: it would wait for ever"
        if f"{queue} {tenant}" not in held and kept.zscore(keys.lane(queue), tenant) is None:
            yield f"{tenant} has a line in {queue} but no place in its lane: it would wait for ever"


def _miscounted(kept: Kept, keys: Keys) -> Iterator[str]:
    counted: Counter[str] = Counter()
    for place in [keys.leases, *kept.scan(keys.window("*"))]:
        for job_id in kept.members(place):
            fields: list[Any] = kept.hmget(keys.job(job_id), "queue", "tenant", "kind", "rated", "prepaid", "taken")
            queue, tenant, kind, rated, prepaid, taken_slots = (text(each or b"") for each in fields)
            slots = int(taken_slots or 1)
            for scope in (f"queue {queue}", f"tenant {tenant}", f"kind {kind}", f"tenant {tenant} kind {kind}"):
                counted[scope] += slots
            counted[f"prepaid {queue} {tenant}"] += int(prepaid or 0)
            counted.update(f"unbegun {scope}" for scope in rated.split(",") if scope)
            if slots > 1:
                counted[f"surplus {queue}"] += slots - 1
    flow = {text(name): float(value) for name, value in kept.hgetall(keys.flow).items()}
    taken = {name: value for name, value in flow.items() if name.split()[0] in _COUNTED}
    if taken != counted:
        yield f"{keys.flow} says {taken}, and there are {dict(counted)}"


def _forgotten(kept: Kept, keys: Keys) -> Iterator[str]:
    """Every job that is missing where the maintenance, a worker or a reader would look for it."""
    standing = {member for pattern in _OF_QUEUED for name in kept.scan(pattern(keys)) for member in kept.members(name)}
    # Whoever is not the first of a conversation need not stand anywhere else.
    standing |= {member for jobs in _conversations(kept, keys).values() for member in jobs[1:]}
    listed: dict[str, tuple[str, str]] = {}
    for key in kept.scan(keys.job("*")):
        job_id, raw = key.removeprefix(keys.job("")), kept.hgetall(key)
        state = JobState(text(raw[b"state"]))
        if state is JobState.SCHEDULED and b"parked" in raw:
            listed[f"{job_id} is parked and in no line"] = keys.parked(text(raw[b"parked"])), job_id
        for place in _places(keys, state, raw):
            if place == "standing" and job_id not in standing:
                yield f"{job_id} is queued, and in no line, window or stranded"
            elif place == "awaiting" and not kept.exists(keys.awaiting(job_id)):
                yield f"{job_id} waits for nothing"
            elif place not in {"standing", "awaiting"}:
                listed[f"{job_id} is {state} and missing in {place}"] = place, job_id
    yield from (told for told, (place, job_id) in listed.items() if kept.zscore(place, job_id) is None)


def _uncounted(kept: Kept, keys: Keys) -> Iterator[str]:
    """Every day, tenant, kind and state of which more jobs have ended than their day counts, or that it leaves out."""
    ended: Counter[tuple[str, str, str, str]] = Counter()
    for key in kept.scan(keys.job("*")):
        words = kept.hmget(key, "finished_at", "tenant", "kind", "state", "queue")
        finished, tenant, kind, state, queue = (text(word or b"") for word in words)
        if queue and finished and JobState(state) not in ACTIVE:
            ended[moment(int(finished)).date().isoformat(), tenant, kind, state] += 1
    for (day, tenant, kind, state), jobs in ended.items():
        counted = read_tally(kept.hgetall(keys.stats(day, tenant, kind))).states[state]
        listed = f"{tenant} {kind}" in kept.members(keys.stats_of_day(day))
        if counted < jobs or not listed:
            told = f"{jobs} jobs of {tenant} and {kind} are {state} since {day}"
            yield f"{told}, and it counts {counted}{'' if listed else ' and does not list them'}"


def _schedules_astray(kept: Kept, keys: Keys) -> Iterator[str]:
    """Every schedule of which one part is there without the others, or that nobody will look at."""
    defined = set(map(text, kept.hkeys(keys.schedules)))
    known = {key.removeprefix(keys.schedule("")) for key in kept.scan(keys.schedule("*"))}
    for name in sorted(defined ^ known):
        yield f"schedule {name} has {'no definition' if name in known else 'a definition alone'}"
    planned = {
        name
        for name in known
        if kept.hget(keys.schedule(name), "next") and not kept.hexists(keys.schedule(name), "paused")
    }
    due = set(kept.members(keys.schedule_due))
    yield from (f"schedule {name} is planned, and nobody will look at it" for name in sorted(planned - due))
    yield from (f"schedule {name} is to be looked at, and not planned" for name in sorted(due - planned))


def _histories_unlisted(kept: Kept, keys: Keys) -> Iterator[str]:
    """Every conversation that nobody finds who looks for those of its tenant."""
    for key in kept.scan(keys.history("*", "*")):
        tenant, _, name = key.removeprefix(keys.history("", "").removesuffix(":")).partition(":")
        if kept.zscore(keys.conversations(tenant), name) is None:
            yield f"conversation {name} of {tenant} is not listed"


def _places(keys: Keys, state: JobState, raw: dict[Any, Any]) -> Iterator[str]:
    kind, tenant = text(raw[b"kind"]), text(raw[b"tenant"])
    yield from (keys.state(state), keys.tenant_jobs(tenant))
    if state is not JobState.RUNNING:
        yield keys.jobs_of_kind(kind, state)
    if state not in {JobState.RUNNING, JobState.QUEUED}:
        yield keys.jobs_of_tenant(tenant, state)
    if state is JobState.FAILED:
        yield keys.failed_with(from_json(raw[b"error"])["code"])
    of_state = {
        JobState.QUEUED: "standing",
        JobState.WAITING: "awaiting",
        JobState.RUNNING: keys.leases,
        JobState.SCHEDULED: keys.due,
    }
    yield of_state.get(state, keys.forgetting)
    limited = b"expires_at" in raw or (b"stop_by" in raw and state is JobState.RUNNING)
    unbegun = b"start_by" in raw and raw[b"attempt"] == b"0"
    if state in ACTIVE and (limited or unbegun):
        yield keys.expiring


def _conversations(kept: Kept, keys: Keys) -> dict[str, list[str]]:
    return {name: kept.members(name) for name in kept.scan(keys.conversation("*", "*"))}
