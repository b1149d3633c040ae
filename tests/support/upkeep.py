"""What must hold for the keys in Redis after any sequence of transitions.

Three things are checked: that nothing stays for ever which `store.keys` does not say stays, that every place where
a job is listed agrees with the state in its record, and that each job is listed where somebody will look for it.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import redis
from pydantic_core import from_json

from backdesk.worker.memory.ddsketch import read_tally
from backdesk.worker.model.job import ACTIVE, TERMINAL, JobState
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import CHANNELS, Keys, named
from backdesk.worker.store.moments import moment

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
    keys = Keys(prefix)
    of_jobs = [*_immortal(client, keys), *_contradictions(client, keys), *_forgotten(client, keys)]
    others = [*_schedules_astray(client, keys), *_histories_unlisted(client, keys), *_uncounted(client, keys)]
    return [*of_jobs, *others]


def documented(keys: Keys) -> dict[str, tuple[re.Pattern[str], str]]:
    """Each kind of key by name: the pattern of its names, and what `store.keys` says of it."""
    found = {}
    for name, member in named().items():
        if name in CHANNELS:
            continue
        value = getattr(keys, name)
        if not isinstance(member, property):
            value = value(*["\0"] * len(inspect.signature(value).parameters))
        found[name] = (re.compile(re.escape(value).replace("\0", "(.+)")), member.__doc__ or "")
    return found


def _immortal(client: redis.Redis, keys: Keys) -> Iterator[str]:
    known = documented(keys)
    names = sorted(text(name) for name in client.scan_iter(f"{keys.prefix}:*", count=1000))
    for key, ttl in zip(names, _each(client, "ttl", names), strict=True):
        matches = [(name, match, doc) for name, (pattern, doc) in known.items() if (match := pattern.fullmatch(key))]
        if not matches:
            yield f"{key}: store.keys does not know it"
            continue
        name, match, doc = matches[0]
        if ttl != -1:
            continue
        if name in _OF_A_JOB and not client.exists(keys.job(_job_of(client, name, key, match))):
            yield f"{key}: never removed, for its job is not there"
        elif not any(word in doc for word in _STAYS):
            yield f"{key}: never expires, though store.keys says of it: {doc}"


def _job_of(client: redis.Redis, name: str, key: str, match: re.Match[str]) -> str:
    return text(client.get(key) or b"") if name == "idempotency" else match[1]


def _contradictions(client: redis.Redis, keys: Keys) -> Iterator[str]:
    running, parked = {JobState.RUNNING}, {JobState.SCHEDULED, JobState.WAITING}
    places = [(keys.leases, running), (keys.due, parked), (keys.expiring, set(ACTIVE))]
    places += [(keys.state(state), {state}) for state in JobState]
    places.append((keys.forgetting, set(TERMINAL)))
    for pattern in _OF_QUEUED:
        places += [(text(name), {JobState.QUEUED}) for name in client.scan_iter(pattern(keys), count=1000)]
    listings = [(place, fitting, _members(client, place)) for place, fitting in places]
    # A job that is queued may be about to run where it is asked to stop.
    listings.append((keys.stopping, {JobState.RUNNING, JobState.QUEUED}, set(map(text, client.hkeys(keys.stopping)))))
    awaiting = {text(name).rpartition(":")[2] for name in client.scan_iter(keys.awaiting("*"), count=1000)}
    listings.append((keys.awaiting("*"), {JobState.WAITING}, awaiting))
    listings += [(name, set(ACTIVE), set(jobs)) for name, jobs in _conversations(client, keys).items()]
    for place, fitting, members in listings:
        ordered = sorted(members)
        states = _each(client, "hget", [keys.job(member) for member in ordered], "state")
        for member, state in zip(ordered, states, strict=True):
            if state is None or JobState(text(state)) not in fitting:
                yield f"{place} lists {member}, which is {text(state) if state else 'unknown'}"
    yield from _unasked(client, keys)
    yield from _misplaced(client, keys)
    yield from _parked(client, keys)
    yield from _stuck_lines(client, keys)
    yield from _miscounted(client, keys)


def _unasked(client: redis.Redis, keys: Keys) -> Iterator[str]:
    """What is asked of people and not listed so, of all or of a tenant, and what is listed though it is not asked."""
    asked: dict[str, set[str]] = {keys.asks: set()}
    for name in client.scan_iter(keys.awaiting("*"), count=1000):
        job_id = text(name).removeprefix(keys.awaiting(""))
        tenant = text(client.hget(keys.job(job_id), "tenant") or b"")
        awaited: dict[Any, Any] = client.hgetall(name)
        people = {f"{job_id} {text(each)}" for each, entry in awaited.items() if from_json(entry)[1] != text(each)}
        for place in (keys.asks, keys.tenant_asks(tenant)) if people else ():
            asked[place] = asked.get(place, set()) | people
    for place in {*asked, *map(text, client.scan_iter(keys.tenant_asks("*"), count=1000))}:
        if _members(client, place) != asked.get(place, set()):
            yield f"{place} lists {_members(client, place)}, and {asked.get(place, set())} is asked"


def _misplaced(client: redis.Redis, keys: Keys) -> Iterator[str]:
    """Every job in an index of another kind, tenant or state, or of another code of an error."""
    for name in client.scan_iter(f"{keys.prefix}:*", count=1000):
        index, *words = text(name).removeprefix(f"{keys.prefix}:").rsplit(":", 2)
        field = {"jobs-of-kind": "kind", "jobs-of-tenant": "tenant"}.get(index)
        for member in sorted(_members(client, name)) if field else ():
            found = [text(each or b"") for each in client.hmget(keys.job(member), field or "", "state")]
            if found != words:
                yield f"{text(name)} lists {member}, which has {found}"
    for name in client.scan_iter(keys.failed_with("*"), count=1000):
        for member in sorted(_members(client, name)):
            error = client.hget(keys.job(member), "error")
            if not error or text(name) != keys.failed_with(from_json(error)["code"]):
                yield f"{text(name)} lists {member}, which has failed otherwise, or is gone"


def _parked(client: redis.Redis, keys: Keys) -> Iterator[str]:
    """Contradictions of the lines of limits. A job that has ended may stand there until the line is looked at."""
    for name in client.scan_iter(keys.parked("*"), count=1000):
        line = text(name).removeprefix(keys.parked(""))
        if not client.hexists(keys.parked_lines, line):
            yield f"{line} has jobs that nobody releases"
        for member in sorted(_members(client, name)):
            state, line_of = client.hmget(keys.job(member), "state", "parked")
            if line_of is not None and text(line_of) == line and text(state or b"") in ACTIVE - {JobState.SCHEDULED}:
                yield f"{member} is {text(state or b'')} and parked in {line}"


def _stuck_lines(client: redis.Redis, keys: Keys) -> Iterator[str]:
    held = {text(place): text(scope) for place, scope in client.hgetall(keys.held).items()}
    for place, scope in held.items():
        if client.zscore(keys.held_by(scope), place) is None or client.zscore(keys.limited, scope) is None:
            yield f"{place} is held by {scope}, which does not know it: it would wait for ever"
    for name in client.scan_iter(keys.line("*", "*", "*"), count=1000):
        _, _, queue, tenant, kind = text(name).split(":", 4)
        if f"{queue} {tenant} {kind}" in held:
            continue
        if client.zscore(keys.ready(queue, tenant), kind) is None:
            yield f"{tenant} has a line of {kind} in {queue} that is neither ready nor held: it would wait for ever"
        if f"{queue} {tenant}" not in held and client.zscore(keys.lane(queue), tenant) is None:
            yield f"{tenant} has a line in {queue} but no place in its lane: it would wait for ever"


def _miscounted(client: redis.Redis, keys: Keys) -> Iterator[str]:
    counted: Counter[str] = Counter()
    for place in [keys.leases, *map(text, client.scan_iter(keys.window("*"), count=1000))]:
        for job_id in _members(client, place):
            fields: list[Any] = client.hmget(keys.job(job_id), "queue", "tenant", "kind", "rated", "prepaid", "taken")
            queue, tenant, kind, rated, prepaid, taken_slots = (text(each or b"") for each in fields)
            slots = int(taken_slots or 1)
            for scope in (f"queue {queue}", f"tenant {tenant}", f"kind {kind}", f"tenant {tenant} kind {kind}"):
                counted[scope] += slots
            counted[f"prepaid {queue} {tenant}"] += int(prepaid or 0)
            counted.update(f"unbegun {scope}" for scope in rated.split(",") if scope)
            if slots > 1:
                counted[f"surplus {queue}"] += slots - 1
    flow = {text(name): float(value) for name, value in client.hgetall(keys.flow).items()}
    taken = {name: value for name, value in flow.items() if name.split()[0] in _COUNTED}
    if taken != counted:
        yield f"{keys.flow} says {taken}, and there are {dict(counted)}"


def _forgotten(client: redis.Redis, keys: Keys) -> Iterator[str]:
    """Every job that is missing where the maintenance, a worker or a reader would look for it."""
    standing = {
        member
        for pattern in _OF_QUEUED
        for name in client.scan_iter(pattern(keys), count=1000)
        for member in _members(client, name)
    }
    # Whoever is not the first of a conversation need not stand anywhere else.
    standing |= {member for jobs in _conversations(client, keys).values() for member in jobs[1:]}
    names = list(client.scan_iter(keys.job("*"), count=1000))
    raw: dict[Any, Any]
    listed: dict[str, tuple[str, str]] = {}
    for key, raw in zip(names, _each(client, "hgetall", names), strict=True):
        job_id = text(key).removeprefix(keys.job(""))
        state = JobState(text(raw[b"state"]))
        if state is JobState.SCHEDULED and b"parked" in raw:
            listed[f"{job_id} is parked and in no line"] = keys.parked(text(raw[b"parked"])), job_id
        for place in _places(keys, state, raw):
            if place == "standing" and job_id not in standing:
                yield f"{job_id} is queued, and in no line, window or stranded"
            elif place == "awaiting" and not client.exists(keys.awaiting(job_id)):
                yield f"{job_id} waits for nothing"
            elif place not in {"standing", "awaiting"}:
                listed[f"{job_id} is {state} and missing in {place}"] = place, job_id
    with client.pipeline(transaction=False) as pipe:
        for place, job_id in listed.values():
            pipe.zscore(place, job_id)
        scores: list[Any] = pipe.execute()
    yield from (told for told, score in zip(listed, scores, strict=True) if score is None)


def _uncounted(client: redis.Redis, keys: Keys) -> Iterator[str]:
    """Every day, tenant, kind and state of which more jobs have ended than their day counts, or that it leaves out."""
    ended: Counter[tuple[str, str, str, str]] = Counter()
    with client.pipeline(transaction=False) as pipe:
        for key in client.scan_iter(keys.job("*"), count=1000):
            pipe.hmget(key, "state", "finished_at", "tenant", "kind", "queue")
        records: list[Any] = pipe.execute()
    for state, finished, tenant, kind, queue in records:
        if queue and finished and JobState(text(state)) not in ACTIVE:
            ended[moment(finished).date().isoformat(), text(tenant), text(kind), text(state)] += 1
    with client.pipeline(transaction=False) as pipe:
        for day, tenant, kind, _ in ended:
            pipe.hgetall(keys.stats(day, tenant, kind))
            pipe.sismember(keys.stats_of_day(day), f"{tenant} {kind}")
        found: list[Any] = pipe.execute()
    for (day, tenant, kind, state), fields, listed in zip(ended, found[::2], found[1::2], strict=True):
        counted = read_tally(fields).states[state]
        if counted < ended[day, tenant, kind, state] or not listed:
            jobs = f"{ended[day, tenant, kind, state]} jobs of {tenant} and {kind} are {state} since {day}"
            yield f"{jobs}, and it counts {counted}{'' if listed else ' and does not list them'}"


def _schedules_astray(client: redis.Redis, keys: Keys) -> Iterator[str]:
    """Every schedule of which one part is there without the others, or that nobody will look at."""
    defined = set(map(text, client.hkeys(keys.schedules)))
    known = {text(key).removeprefix(keys.schedule("")) for key in client.scan_iter(keys.schedule("*"), count=1000)}
    for name in sorted(defined ^ known):
        yield f"schedule {name} has {'no definition' if name in known else 'a definition alone'}"
    planned = {
        name
        for name in known
        if client.hget(keys.schedule(name), "next") and not client.hexists(keys.schedule(name), "paused")
    }
    due = _members(client, keys.schedule_due)
    yield from (f"schedule {name} is planned, and nobody will look at it" for name in sorted(planned - due))
    yield from (f"schedule {name} is to be looked at, and not planned" for name in sorted(due - planned))


def _histories_unlisted(client: redis.Redis, keys: Keys) -> Iterator[str]:
    """Every conversation that nobody finds who looks for those of its tenant."""
    for key in client.scan_iter(keys.history("*", "*"), count=1000):
        tenant, _, name = text(key).removeprefix(keys.history("", "").removesuffix(":")).partition(":")
        if client.zscore(keys.conversations(tenant), name) is None:
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


def _conversations(client: redis.Redis, keys: Keys) -> dict[str, list[str]]:
    return {
        text(name): _members_in_order(client, name)
        for name in client.scan_iter(keys.conversation("*", "*"), count=1000)
    }


def _each(client: redis.Redis, command: str, names: Sequence[str | bytes], *arguments: str) -> list[Any]:
    """The answers to a command about each of these keys, in one round trip."""
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            getattr(pipe, command)(name, *arguments)
        return pipe.execute()


def _members(client: redis.Redis, place: str | bytes) -> set[str]:
    return set(_members_in_order(client, place))


def _members_in_order(client: redis.Redis, place: str | bytes) -> list[str]:
    members: list[Any] = client.zrange(place, 0, -1)
    return [text(member) for member in members]
