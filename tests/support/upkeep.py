"""What must hold for the keys in Redis after any sequence of transitions.

Two things are checked: that nothing stays for ever which `worker/keys.py` does not say stays, and that every place
where a job is listed agrees with the state in its record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import redis

from worker.job import ACTIVE, JobState
from worker.keys import Keys
from worker.store.transitions import text

_STAYS = ("Gone when empty", "Kept", "Pruned", "Rewritten")
_OF_A_JOB = ("job", "events", "idempotency", "ledger", "checkpoint", "children")


def leaks(client: redis.Redis, prefix: str) -> list[str]:
    """Every key that outlives its purpose, and every listing of a job that its record contradicts."""
    keys = Keys(prefix)
    return [*_immortal(client, keys), *_contradictions(client, keys)]


def documented(keys: Keys) -> dict[str, tuple[re.Pattern[str], str]]:
    """Each kind of key by name: the pattern of its names, and what `keys.py` says of it."""
    found = {}
    for name, member in vars(Keys).items():
        if name.startswith("_") or not (isinstance(member, property) or callable(member)):
            continue
        doc = (member.fget if isinstance(member, property) else member).__doc__ or ""
        if doc.startswith("Channel"):
            continue
        value = getattr(keys, name)
        if callable(value):
            value = value(*["\0"] * (member.__code__.co_argcount - 1))
        found[name] = (re.compile(re.escape(value).replace("\0", "(.+)")), doc)
    return found


def _immortal(client: redis.Redis, keys: Keys) -> Iterator[str]:
    known = documented(keys)
    for key in sorted(text(name) for name in client.scan_iter(f"{keys.prefix}:*")):
        matches = [(name, match, doc) for name, (pattern, doc) in known.items() if (match := pattern.fullmatch(key))]
        if not matches:
            yield f"{key}: worker/keys.py does not know it"
            continue
        name, match, doc = matches[0]
        if client.ttl(key) >= 0 or any(word in doc for word in _STAYS):
            continue
        if name in _OF_A_JOB and _is_active(client, keys, _job_of(client, name, key, match)):
            continue
        yield f"{key}: never expires, though worker/keys.py says of it: {doc}"


def _job_of(client: redis.Redis, name: str, key: str, match: re.Match[str]) -> str:
    return text(client.get(key) or b"") if name == "idempotency" else match[1]


def _is_active(client: redis.Redis, keys: Keys, job_id: str) -> bool:
    state = client.hget(keys.job(job_id), "state")
    return state is not None and JobState(text(state)) in ACTIVE


def _contradictions(client: redis.Redis, keys: Keys) -> Iterator[str]:
    running, parked = {JobState.RUNNING}, {JobState.SCHEDULED, JobState.WAITING}
    places = [(keys.leases, running), (keys.due, parked), (keys.expiring, set(ACTIVE))]
    places += [(keys.state(state), {state}) for state in JobState]
    places += [(text(name), {JobState.QUEUED}) for name in client.scan_iter(keys.stranded("*"))]
    for pattern in (keys.line("*", "*"), keys.window("*")):
        places += [(text(name), {JobState.QUEUED}) for name in client.scan_iter(pattern)]
    for place, fitting in places:
        members: list[Any] = client.zrange(place, 0, -1)
        for member in map(text, members):
            state = client.hget(keys.job(member), "state")
            if state is None or JobState(text(state)) not in fitting:
                yield f"{place} lists {member}, which is {text(state) if state else 'unknown'}"
    for name in client.scan_iter(keys.line("*", "*")):
        _, _, queue, tenant = text(name).split(":", 3)
        if client.zscore(keys.lane(queue), tenant) is None:
            yield f"{tenant} has a line in {queue} but no place in its lane: it would wait for ever"
