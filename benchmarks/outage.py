"""A provider fails for half a minute while two hundred jobs live that call it: what is lost, asked in vain, and late.

The jobs go from call to call with pauses between, as agents do between model and tools. While the provider fails it
answers 503 or closes the connection, also to what it was working on. What the breaker lets through meanwhile, and what
comes afterwards, is what the provider has noted; when the breaker changes is what it announces.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import redis.client

from backdesk.client import JobClient
from backdesk.worker.model.job import JobState
from backdesk.worker.settings import load_settings
from backdesk.worker.store.keys import Keys
from benchmarks.calls import CHECKS, KIND, SERVICE
from benchmarks.calls import environment as with_calls
from benchmarks.child import MeasurementFailed
from benchmarks.contender import BACKDESK, PREFIX, environment
from benchmarks.fleet import fleet
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.provider import Note, provider
from benchmarks.rounds import Server, Turn, in_rounds
from benchmarks.windows import Moment, sum_between

JOBS = 200
WORKERS, SLOTS = 4, 50
LATENCY_S, PAUSE_S = (0.5, 1.5), 3.0
#: A call and the pause before it, on average: within it each job that lives makes about one call.
CYCLE_S = PAUSE_S + sum(LATENCY_S) / 2
CALLS = 10
BEFORE_S, OUTAGE_S = 5 * CYCLE_S, 30.0
QUICK_OUTAGE_S = 10.0
REPEAT = 2
#: Calls that had been allowed when the breaker opened may be on their way so long. Seconds.
ON_THEIR_WAY_S = 0.5
FULL = 0.95


@dataclass(frozen=True, slots=True)
class Outage:
    """Jobs that failed; most probes at once; seconds until calls come as they did before."""

    failed: int
    probes_at_once: int
    recovery_s: float


def outage(plan: Plan) -> list[Line]:
    """Let the provider of 200 live jobs fail for 30 s: jobs that fail, probes at once, and seconds to the full rate."""
    outage_s = OUTAGE_S if plan.divisor == 1 else QUICK_OUTAGE_S
    turn = Turn(BACKDESK.name, BACKDESK, lambda server: _outage(server, outage_s))
    taken = in_rounds([turn], min(plan.repeat, REPEAT)).taken[BACKDESK.name]
    title = f"{JOBS} jobs, provider away for {outage_s:g} s"
    return [
        Line("outage", f"{title}: failed", "jobs", [each.failed for each in taken], bound=Bound("value", "≤", 0)),
        Line(
            "outage",
            f"{title}: probes at once",
            "calls",
            [each.probes_at_once for each in taken],
            bound=Bound("value", "≤", 1),
        ),
        Line(
            "outage",
            f"{title}: back → {FULL:.0%} of the rate",
            "s",
            [each.recovery_s for each in taken],
            bound=Bound("value", "≤", 5),
        ),
    ]


def _outage(server: Server, outage_s: float) -> Outage:
    settings, keys = load_settings(redis_url=server.url, prefix=PREFIX), Keys(PREFIX)
    with (
        provider(LATENCY_S, (100, 100)) as model,
        JobClient(settings=settings, checks=CHECKS) as client,
        server.client.pubsub(ignore_subscribe_messages=True) as changes,
        fleet(server, WORKERS, SLOTS, with_calls(environment(server.url), model.url)) as worker,
    ):
        changes.subscribe(keys.breakers)
        changes.get_message(timeout=5)  # the answer to that, which reads as no message
        client.submit_many(KIND, [{"count": CALLS, "pause_s": PAUSE_S}] * JOBS)
        worker.wait_until(lambda: int(server.client.zcard(keys.leases)) == JOBS)
        time.sleep(BEFORE_S)
        failed_at = model.fail()
        time.sleep(outage_s)
        healed_at = model.heal()
        worker.wait_until(lambda: _ended(client) == JOBS)
        notes, breaks = model.notes(), _breaks(changes)
        failed = client.counts()[JobState.FAILED]
    arrivals: list[Moment] = [(note.came_s, 1.0) for note in notes]
    before = sum_between(arrivals, failed_at - 2 * CYCLE_S, failed_at) / (2 * CYCLE_S)
    return Outage(failed, _most_at_once(_probes(notes, breaks)), _back_at(arrivals, healed_at, before) - healed_at)


def _ended(client: JobClient) -> int:
    counts = client.counts()
    return counts[JobState.SUCCEEDED] + counts[JobState.FAILED]


def _breaks(changes: redis.client.PubSub) -> list[tuple[float, float]]:
    """Return from when until when the breaker was not closed."""
    breaks: list[tuple[float, float]] = []
    opened_at = None
    while message := changes.get_message(timeout=0.1):
        change = json.loads(message["data"])
        at = datetime.fromisoformat(change["at"]).timestamp()
        if change["state"] != "closed":
            opened_at = opened_at or at
        elif opened_at:
            breaks.append((opened_at, at))
            opened_at = None
    if not breaks or opened_at:
        raise MeasurementFailed(f"the breaker of {SERVICE} did not open and close: {breaks}")
    return breaks


def _probes(notes: Sequence[Note], breaks: Sequence[tuple[float, float]]) -> list[Note]:
    return [note for note in notes if any(begin + ON_THEIR_WAY_S < note.came_s < end for begin, end in breaks)]


def _most_at_once(notes: Sequence[Note]) -> int:
    return max(
        (sum(each.came_s <= note.came_s < (each.answered_s or note.came_s + 1) for each in notes) for note in notes),
        default=0,
    )


def _back_at(arrivals: Sequence[Moment], healed_at: float, before: float) -> float:
    """Return when calls come at the rate of before again: over one cycle, and over its first second alike.

    The second is there because all jobs come back at once: a cycle that ends with them would be full as well.
    """
    for came_s, _ in arrivals:
        widths = (1.0, CYCLE_S) if came_s >= healed_at else ()
        rates = [sum_between(arrivals, came_s, came_s + width) / width for width in widths]
        if rates and min(rates) >= FULL * before:
            return came_s
    raise MeasurementFailed("the calls never came back to their rate")
