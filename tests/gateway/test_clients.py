"""Our own clients on a gateway, with real workers behind it: the same calls, values and errors as on Redis."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from backdesk.client import (
    AsyncJobClient,
    ConfigurationError,
    InvalidRequest,
    JobClient,
    JobFailed,
    JobNotFound,
    KeyRefused,
    NotCancellable,
    NotPermitted,
    ResultTimeout,
    StoreUnavailable,
)
from backdesk.worker.model.budget import Budget
from tests.support.eventually import PATIENCE_S
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
        client.breakers.list()


def test_a_key_on_redis_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a key is for a gateway"):
        JobClient("redis://127.0.0.1:1", key="bd_x")


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
