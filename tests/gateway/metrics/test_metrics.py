"""What the gateway tells Prometheus."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message, Scope

from backdesk.client.deployment import Deployment
from backdesk.gateway.access.caller import Caller
from backdesk.gateway.access.caller import Scope as CallerScope
from backdesk.gateway.app import create_app
from backdesk.gateway.metrics.measured import Measured
from backdesk.gateway.metrics.process import ProcessMetrics
from backdesk.gateway.service import caller_of
from backdesk.gateway.settings import GatewaySettings
from backdesk.gateway.streams.sse import ABORT, EventStream, frame
from backdesk.worker.settings import Settings
from tests.support.eventually import eventually
from tests.support.gateway import serving
from tests.support.workers import Fleet

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"
#: Told only while there is something to tell, or only on demand.
AT_TIMES = {"backdesk_asks_next_deadline_timestamp_seconds", "backdesk_tenant_queued", "backdesk_tenant_running"}
#: Of the client for Python, on Linux.
OF_PROCESS = "process_"


def figures(page: str) -> dict[str, float]:
    """Each figure by its name and labels, as a query would name it."""
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return {" ".join([each.name, *map("=".join, sorted(each.labels.items()))]): each.value for each in samples}


def scrape(http: httpx2.Client) -> dict[str, float]:
    answer = http.get("/metrics")
    assert answer.status_code == 200, answer.text
    return figures(answer.text)


def exposed(page: str) -> dict[str, str]:
    """The names of metrics as a query names them, with their types."""
    return {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in text_string_to_metric_families(page)
    }


def documented() -> dict[str, str]:
    rows = re.findall(r"^\| `(backdesk_\w+)` \| (\w+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a metric is documented twice"
    return dict(rows)


@pytest.fixture
def busy(http: httpx2.Client) -> httpx2.Client:
    """A client of a gateway through which a job went."""
    answer = http.post("/v1/jobs?wait=30", json={"kind": "test.echo", "request": {"text": "hello"}})
    assert answer.json()["state"] == "succeeded"
    return http


def test_each_metric_is_documented_and_each_documented_one_is_there(busy: httpx2.Client) -> None:
    found = {
        name: type_ for name, type_ in exposed(busy.get("/metrics").text).items() if not name.startswith(OF_PROCESS)
    }
    told = {name: type_ for name, type_ in documented().items() if name not in AT_TIMES}
    assert {name: type_ for name, type_ in found.items() if name not in AT_TIMES} == told


def test_a_scraper_that_speaks_openmetrics_is_answered_in_it(busy: httpx2.Client) -> None:
    answer = busy.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert {family.name for family in read_openmetrics(answer.text)} >= {"backdesk_jobs", "backdesk_gateway_requests"}  # type: ignore[no-untyped-call]  # a library without annotations


def test_a_job_over_http_is_counted_as_submitted_and_as_ended(http: httpx2.Client) -> None:
    submitted = "backdesk_gateway_submits_total kind=test.echo"
    ended = "backdesk_jobs_ended_total kind=test.echo queue=agents state=succeeded"
    before = scrape(http)
    for _ in range(2):  # the second finds the job of the first
        body = {"kind": "test.echo", "request": {"text": "hello"}, "job_id": "counted-once"}
        assert http.post("/v1/jobs?wait=30", json=body).json()["state"] == "succeeded"
    eventually(lambda: scrape(http).get(ended, 0) > before.get(ended, 0))  # what was told before may be a second old
    assert scrape(http)[submitted] == before.get(submitted, 0) + 1


def test_requests_are_told_by_route_and_never_by_what_a_client_makes_up(http: httpx2.Client) -> None:
    for number in range(3):
        http.get(f"/v1/jobs/none-{number}")
        http.get(f"/made/up/{number}")
    http.request("MADEUP", "/v1/jobs")
    told = [name for name in scrape(http) if name.startswith("backdesk_gateway_requests_total")]
    assert "backdesk_gateway_requests_total method=GET route=/v1/jobs/{job_id} status=404" in told
    assert "backdesk_gateway_requests_total method=GET route=none status=404" in told
    assert not [name for name in told if "none-" in name or "made" in name.lower()]


def test_a_stream_is_counted_with_its_events(http: httpx2.Client) -> None:
    job_id = http.post("/v1/jobs?wait=30", json={"kind": "test.echo", "request": {"text": "hello"}}).json()["id"]
    before = scrape(http)
    events = http.get(f"/v1/jobs/{job_id}/events").text.count("\ndata: ")
    name = "backdesk_gateway_stream_events_total"
    eventually(lambda: scrape(http)[name] - before[name] == events > 0)
    eventually(lambda: scrape(http)["backdesk_gateway_streams_open"] == 0)


def test_the_busiest_tenants_are_told_by_name_only_on_demand(fleet: Fleet, busy: httpx2.Client) -> None:
    assert "tenant=" not in busy.get("/metrics").text.replace("backdesk_tenants", "")
    with serving(fleet.settings, metrics_tenants=1) as url, httpx2.Client(base_url=url, trust_env=False) as http:
        http.post("/v1/jobs", json={"kind": "test.echo", "request": {"text": "hi"}, "tenant": "busy", "delay": 0})
        eventually(lambda: sum(name.startswith("backdesk_tenant_queued") for name in scrape(http)) <= 1)


@pytest.fixture
def alone() -> Iterator[httpx2.Client]:
    """A client of a gateway whose Redis is away."""
    away = Settings(_env_file=None, redis_url="redis://127.0.0.1:1/0", socket_timeout_s=0.2)
    with serving(away) as url, httpx2.Client(base_url=url, trust_env=False, timeout=30) as http:
        yield http


def test_while_redis_is_away_the_gateway_tells_that_and_its_own_figures(alone: httpx2.Client) -> None:
    found = scrape(alone)
    assert found["backdesk_store_up"] == 0
    assert "backdesk_gateway_streams_open" in found
    assert "backdesk_jobs state=queued" not in found


def test_who_is_not_let_in_is_told_nothing(http: httpx2.Client) -> None:
    answer = http.get("/metrics", headers={"x-forwarded-for": "203.0.113.7"})
    assert answer.status_code == 401
    assert "backdesk_" not in answer.text


@pytest.mark.parametrize(("tenant", "status"), [(None, 200), ("acme", 403)])
async def test_figures_of_the_deployment_are_not_for_a_caller_of_one_tenant(
    settings: Settings, client: redis.Redis, tenant: str | None, status: int
) -> None:
    app = create_app(GatewaySettings(_env_file=None), Deployment(settings, "of the test"))
    app.dependency_overrides[caller_of] = lambda: Caller("somebody", CallerScope.READ, tenant)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", trust_env=False) as http:
            answer = await http.get("/metrics")
    assert answer.status_code == status
    assert ("backdesk_jobs{" in answer.text) == (status == 200)


async def test_a_client_that_takes_nothing_is_counted_when_it_is_cut_off() -> None:
    async def frames() -> AsyncGenerator[bytes]:
        while True:
            yield frame("much", id_="1")

    async def stalled(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def silent() -> Any:
        await asyncio.Event().wait()

    metrics = ProcessMetrics()
    stream = EventStream(frames(), send_timeout_s=0.01)
    ended: list[bool] = []
    scope: Scope = {"type": "http", "method": "GET", "extensions": {ABORT: lambda: ended.append(True)}}
    await Measured(stream, metrics)(scope, silent, stalled)
    assert ended == [True]
    value = metrics.registry.get_sample_value
    assert value("backdesk_gateway_slow_clients_total") == 1
    assert value("backdesk_gateway_streams_open") == value("backdesk_gateway_requests_open") == 0


async def test_a_loop_that_is_held_up_shows() -> None:
    metrics = ProcessMetrics()
    watching = asyncio.create_task(metrics.watch_loop())
    for _ in range(40):
        await asyncio.sleep(0.02)
    watching.cancel()
    assert (metrics.registry.get_sample_value("backdesk_gateway_loop_lag_seconds_count") or 0) >= 1


def test_two_gateways_in_a_process_have_figures_of_their_own() -> None:
    first, second = ProcessMetrics(), ProcessMetrics()
    first.submitted("test.echo", 1)
    name, labels = "backdesk_gateway_submits_total", {"kind": "test.echo"}
    assert (first.registry.get_sample_value(name, labels), second.registry.get_sample_value(name, labels)) == (1, None)
