"""Our own clients on a gateway, with real workers behind it: the same calls, values and errors as on Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backdesk.client import (
    AsyncJobClient,
    ConfigurationError,
    InvalidRequest,
    JobClient,
    JobFailed,
    JobNotFound,
    KeyNotFound,
    KeyRefused,
    NotCancellable,
    NotPermitted,
    ResultTimeout,
    StoreUnavailable,
    UnknownKind,
)
from backdesk.worker.model.access import Scope
from backdesk.worker.model.budget import Budget
from backdesk.worker.store.keys import Keys
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.gateway import GatewayProcess, serving
from tests.support.house import House
from tests.support.ports import hold
from tests.support.proxy import Proxy
from tests.support.workers import Fleet


@pytest.fixture
def client(served: str, fleet: Fleet) -> Iterator[JobClient]:
    with JobClient(served) as client:
        yield client


def test_a_job_is_submitted_followed_and_read(client: JobClient) -> None:
    job = client.submit("test.echo", {"text": "hello"}, metadata={"ticket": 7}, expires=timedelta(hours=1))
    assert job.created
    assert job.result(PATIENCE_S) == {"text": "hello"}
    record = job.get()
    assert (record.state, record.metadata, record.id) == ("succeeded", {"ticket": 7}, job.id)
    events = [*job.watch()]
    assert [event.seq for event in events] == [*range(1, len(events) + 1)]
    assert events == client.events(job.id)
    assert [*job.watch(after=len(events))] == []


async def test_the_asyncio_client_does_the_same(served: str, fleet: Fleet) -> None:
    async with AsyncJobClient(served) as client:
        job = await client.submit("test.echo", {"text": "hello"})
        events = [event.type async for event in job.watch()]
        assert events[-1] == "succeeded"
        assert await job.result(PATIENCE_S) == {"text": "hello"}


def test_a_record_is_the_same_as_on_redis(client: JobClient, fleet: Fleet) -> None:
    job = client.submit("test.echo", {"text": "hello"}, retry={"attempts": 2}, budget=Budget(tokens=10), slots=1)
    job.result(PATIENCE_S)
    assert client.get(job.id) == fleet.jobs.get(job.id)
    assert list(client.list(kind="test.echo", limit=3)) == list(fleet.jobs.list(kind="test.echo", limit=3))


def test_many_are_written_in_their_order_and_again_are_the_same(client: JobClient) -> None:
    requests = [{"text": str(number)} for number in range(1100)]
    first = client.submit_many("test.echo", requests, batch="over-http", delay=3600)
    again = client.submit_many("test.echo", requests, batch="over-http", delay=3600)
    assert [job.id for job in first] == [job.id for job in again]
    assert {job.created for job in again} == {False}
    assert client.get(first[1099].id).request == {"text": "1099"}


def test_errors_are_of_the_same_classes_with_the_same_facts(client: JobClient) -> None:
    with pytest.raises(JobNotFound) as missing:
        client.get("nobody")
    assert missing.value.job_id == "nobody"
    with pytest.raises(InvalidRequest) as refused:
        client.submit("test.echo", {"text": 3})
    assert [*refused.value.fields] == ["text"]
    job = client.submit("test.echo", {"text": "late"}, delay=0.1, expires=0.05)
    with pytest.raises(JobFailed) as failed:
        job.result(PATIENCE_S)
    assert failed.value.failure == job.get().error
    with pytest.raises(NotCancellable):
        job.cancel()
    with pytest.raises(ResultTimeout):
        client.submit("test.echo", {"text": "later"}, delay=3600).result(0.1)


def test_what_is_not_served_over_http_says_so(client: JobClient) -> None:
    with pytest.raises(ConfigurationError, match="not served over HTTP"):
        client.blobs.sizes()


def test_a_key_on_redis_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a key is for a gateway"):
        JobClient("redis://127.0.0.1:1", key="bd_x")


def test_a_gateway_that_was_never_reached_is_not_waited_for() -> None:
    with hold() as held:
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
    began = time.monotonic()
    with JobClient(url) as client:
        with pytest.raises(StoreUnavailable, match=url):
            next(iter(client.watch("nobody")))
        with pytest.raises(StoreUnavailable, match=url):
            client.wait("nobody")
    assert time.monotonic() - began < 10, "an outage is waited out for 60 s"


def test_a_job_that_is_submitted_in_the_block_is_watched_from_its_first_event(client: JobClient) -> None:
    with client.watch("over-http-block") as events:
        client.submit("test.echo", {"text": "hello"}, job_id="over-http-block")
        seen = [event.seq for event in events]
    assert seen == [*range(1, client.get("over-http-block").events + 1)]


def test_a_watch_is_connected_from_the_beginning_of_its_block(client: JobClient, fleet: Fleet) -> None:
    job = client.submit("test.echo", {"text": "later"}, delay=3600)
    with client.watch(job.id):
        channel = Keys(fleet.settings.prefix).progress(job.id)
        eventually(lambda: fleet.jobs.redis.pubsub_numsub(channel)[0][1] == 1)


def test_a_job_that_there_is_not_ends_a_watch(client: JobClient) -> None:
    with client.watch("nobody") as events, pytest.raises(JobNotFound):
        next(iter(events))


def test_a_stream_survives_a_gateway_that_is_killed(fleet: Fleet, tmp_path: Path) -> None:
    with GatewayProcess(fleet.settings, tmp_path) as gateway, JobClient(gateway.url) as client:
        job, seen = client.submit("test.sleep", {"n": 2}), list[int]()
        for event in job.watch():
            if event.type == "started":
                gateway.kill()
                gateway.start()
            seen.append(event.seq)
        record = job.get()
        assert seen == [*range(1, record.events + 1)]
        assert record.state == "succeeded"


def test_limits_of_services_and_breakers_are_set_and_listed(client: JobClient, fleet: Fleet) -> None:
    scope = "over-http/model tenant acme"
    assert client.limits.services.set(scope, concurrent=3).concurrent == 3
    assert client.limits.services.list() == fleet.jobs.limits.services.list()
    assert client.limits.services.remove(scope)
    assert client.breakers.open("over-http/model", timedelta(hours=1)) == "closed"
    assert client.breakers.list() == fleet.jobs.breakers.list()
    assert client.breakers.close("over-http/model") == "open"


def test_keys_are_made_read_rotated_and_revoked(house: House) -> None:
    with serving(house.settings) as url, JobClient(url, key=house.secrets[Scope.ADMIN, None]) as client:
        _keys_live_and_end(client, house)


def _keys_live_and_end(client: JobClient, house: House) -> None:
    made = client.keys.add("billing", scope="read", tenant="over-http", expires_in=timedelta(days=1))
    assert client.keys.get(made.key.id).name == "billing"
    assert [key.id for key in client.keys.list(tenant="over-http")] == [made.key.id]
    again = client.keys.rotate(made.key.id, overlap=timedelta(0))
    assert house.jobs.keys.find(again.secret) is not None
    assert client.keys.revoke(made.key.id)
    with pytest.raises(KeyNotFound):
        client.keys.get("nobody")


def test_what_was_done_is_listed_with_who_has_signed_in(client: JobClient, fleet: Fleet) -> None:
    session = fleet.jobs.sessions.open("alice", scope="read").session
    assert session in client.sessions.list()
    assert client.sessions.end(session.id)
    eventually(lambda: any(session.id in entry.model_dump_json() for entry in client.audit.list()))


def test_prompts_and_the_spending_of_today_are_read(client: JobClient, fleet: Fleet) -> None:
    assert client.prompts("test.echo") == fleet.jobs.prompts("test.echo")
    assert client.tenants.spending_today() == fleet.jobs.tenants.spending_today()
    with pytest.raises(UnknownKind):
        client.prompts("test.nothing")


def test_nothing_there_is_told_with_the_address() -> None:
    with hold() as held:
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
    with JobClient(url) as client, pytest.raises(StoreUnavailable, match=url):
        client.counts()


def test_a_stream_that_is_cut_goes_on_where_it_was(served: str, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdesk.client.blocking.gateway.STREAM_SILENCE_S", 0.5)  # half-open, it says nothing
    with (
        Proxy(urlsplit(served).port or 0) as proxy,
        JobClient(f"http://127.0.0.1:{urlsplit(proxy.url).port}") as client,
    ):
        job, seen = client.submit("test.sleep", {"n": 2}), list[int]()
        for event in job.watch():
            if event.type == "started":
                proxy.cut_off()
                proxy.heal()
            seen.append(event.seq)
        assert seen == [*range(1, len(seen) + 1)]
        assert job.get().state == "succeeded"


def test_what_a_key_may_not_do_is_told_with_the_reason() -> None:
    from backdesk.client.over_http.errors import error_of
    from backdesk.gateway.errors import Forbidden
    from backdesk.gateway.problems import problem_of
    from backdesk.worker.text.json import encode

    problem = problem_of(Forbidden("operate", "read"))
    error = error_of(problem.status, encode(problem.document()), "https://gw")
    assert isinstance(error, KeyRefused)
    assert isinstance(error, NotPermitted)
    assert "needs the scope 'operate'" in str(error)
