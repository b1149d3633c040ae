"""How a Redis is reached: the URLs that are taken, by TLS as a user of few rights, by Sentinels, by a Unix socket."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from backdesk.client import JobClient
from backdesk.client.deployment import shown_url
from backdesk.worker.address import read_address
from backdesk.worker.embedded.server import find_server
from backdesk.worker.store.connection import connect, connect_async
from backdesk.worker.store.following import SHORTEST_LIFE_S
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.failover import Pair, submit_until_taken
from tests.support.sentinel import Sentinel
from tests.support.tls import Certificates, TLSFront
from tests.support.workers import Fleet

#: What a worker may do in Redis, and its clients: their work, and nothing to the server.
RIGHTS = ["~*", "&*", "+@all", "-@admin", "-@dangerous", "+keys", "+info"]


# What a URL says


def test_an_address_by_sentinels_names_them_the_service_and_the_database() -> None:
    address = read_address("sentinel://desk:p%40ss@one:26380,[::1],three/orders/2?socket_timeout=3")
    assert address.sentinels == (("one", 26380), ("::1", 26379), ("three", 26379))
    assert (address.transport, address.service) == ("redis", "orders")
    assert address.options == {"username": "desk", "password": "p@ss", "db": 2, "socket_timeout": 3.0}
    assert address.sentinel_options == {}


def test_sentinels_have_credentials_of_their_own() -> None:
    address = read_address("sentinel://:server@one/orders?sentinel_username=watch&sentinel_password=man")
    assert address.options == {"password": "server"}
    assert address.sentinel_options == {"username": "watch", "password": "man"}


def test_an_address_by_sentinels_with_tls_has_it_everywhere() -> None:
    address = read_address("sentinels://one/orders?ssl_ca_certs=/ca.pem")
    assert address.transport == "rediss"
    assert address.tls == {"ssl_cert_reqs": "required", "ssl_ca_certs": "/ca.pem"}
    assert address.sentinel_options == {"ssl": True, **address.tls}


@pytest.mark.parametrize(
    "url",
    ["http://host", "sentinel://host", "sentinel:///orders", "sentinel://host:port/orders", "sentinel://a,/orders"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="://"):
        read_address(url)


def test_no_password_of_an_address_is_shown() -> None:
    shown = shown_url("sentinel://:hunter2@one,two/orders?sentinel_password=hunter3&db=1&password=hunter4")
    assert shown == "sentinel://:***@one,two/orders?sentinel_password=***&db=1&password=***"
    assert "hunter" not in repr(read_address("sentinel://:hunter2@one,two/orders?sentinel_password=hunter3"))


# TLS and a user of few rights


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made by the program openssl, which is not installed")
    return Certificates(tmp_path)


@pytest.fixture
def front(fleet_of_this_test: Fleet, certificates: Certificates) -> Iterator[TLSFront]:
    with TLSFront(fleet_of_this_test.server.port, certificates) as front:
        yield front


async def test_a_worker_and_its_clients_work_by_tls_with_certificates_as_a_user_of_few_rights(
    fleet_of_this_test: Fleet, front: TLSFront, certificates: Certificates
) -> None:
    fleet = fleet_of_this_test
    fleet.redis.execute_command("ACL", "SETUSER", "desk", "on", ">secret", *RIGHTS)
    certificate, key = certificates.client
    server, ours = f"rediss://desk:secret@127.0.0.1:{front.port}/0", f"ssl_certfile={certificate}&ssl_keyfile={key}"
    url = f"{server}?ssl_ca_certs={certificates.authority}&{ours}"
    worker = fleet.start_worker(slots=2, BACKDESK_REDIS_URL=url)
    with JobClient(url, settings=fleet.settings, checks={}) as jobs:
        assert jobs.submit("test.echo", {"text": "hello"}).result(timeout=PATIENCE_S)
        task = jobs.submit("test.long_watch", {"n": 60, "flag": os.devnull})
        fleet.wait_until_running(task.id)
        task.cancel()
        eventually(lambda: task.get().state == "cancelled")
    async with connect_async(url) as client:
        assert await client.acl_whoami() == "desk"
    assert "secret" not in worker.text
    for untrusted in (f"{server}?{ours}", f"{server}?ssl_ca_certs={certificates.authority}"):
        with connect(untrusted) as client, pytest.raises(RedisConnectionError):
            client.ping()


# Sentinels


@pytest.fixture
def sentinel(pair: Pair, tmp_path: Path) -> Iterator[Sentinel]:
    with Sentinel(tmp_path, pair.primary) as sentinel:
        yield sentinel


def writes_at(client: redis.Redis) -> int:
    """The port of the server that takes a write of this client; 0 as long as there is none."""
    with suppress(RedisError):
        client.set("who", "leads now")
        return int(client.info("server")["tcp_port"])
    return 0


async def test_clients_follow_a_failover_by_sentinels(sentinel: Sentinel) -> None:
    async with connect_async(sentinel.url) as on_a_loop:
        with connect(sentinel.url) as client:
            assert client.set("who", "leads")
            assert await on_a_loop.set("who", "leads")
            sentinel.fail_over()
            eventually(lambda: writes_at(client) == sentinel.primary_port)
            await asyncio.sleep(SHORTEST_LIFE_S)  # younger connections are kept
            assert await on_a_loop.set("who", "leads now")
            assert (await on_a_loop.info("server"))["tcp_port"] == sentinel.primary_port


def test_sentinels_that_know_no_primary_are_named(sentinel: Sentinel) -> None:
    with connect(sentinel.url.replace("/desk/", "/disk/")) as client, pytest.raises(RedisConnectionError) as caught:
        client.ping()
    assert "no Sentinel knows a primary called 'disk'" in str(caught.value)


def test_a_worker_goes_on_at_the_new_primary_when_the_old_one_is_killed(
    fleet_of_this_test: Fleet, pair: Pair, sentinel: Sentinel, tmp_path: Path
) -> None:
    fleet, flag = fleet_of_this_test, tmp_path / "go"
    fleet.start_worker(slots=2, BACKDESK_REDIS_URL=sentinel.url, BACKDESK_LEASE_S="8")
    with JobClient(sentinel.url, settings=fleet.settings, checks={}) as jobs:
        running = jobs.submit("test.wait_for_file", {"flag": str(flag)})
        fleet.wait_until_running(running.id)
        pair.in_step()
        os.kill(fleet.server.pid, signal.SIGKILL)
        submit_until_taken(jobs, "test.echo", "quick")
        assert jobs.result("quick", timeout=PATIENCE_S)
        flag.touch()
        assert running.result(timeout=PATIENCE_S)
        assert [jobs.get(job_id).attempt for job_id in (running.id, "quick")] == [1, 1]


# A Unix socket


@pytest.fixture
def unix_socket(tmp_path: Path) -> Iterator[Path]:
    """Of a server that listens on nothing else."""
    path = tmp_path / "redis.sock"
    process = subprocess.Popen(
        [find_server(), "--port", "0", "--unixsocket", path, "--save", "", "--dir", tmp_path], stdout=subprocess.DEVNULL
    )
    try:
        eventually(path.exists, what="the socket")
        yield path
    finally:
        process.kill()
        process.wait()


async def test_a_redis_is_reached_by_a_unix_socket(unix_socket: Path) -> None:
    with connect(f"unix://{unix_socket}?db=2") as client:
        assert client.set("here", "and there")
    async with connect_async(f"unix://{unix_socket}?db=2") as on_a_loop:
        assert await on_a_loop.get("here") == b"and there"
