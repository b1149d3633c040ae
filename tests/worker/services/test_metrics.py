"""The figures at the health port, in the format of Prometheus."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families
from pydantic_core import to_json

from backdesk.worker.model.job import Succeeded, Usage
from backdesk.worker.model.service import Resource, Went
from backdesk.worker.model.tenancy import TenantSettings, tenant_scope
from backdesk.worker.services.metrics import Metrics
from backdesk.worker.services.probes import HttpProbe
from backdesk.worker.settings import Settings
from backdesk.worker.store.scripts import run
from backdesk.worker.store.services import Reservations
from tests.support.board import Board, Clock, question
from tests.worker.services.test_health import WELL


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    return Board(client, settings, Clock())


@pytest.fixture
def metrics(client: redis.Redis, settings: Settings, board: Board) -> Metrics:
    return Metrics(client, settings, board.clock)


def figures(page: str) -> dict[str, float]:
    """Each figure by its name and labels, as a query would name it."""
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return {" ".join([each.name, *each.labels.values()]): each.value for each in samples}


def rendered(metrics: Metrics) -> dict[str, float]:
    return figures(metrics.render().decode())


def test_of_an_empty_deployment_everything_is_nought(metrics: Metrics) -> None:
    found = rendered(metrics)
    assert found["backdesk_jobs queued"] == found["backdesk_workers"] == found["backdesk_queue_running agents"] == 0


def test_jobs_are_counted_by_state_and_those_of_a_queue_by_where_they_are(board: Board, metrics: Metrics) -> None:
    board.announce(agents=2)
    ids = board.submit_many(6)
    board.succeed(board.start(ids[0]))
    board.start(ids[1])
    found = rendered(metrics)
    assert [found[f"backdesk_jobs {state}"] for state in ("queued", "running", "succeeded")] == [4, 1, 1]
    assert (found["backdesk_queue_slots agents"], found["backdesk_queue_running agents"]) == (2, 1)
    assert found["backdesk_queue_delivered agents"] == len(board.delivered()) - 2
    assert found["backdesk_workers"] == 1


def test_a_limit_that_holds_somebody_shows(board: Board, metrics: Metrics) -> None:
    limits = TenantSettings(max_running=0).policy
    board.run(board.transitions.configure(tenant_scope("acme"), limits, "acme"))
    board.submit(tenant="acme")
    assert rendered(metrics)["backdesk_limits_holding"] == 1


def test_a_breaker_shows_the_state_it_is_in(board: Board, metrics: Metrics, settings: Settings) -> None:
    claim = board.start(board.submit())
    reservations, service = Reservations(settings, board.clock), Resource("openai/gpt-4o")
    for number in range(settings.breaker_failures):
        call = f"{claim.job_id}:{claim.fence}:{number}"
        run(board.client, reservations.reserve(call, service, "acme", 10, 0))
        run(board.client, reservations.settle(call, service, Went.FAILED, None, None))
    found = rendered(metrics)
    states = {
        state: found[f"backdesk_breaker_state openai/gpt-4o {state}"] for state in ("closed", "open", "half_open")
    }
    assert states == {"closed": 0, "open": 1, "half_open": 0}


def test_the_archive_is_counted(board: Board, metrics: Metrics) -> None:
    board.client.hset(board.keys.archive, mapping={"archived": 7, "lost": 2, "error": "away"})
    board.client.zadd(board.keys.forgetting, {"waits": 0})
    found = rendered(metrics)
    names = ("jobs_archived_total", "jobs_lost_total", "archive_failing", "jobs_overdue")
    assert [found[f"backdesk_{name}"] for name in names] == [7, 2, 1, 1]


def families(metrics: Metrics) -> dict[str, str]:
    """The sort of each figure, as Prometheus reads it."""
    return {family.name: family.type for family in text_string_to_metric_families(metrics.render().decode())}


def test_what_has_ended_is_counted_by_queue_kind_and_state_and_for_no_tenant(board: Board, metrics: Metrics) -> None:
    usage = Usage(requests=1, input_tokens=100, output_tokens=20, cost_usd=0.25)
    for tenant in ("acme", "beta"):
        board.finish(board.start(board.submit(tenant=tenant)), Succeeded(b"1"), usage)
    board.fail(board.start(board.submit(kind="test.steps", queue="tools")))
    found = rendered(metrics)
    assert found["backdesk_jobs_ended_total test.echo agents succeeded"] == 2
    assert found["backdesk_jobs_ended_total test.steps tools failed"] == 1
    assert found["backdesk_tokens_total input test.echo agents"] == 200
    assert found["backdesk_tokens_total output test.echo agents"] == 40
    assert found["backdesk_cost_usd_total test.echo agents"] == 0.5
    assert "acme" not in metrics.render().decode()


def test_waits_and_run_times_are_histograms(board: Board, metrics: Metrics) -> None:
    for waits, runs in ((0.5, 2), (3, 2), (200_000, 0)):
        job_id = board.submit()
        board.clock.advance(waits)
        claim = board.start(job_id)
        board.clock.advance(runs)
        board.succeed(claim)
    board.cancel(board.submit())  # neither waited for a start nor ran
    found = rendered(metrics)
    of = "test.echo agents"
    waited = [
        found[f"backdesk_job_wait_seconds_bucket test.echo {bound} agents"]
        for bound in ("0.256", "0.512", "4.096", "+Inf")
    ]
    assert waited == [0, 1, 2, 3]
    assert [found[f"backdesk_job_wait_seconds_{name} {of}"] for name in ("count", "sum")] == [3, 200_003.5]
    assert found["backdesk_job_run_seconds_bucket test.echo 2.048 agents"] == 3
    assert [found[f"backdesk_job_run_seconds_{name} {of}"] for name in ("count", "sum")] == [3, 4]


def test_each_figure_is_of_the_sort_that_it_is(board: Board, metrics: Metrics) -> None:
    board.succeed(board.start(board.submit()))
    sorts = families(metrics)
    assert {name for name, sort in sorts.items() if sort == "histogram"} == {
        "backdesk_job_wait_seconds",
        "backdesk_job_run_seconds",
    }
    assert {name for name, sort in sorts.items() if sort == "counter"} == {
        "backdesk_jobs_ended",
        "backdesk_retries",
        "backdesk_attempts_lost",
        "backdesk_tokens",
        "backdesk_cost_usd",
        "backdesk_flow_put_right",
        "backdesk_jobs_repaired",
        "backdesk_jobs_archived",
        "backdesk_jobs_lost",
    }


def announce(board: Board, kind: str, queue: str) -> None:
    board.client.hset(board.keys.kinds, kind, to_json({"kind": kind, "queue": queue}))
    board.client.zadd(board.keys.kinds_seen, {kind: board.clock()})


def test_what_is_queued_is_told_by_queue_and_kind_with_the_age_of_the_oldest(board: Board, metrics: Metrics) -> None:
    announce(board, "test.echo", "agents")
    announce(board, "test.steps", "tools")
    board.submit()
    board.clock.advance(30)
    board.submit(tenant="beta")
    found = rendered(metrics)
    assert found["backdesk_queued_jobs test.echo agents"] == 2
    assert found["backdesk_queued_oldest_seconds test.echo agents"] == 30
    assert (
        found["backdesk_queued_jobs test.steps tools"] == found["backdesk_queued_oldest_seconds test.steps tools"] == 0
    )


def test_dead_letters_are_told_by_kind(board: Board, metrics: Metrics) -> None:
    announce(board, "test.echo", "agents")
    board.fail(board.start(board.submit()))
    assert rendered(metrics)["backdesk_dead_letters test.echo agents"] == 1


def test_a_kind_whose_contract_cannot_be_read_does_not_hide_the_others(board: Board, metrics: Metrics) -> None:
    announce(board, "test.echo", "agents")
    board.client.hset(board.keys.kinds, "test.broken", "no JSON")
    board.client.zadd(board.keys.kinds_seen, {"test.broken": board.clock()})
    assert rendered(metrics)["backdesk_queued_jobs test.echo agents"] == 0


def test_attempts_that_are_retried_and_lost_are_counted_though_the_job_goes_on(board: Board, metrics: Metrics) -> None:
    claim = board.start(board.submit())
    board.retry(claim)
    board.retry(claim)  # a call that is repeated counts once
    board.start(board.submit())
    board.clock.advance(board.settings.lease_s + 1)
    board.reap()
    found = rendered(metrics)
    assert (
        found["backdesk_retries_total test.echo agents"] == found["backdesk_attempts_lost_total test.echo agents"] == 1
    )


def test_a_lease_that_has_run_out_shows_until_its_job_is_taken_back(board: Board, metrics: Metrics) -> None:
    board.start(board.submit())
    board.clock.advance(board.settings.lease_s + 1)
    before = rendered(metrics)
    board.reap()
    after = rendered(metrics)
    assert (before["backdesk_leases"], before["backdesk_leases_expired"]) == (1, 1)
    assert (after["backdesk_leases"], after["backdesk_leases_expired"]) == (0, 0)


def test_what_is_asked_is_counted_with_the_nearest_deadline(board: Board, metrics: Metrics) -> None:
    board.wait(board.start(board.submit()), question("whenever"))
    assert "backdesk_asks_next_deadline_timestamp_seconds" not in rendered(metrics)
    board.wait(board.start(board.submit()), question("soon", within_s=60))
    found = rendered(metrics)
    assert found["backdesk_asks_open"] == 2
    assert found["backdesk_asks_next_deadline_timestamp_seconds"] == board.clock() / 1000 + 60


def test_a_worker_that_is_ill_shows_by_its_name(board: Board, metrics: Metrics) -> None:
    for facts in (WELL.model_copy(update={"name": "well"}), WELL.model_copy(update={"name": "ill", "loop_lag_s": 60})):
        board.client.set(board.keys.worker(facts.name), facts.model_dump_json())
        board.client.zadd(board.keys.workers, {facts.name: board.clock() + 6000})
    board.client.zadd(board.keys.workers, {"gone": board.clock() - 1})
    found = rendered(metrics)
    assert found["backdesk_workers"] == 2
    assert (found["backdesk_worker_healthy well"], found["backdesk_worker_healthy ill"]) == (1, 0)
    assert found["backdesk_worker_loop_lag_seconds ill"] == 60


def test_a_scrape_asks_as_often_for_many_tenants_as_for_one(board: Board, metrics: Metrics) -> None:
    announce(board, "test.echo", "agents")

    def commands() -> int:
        rendered(metrics)
        before: int = board.client.info("stats")["total_commands_processed"]
        rendered(metrics)
        after: int = board.client.info("stats")["total_commands_processed"]
        return after - before

    board.submit()
    of_one = commands()
    for number in range(300):
        board.submit(tenant=f"tenant-{number}")
    assert commands() == of_one


def test_counters_do_not_go_back_when_the_jobs_are_forgotten(board: Board, metrics: Metrics) -> None:
    board.succeed(board.start(board.submit()))
    board.clock.advance(board.settings.succeeded_retention_s + 1)
    board.run(board.transitions.prune())
    found = rendered(metrics)
    assert (found["backdesk_jobs succeeded"], found["backdesk_jobs_ended_total test.echo agents succeeded"]) == (0, 1)


@pytest.fixture
def probe(metrics: Metrics) -> Iterator[HttpProbe]:
    probe = HttpProbe("127.0.0.1", 0, lambda: WELL, metrics.render)
    probe.start()
    yield probe
    probe.stop()


def ask(port: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_the_health_port_serves_them(probe: HttpProbe) -> None:
    status, page = ask(probe.port)
    assert (status, figures(page)["backdesk_workers"]) == (200, 0)


def test_without_redis_the_page_says_so(settings: Settings) -> None:
    nowhere = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=1)
    probe = HttpProbe("127.0.0.1", 0, lambda: WELL, Metrics(nowhere, settings).render)
    probe.start()
    try:
        status, page = ask(probe.port)
    finally:
        probe.stop()
    assert (status, "Redis cannot be read" in page) == (503, True)
