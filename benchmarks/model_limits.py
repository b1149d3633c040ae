"""Whether four workers together keep to what a provider allows a minute, and use it, by the provider's own notes.

The provider (`benchmarks/provider.py`) limits nothing itself. A request counts when it comes, with the tokens that it
will have used; the estimates are right on average and off by up to 40 %.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from backdesk.client import JobClient
from backdesk.worker.settings import load_settings
from benchmarks.calls import CHECKS, KIND, SERVICE
from benchmarks.calls import environment as with_calls
from benchmarks.child import MeasurementFailed
from benchmarks.contender import BACKDESK, PREFIX, environment
from benchmarks.fleet import fleet
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.provider import Note, provider
from benchmarks.rounds import Server, Turn, in_rounds
from benchmarks.windows import Moment, most_within, sum_between

WORKERS, SLOTS = 4, 50
LATENCY_S = (0.2, 0.6)
TOKENS = (60, 140)
ESTIMATE = 100
#: Limit to what is allowed a minute: each is 20 calls a second.
LIMITS = {"requests_per_minute": 1200, "tokens_per_minute": 120_000}
#: One long run instead of repetitions: a minute can begin at any of its moments.
RUN_S = 105.0
QUICK_RUN_S = 25.0
MINUTE_S, FINER_S = 60.0, 10.0
#: Left out: until every worker has loaded its client library, calls begin later than they may, and then together.
START_S = 6.0
#: In percent of the limit.
MOST, LEAST = Bound("value", "≤", 101), Bound("value", "≥", 95)


@dataclass(frozen=True, slots=True)
class Asked:
    """In percent of the limit: in the fullest minute, in the fullest ten seconds, and in the whole run."""

    minute: float
    finer: float
    used: float


def model_limits(plan: Plan) -> list[Line]:
    """Let four workers call a model under a limit of requests a minute, then of tokens a minute, with more to do."""
    run_s = RUN_S if plan.divisor == 1 else QUICK_RUN_S
    return [line for limit in LIMITS for line in _under(limit, run_s)]


def _under(limit: str, run_s: float) -> list[Line]:
    turn = Turn(f"{BACKDESK.name}, {limit}", BACKDESK, partial(_asked, limit, run_s))
    asked = in_rounds([turn], 1).taken[turn.label]
    minute_s = min(MINUTE_S, run_s)
    title, of_limit = f"{LIMITS[limit]:,} {limit.replace('_', ' ')}, {WORKERS} workers", "% of the limit"
    return [
        Line("model_limits", f"{title}: most in any {minute_s:g} s", of_limit, [a.minute for a in asked], bound=MOST),
        Line("model_limits", f"{title}: most in any {FINER_S:g} s", of_limit, [a.finer for a in asked]),
        Line("model_limits", f"{title}: used", of_limit, [a.used for a in asked], bound=LEAST),
    ]


def _asked(limit: str, run_s: float, server: Server) -> Asked:
    settings = load_settings(redis_url=server.url, prefix=PREFIX)
    a_second = LIMITS[limit] / 60
    calls_a_second = a_second if limit == "requests_per_minute" else a_second / ESTIMATE
    with provider(LATENCY_S, TOKENS) as model, JobClient(settings=settings, checks=CHECKS) as client:
        client.limits.services.set(SERVICE, **{limit: LIMITS[limit]})
        with fleet(server, WORKERS, SLOTS, with_calls(environment(server.url), model.url)):
            jobs = round(calls_a_second * run_s * 1.2) + WORKERS * SLOTS
            client.submit_many(KIND, [{"tokens": ESTIMATE}] * jobs)
            time.sleep(run_s + START_S)
            notes, end_s = model.notes(), time.time()
    if len(notes) >= jobs:
        raise MeasurementFailed("all calls were made before the end")
    return _measured([_moment(limit, note) for note in notes], a_second, end_s)


def _moment(limit: str, note: Note) -> Moment:
    return note.came_s, float(note.tokens) if limit == "tokens_per_minute" else 1.0


def _measured(all_moments: list[Moment], a_second: float, end_s: float) -> Asked:
    begin_s = min(all_moments)[0] + START_S
    moments = [moment for moment in all_moments if moment[0] >= begin_s]
    percent = 100 / a_second
    return Asked(
        most_within(moments, MINUTE_S) / min(MINUTE_S, end_s - begin_s) * percent,
        most_within(moments, FINER_S) / FINER_S * percent,
        sum_between(moments, begin_s, end_s) / (end_s - begin_s) * percent,
    )
