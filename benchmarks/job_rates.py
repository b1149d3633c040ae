"""Whether kinds of job with a rate begin as often as they may, and no more often, over a fleet of four workers."""

from __future__ import annotations

import time
from dataclasses import dataclass

from backdesk.client import JobClient
from backdesk.worker.model.tenancy import JobLimits, scope_of
from backdesk.worker.settings import load_settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import run
from benchmarks.child import MeasurementFailed
from benchmarks.contender import BACKDESK, PREFIX, environment
from benchmarks.fleet import fleet
from benchmarks.kinds import CHECKS
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, in_rounds
from benchmarks.runs import now_s, runs_of
from benchmarks.windows import Moment, most_within, sum_between

#: Kind to its rate a minute.
RATES = {"bench.noop_sync": 600, "bench.noop": 3000}
WORKERS, SLOTS = 4, 8
RUN_S, WINDOW_S = 40.0, 10.0
REPEAT = 3
#: In percent of the rate.
MOST, LEAST = Bound("value", "≤", 101), Bound("value", "≥", 95)


@dataclass(frozen=True, slots=True)
class Kept:
    """In percent of the rate: begun in the fullest window, and in the whole run."""

    most: float
    used: float


def job_rates(plan: Plan) -> list[Line]:
    """Run kinds with rates of 600 and 3,000 a minute side by side on four workers, with more jobs than may begin."""
    run_s = RUN_S if plan.divisor == 1 else 2 * WINDOW_S
    turn = Turn(BACKDESK.name, BACKDESK, lambda server: _begun(server, run_s))
    samples = in_rounds([turn], min(plan.repeat, REPEAT)).taken[BACKDESK.name]
    return [line for kind, rate in RATES.items() for line in _lines(rate, [kept[kind] for kept in samples])]


def _lines(rate: int, kept: list[Kept]) -> list[Line]:
    title, of_rate = f"{rate:,} jobs/min on {WORKERS} workers", "% of the rate"
    return [
        Line("job_rates", f"{title}: most begun in any {WINDOW_S:g} s", of_rate, [k.most for k in kept], bound=MOST),
        Line("job_rates", f"{title}: begun in all", of_rate, [k.used for k in kept], bound=LEAST),
    ]


def _begun(server: Server, run_s: float) -> dict[str, Kept]:
    settings = load_settings(redis_url=server.url, prefix=PREFIX)
    transitions = Transitions(settings)
    for kind, rate in RATES.items():
        run(server.client, transitions.configure(scope_of(kind=kind), JobLimits(rate=f"{rate}/m").policy))
    with (
        JobClient(settings=settings, checks=CHECKS) as client,
        fleet(server, WORKERS, SLOTS, environment(server.url)),
    ):
        begin_s = now_s(server)
        ids = {
            kind: [job.id for job in client.submit_many(kind, [{"n": 1}] * round(rate / 60 * run_s * 1.5))]
            for kind, rate in RATES.items()
        }
        time.sleep(run_s)
        end_s = now_s(server)
    return {kind: _kept(server, mine, RATES[kind] / 60, begin_s, end_s) for kind, mine in ids.items()}


def _kept(server: Server, ids: list[str], rate: float, begin_s: float, end_s: float) -> Kept:
    begun: list[Moment] = [(began_s, 1.0) for each in runs_of(server, ids) if (began_s := each.began_s) is not None]
    if len(begun) == len(ids):
        raise MeasurementFailed("all jobs had begun before the end")
    return Kept(
        most_within(begun, WINDOW_S) / (rate * WINDOW_S) * 100,
        sum_between(begun, begin_s, end_s) / (rate * (end_s - begin_s)) * 100,
    )
