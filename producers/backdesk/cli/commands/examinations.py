"""What the doctor looks at, one function a matter. Each gives a finding with what to do about it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any

from pydantic_core import from_json
from redis.exceptions import NoPermissionError, ResponseError

from backdesk.cli.catalogue import offers
from backdesk.cli.neighbours import find_neighbours
from backdesk.cli.options.limit_scopes import written
from backdesk.cli.options.moments import rough_span
from backdesk.cli.views.holds import unserved_text
from backdesk.cli.views.maintenance import notice_text
from backdesk.cli.views.pauses import pause_text
from backdesk.cli.views.top import counts_text
from backdesk.client import JobClient
from backdesk.client.deployment import Deployment, shown_url
from backdesk.client.operations.overview import Overview
from backdesk.platform.settings import load_settings
from backdesk.platform.tool_settings import ShownSetting
from backdesk.worker.address import NO_BLOBS
from backdesk.worker.errors import (
    ArchiveUnavailable,
    BlobError,
    BlobsAhead,
    ConfigurationError,
    NotPermitted,
    StoreUnavailable,
)
from backdesk.worker.store.calls import text
from backdesk.worker.store.connection import is_denied, translated
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.memory import room
from backdesk.worker.store.moments import moment
from backdesk.worker.store.rights import RightsCalls, rule_after
from backdesk.worker.store.scripts import run

OLDEST_REDIS = (6, 2)
PINGS = 20
MIB = 1024 * 1024
#: From this part of the memory on of which new jobs may use all, they will soon be refused.
MEMORY_WARN = 0.8
MOST_NAMED = 5
SLOW_MS = 10.0
#: Moments that a producer names are by its clock, and come by that of Redis. Seconds.
CLOCK_WARN_S, CLOCK_FAIL_S = 1.0, 30.0
#: For how long it is told that a count was put right. Seconds.
PUT_RIGHT_WARN_S = 86400.0

#: A job that has waited for the archive for so long is overdue. Seconds.
ARCHIVE_LATE_S = 60.0
#: A repair of the store that is younger than this is worth a look. Seconds.
RECENT_S = 86_400.0


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One matter, how it stands, and what to do about it ("" when nothing need be done)."""

    check: str
    level: Level
    detail: str
    fix: str = ""
    #: The settings that it is about, if there are any.
    settings: list[ShownSetting] = field(default_factory=list)


def found(check: str, level: Level, detail: str, fix: str) -> Finding:
    """Return a finding; its fix counts only when something is wrong."""
    return Finding(check, level, detail, "" if level is Level.OK else fix)


def examine(client: JobClient, deployment: Deployment) -> Iterator[Finding]:
    """Yield the findings on a Redis that answers; raises StoreUnavailable when it ceases to."""
    yield Finding("backdesk", Level.OK, f"version {installed_version()}, prefix {deployment.settings.prefix}")
    rights = Finding("rights", Level.OK, "")
    try:
        with translated():
            rights = _rights(client, deployment)
        yield rights
        yield from _examine_redis(client, deployment)
        yield from _examine_jobs(client, deployment)
    except StoreUnavailable as error:
        denial = error.__cause__
        if denial is None or not is_denied(denial):
            raise
        if rights.level is not Level.FAIL:  # else what is missing has been told, and the rest needs it
            yield Finding("rights", Level.FAIL, str(denial), rule_after(denial, deployment.settings))


def _examine_redis(client: JobClient, deployment: Deployment) -> Iterator[Finding]:
    with translated():
        try:
            info: dict[str, Any] = client.redis.info()
        except NoPermissionError as denial:
            detail = "its version, its memory and how it keeps jobs are unknown: the user may not ask for INFO"
            yield Finding("redis", Level.WARN, detail, rule_after(denial, deployment.settings))
        else:
            yield _redis(info, deployment)
            yield _eviction(info)
            yield _memory(info, deployment)
            yield _persistence(client, info)
        yield _latency(client)
        yield _clock(client)
        yield _neighbours(client, deployment)


def _examine_jobs(client: JobClient, deployment: Deployment) -> Iterator[Finding]:
    yield _repairs(client)
    yield _archive(client, deployment)
    yield _blobs(client, deployment)
    yield from _workers(client, deployment)
    yield _versions(client)
    yield _kinds(client)
    seen = client.overview(tenants=0)
    yield from _queues(seen)
    yield _unserved(seen)
    yield _counts(seen)
    yield _flow(client, deployment)
    yield _pauses(seen)
    yield _maintenance(client)


def _blobs(client: JobClient, deployment: Deployment) -> Finding:
    if deployment.settings.blobs_url == NO_BLOBS:
        return Finding("blobs", Level.OK, "off: what is too large for Redis is refused")
    try:
        where, others = client.blobs.check(), client.blobs.others()
    except BlobsAhead as error:
        return Finding("blobs", Level.FAIL, str(error), "restore the newest backup of Redis, or accept this one")
    except StoreUnavailable as error:
        return Finding("blobs", Level.FAIL, f"whose they are Redis does not tell: {error}", "see to Redis first")
    except BlobError as error:
        return Finding(
            "blobs", Level.FAIL, str(error), "set BACKDESK_BLOBS_URL to a store that can be written, or to off"
        )
    sealed = "encrypted" if deployment.settings.blobs_key else "not encrypted"
    told = f"{where} can be written, {sealed}; producers and workers must share it"
    if others:
        named = ", ".join(others[:MOST_NAMED]) + (", …" if len(others) > MOST_NAMED else "")
        told += f"; what other deployments have there, or this Redis before it was emptied, is left alone: {named}"
    return Finding("blobs", Level.OK, told)


def examine_model() -> Finding:
    """Tell which model jobs would ask, by the environment of this command. The key itself is never told."""
    try:
        settings = load_settings()
    except ConfigurationError as error:
        return Finding("model", Level.FAIL, str(error), "correct the variable; workers refuse to answer with it")
    if settings.offline:
        advice = "set OPENAI_API_KEY, or OPENAI_BASE_URL, and BACKDESK_MODEL where workers start, for a real one"
        return Finding("model", Level.WARN, "none configured here: the offline model answers, by rules", advice)
    where = f" at {shown_url(settings.base_url)}" if settings.base_url else ""
    key = "with a key" if settings.api_key else "without a key"
    return Finding("model", Level.OK, f"{settings.model}{where}, {key}")


def installed_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("backdesk")
    except PackageNotFoundError:
        return "unknown"


def _redis(info: dict[str, Any], deployment: Deployment) -> Finding:
    number = str(info["redis_version"])
    new_enough = tuple(int(part) for part in number.split(".")[:2]) >= OLDEST_REDIS
    valkey = info.get("valkey_version")
    program = f"Valkey {valkey}, as Redis {number}," if valkey else f"version {number}"
    detail = f"{program} at {shown_url(deployment.url)} ({deployment.origin})"
    return found("redis", Level.OK if new_enough else Level.FAIL, detail, "upgrade Redis to 6.2 or newer")


def _rights(client: JobClient, deployment: Deployment) -> Finding:
    rights = run(client.redis, RightsCalls(deployment.settings).missing())
    try:
        rights.check()
    except NotPermitted as error:
        return Finding("rights", Level.FAIL, str(error).rpartition("; ")[0], error.rule)
    if rights.to_watch:
        detail = f"{rights.user!r} has no right to channels: jobs run, and nobody can watch them or wait for a result"
        return Finding("rights", Level.WARN, detail, rights.rule)
    return Finding("rights", Level.OK, f"{rights.user!r} may do all that is needed")


def _eviction(info: dict[str, Any]) -> Finding:
    policy = str(info.get("maxmemory_policy", "unknown"))
    level = Level.FAIL if policy.startswith("allkeys") else Level.WARN
    if policy == "noeviction":
        level = Level.OK
    risk = "" if level is Level.OK else ": a full Redis would silently drop jobs"
    fix = "set maxmemory-policy noeviction in the configuration of Redis"
    return found("eviction", level, f"maxmemory-policy {policy}{risk}", fix)


def _memory(info: dict[str, Any], deployment: Deployment) -> Finding:
    used, limit = room(info, deployment.settings.memory_reserve)
    if not limit:
        return Finding("memory", Level.OK, f"{used / MIB:,.1f} MiB are used; maxmemory is not set")
    level = Level.FAIL if used > limit else Level.WARN if used > MEMORY_WARN * limit else Level.OK
    told = f"{used / MIB:,.1f} MiB are used; over {limit / MIB:,.1f} MiB no new jobs are taken"
    return found("memory", level, told, "raise its maxmemory, or lower BACKDESK_RETENTION_S")


def _persistence(client: JobClient, info: dict[str, Any]) -> Finding:
    fix = "set appendonly yes in the configuration of Redis"
    if info.get("aof_enabled"):
        return Finding("persistence", Level.OK, "append-only file")
    try:
        snapshots = str(client.redis.config_get("save").get("save", ""))
    except ResponseError:  # managed services refuse CONFIG
        return Finding("persistence", Level.WARN, "no append-only file; snapshots unknown", fix)
    if snapshots:
        return Finding("persistence", Level.WARN, "snapshots only: a crash loses the jobs since the last", fix)
    return Finding("persistence", Level.WARN, "none: a restart of Redis loses all jobs", fix)


def _latency(client: JobClient) -> Finding:
    spans_ms = []
    for _ in range(PINGS):
        began = time.perf_counter()
        client.redis.ping()
        spans_ms.append((time.perf_counter() - began) * 1000)
    middle = median(spans_ms)
    level = Level.OK if middle <= SLOW_MS else Level.WARN
    fix = "run workers and producers near Redis, and look for slow commands with SLOWLOG GET"
    return found("latency", level, f"{middle:.2f} ms, median of {PINGS} pings", fix)


def _clock(client: JobClient) -> Finding:
    before = time.time()
    seconds, microseconds = client.redis.time()
    middle = (before + time.time()) / 2
    off = middle - (seconds + microseconds / 1_000_000)
    level = Level.OK if abs(off) <= CLOCK_WARN_S else Level.WARN if abs(off) <= CLOCK_FAIL_S else Level.FAIL
    fix = "synchronise the clocks (NTP): a moment that is given from here, as by --at, is off by as much"
    return found("clock", level, f"{off:+.3f} s from that of Redis", fix)


def _neighbours(client: JobClient, deployment: Deployment) -> Finding:
    settings = deployment.settings
    neighbours = find_neighbours(client.redis, settings)
    detail = "; ".join(neighbours.texts) or "no other Celery application on this database"
    fixes = []
    if neighbours.astray:
        fixes.append(f"have them sent with queue={settings.inbox!r}, or name the list in BACKDESK_SHARED_INBOXES")
    if contested := ", ".join(neighbours.contested(settings)):
        fixes.append(f"workers of others read {contested} too and drop tasks for kinds here: use {settings.inbox!r}")
    return found("neighbours", Level.WARN if fixes else Level.OK, detail, "; ".join(fixes))


def _repairs(client: JobClient) -> Finding:
    """Tell what the leader had to put right of jobs that were in no place (`store/lua/sweep.lua`)."""
    with translated():
        kept = {text(name): text(value) for name, value in client.redis.hgetall(client.core.keys.sweep).items()}
    counts = {name.removeprefix("repaired "): n for name, n in kept.items() if name.startswith("repaired ")}
    if not counts:
        return Finding("repairs", Level.OK, "none: every job was found where it should be")
    age_s = time.time() - int(kept["repaired_at"]) / 1000
    told = f"{', '.join(f'{n} {name}' for name, n in sorted(counts.items()))}; the last {rough_span(max(age_s, 0))} ago"
    fix = "a script was ended amid its writes: look for job_repaired in the logs of workers, and for errors before it"
    return found("repairs", Level.WARN if age_s < RECENT_S else Level.OK, told, fix)


def _archive(client: JobClient, deployment: Deployment) -> Finding:
    """Tell how the leader fares that moves jobs to the archive, by what it notes, and whether it can be read here."""
    settings, keys = deployment.settings, client.core.keys
    with translated():
        kept = {text(name): text(value) for name, value in client.redis.hgetall(keys.archive).items()}
        due, overdue = (
            client.redis.zcount(keys.forgetting, "-inf", int((time.time() - late_s) * 1000))
            for late_s in (0, ARCHIVE_LATE_S)
        )
    if not kept and settings.archive_url is None:
        return Finding("archive", Level.OK, "none: jobs are forgotten after their retention")
    told = f"{kept.get('archived', '0')} jobs moved"
    if trouble := kept.get("error") or _unread(client):
        reason, _, fix = trouble.partition("; ")
        lasts = f"jobs are lost {rough_span(settings.archive_patience_s)} after their retention"
        return Finding("archive", Level.FAIL, f"{told}, {due} wait: {reason}; {lasts}", fix)
    if int(kept.get("lost_at", 0)) / 1000 > time.time() - RECENT_S:
        fix = "the archive was away for longer than BACKDESK_ARCHIVE_PATIENCE_S: set it higher, while Redis has room"
        return Finding("archive", Level.WARN, f"{told}, {kept['lost']} were lost", fix)
    if overdue:
        fix = "look for job_not_archived in the logs of workers, and set BACKDESK_ARCHIVE_URL for all of them"
        return Finding("archive", Level.WARN, f"{told}, {overdue} are overdue", fix)
    fix = "set BACKDESK_ARCHIVE_URL here too, as it is set for workers"
    read = "" if settings.archive_url else ", and cannot be read from here"
    return found("archive", Level.WARN if read else Level.OK, f"{told}{read}", fix)


def _unread(client: JobClient) -> str:
    """Return why the archive cannot be read from here, "" when it can."""
    try:
        client.do(client.core.archived.find(["none"], whole=False))
    except (ArchiveUnavailable, ConfigurationError) as error:
        return str(error)
    return ""


def _workers(client: JobClient, deployment: Deployment) -> Iterator[Finding]:
    announced = client.workers()
    for queue in deployment.settings.queues:
        slots = [worker.slots[queue] for worker in announced if queue in worker.slots]
        detail = f"{len(slots)} alive, {sum(slots)} slots" if slots else "none alive: its jobs wait"
        fix = f"start one: backdesk worker {queue}, or everything: backdesk up"
        yield found(f"workers of {queue}", Level.OK if slots else Level.WARN, detail, fix)


def _versions(client: JobClient) -> Finding:
    ours = installed_version()
    others = sorted({worker.version for worker in client.workers()} - {ours})
    detail = f"workers run {', '.join(others)}, this is {ours}" if others else "the same everywhere"
    return found("versions", Level.WARN if others else Level.OK, detail, "run one version everywhere")


def _kinds(client: JobClient) -> Finding:
    names = [f"{offer.contract.kind}{'' if offer.workers else ' (no live worker)'}" for offer in offers(client)]
    detail = ", ".join(names) or "none announced"
    return found("kinds", Level.OK if names else Level.WARN, detail, "start a worker: it announces what it can run")


def _queues(seen: Overview) -> Iterator[Finding]:
    for queue in seen.queues:
        whose = f"{queue.queued} queued, {queue.delivered} of them delivered, not taken; of {queue.tenants} tenants"
        rate = f"; {queue.running} running, {queue.ended_per_s:g} ended a second"
        yield Finding(f"queue {queue.queue}", Level.OK, f"{whose}{rate}")


def _unserved(seen: Overview) -> Finding:
    told = [unserved_text(each).partition("; ") for each in seen.unserved]
    detail = "; ".join(sentence for sentence, _, _ in told) or "no job waits for a worker that is not there"
    fixes = "; ".join(dict.fromkeys(fix for _, _, fix in told))
    return found("unserved jobs", Level.FAIL if told else Level.OK, detail, fixes)


def _pauses(seen: Overview) -> Finding:
    detail = "; ".join(map(pause_text, seen.pauses[:MOST_NAMED])) or "nothing"
    more = f" and {len(seen.pauses) - MOST_NAMED} more" if len(seen.pauses) > MOST_NAMED else ""
    fixes = "; ".join(f"backdesk resume {written(each.scope)}" for each in seen.pauses[:MOST_NAMED])
    level = Level.WARN if seen.pauses else Level.OK
    return found("paused", level, f"{detail}{more}", f"to go on: {fixes}")


def _maintenance(client: JobClient) -> Finding:
    notice = client.maintenance.get()
    detail = notice_text(notice) if notice else "none"
    fix = "when it is over, if it does not end by itself: backdesk maintenance off"
    return found("maintenance", Level.WARN if notice else Level.OK, detail, fix)


def _flow(client: JobClient, deployment: Deployment) -> Finding:
    with translated():
        raw: list[Any] = client.redis.hmget(Keys(deployment.settings.prefix).recount, "put_right_at", "put_right_last")
    if not raw[0] or time.time() - int(raw[0]) / 1000 > PUT_RIGHT_WARN_S:
        return Finding("flow", Level.OK, "what runs and is delivered is counted right")
    when, which = f"{moment(raw[0]):%Y-%m-%d %H:%M:%S} UTC", ", ".join(from_json(raw[1]))
    detail = f"counts were wrong and put right, at last on {when}: {which}"
    fix = "nothing need be done; it should not happen: report it with what the leader logged as flow_put_right"
    return Finding("flow", Level.WARN, detail, fix)


def _counts(seen: Overview) -> Finding:
    return Finding("jobs", Level.OK, counts_text(seen))
