"""Servers and Sentinels that speak TLS themselves, as those of Debian's package do; others are built without it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from backdesk.client import JobClient
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.failover import submit_until_taken
from tests.support.tls import Certificates
from tests.support.tls_servers import TLSSentinel, TLSServer, speaks_tls
from tests.support.workers import Fleet


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    if shutil.which("openssl") is None or not speaks_tls():
        pytest.skip("the server program speaks no TLS, or the program openssl is not installed")
    return Certificates(tmp_path)


@pytest.fixture
def primary(tmp_path: Path, certificates: Certificates) -> Iterator[TLSServer]:
    with TLSServer(tmp_path, "primary", certificates) as server:
        yield server


@pytest.fixture
def replica(tmp_path: Path, certificates: Certificates, primary: TLSServer) -> Iterator[TLSServer]:
    with TLSServer(tmp_path, "replica", certificates, f"replicaof 127.0.0.1 {primary.port}") as server:
        eventually(lambda: server.client.info("replication")["master_link_status"] == "up", what="a replica in step")
        yield server


@pytest.fixture
def sentinel(
    tmp_path: Path, certificates: Certificates, primary: TLSServer, replica: TLSServer
) -> Iterator[TLSSentinel]:
    with TLSSentinel(tmp_path, certificates, primary) as sentinel:
        yield sentinel


def test_a_worker_and_its_clients_work_with_a_server_that_speaks_tls(
    fleet_of_this_test: Fleet, primary: TLSServer
) -> None:
    fleet_of_this_test.begin_worker(slots=2, BACKDESK_REDIS_URL=primary.url)
    with JobClient(primary.url, settings=fleet_of_this_test.settings, checks={}) as jobs:
        eventually(jobs.kinds, what="a worker")
        assert jobs.submit("test.echo", {"text": "hello"}).result(timeout=PATIENCE_S)
        assert [event.type for event in jobs.submit("test.echo", {}).watch()][-1] == "succeeded"


def test_who_has_no_certificate_is_refused(primary: TLSServer) -> None:
    with redis.Redis.from_url(primary.url.partition("&")[0]) as stranger, pytest.raises(redis.ConnectionError):
        stranger.ping()


def test_a_worker_goes_on_at_the_new_primary_that_sentinels_name_by_tls(
    fleet_of_this_test: Fleet, primary: TLSServer, sentinel: TLSSentinel, tmp_path: Path
) -> None:
    fleet, flag, url = fleet_of_this_test, tmp_path / "go", sentinel.service_url
    fleet.begin_worker(slots=2, BACKDESK_REDIS_URL=url, BACKDESK_LEASE_S="8")
    with JobClient(url, settings=fleet.settings, checks={}) as jobs:
        eventually(jobs.kinds, what="a worker")
        running = jobs.submit("test.wait_for_file", {"flag": str(flag)})
        eventually(lambda: jobs.get(running.id).state == "running", what="the start of the job")
        eventually(lambda: primary.client.wait(1, 1000) == 1, what="a replica that has everything")
        primary.kill()
        submit_until_taken(jobs, "test.echo", "quick")
        assert jobs.result("quick", timeout=PATIENCE_S)
        flag.touch()
        assert running.result(timeout=PATIENCE_S)
        assert [jobs.get(job_id).attempt for job_id in (running.id, "quick")] == [1, 1]
