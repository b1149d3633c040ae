"""Connections that follow the primary, against two real servers behind one address of which the old one answers on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest
import redis
import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.store.connection import connect, connect_async
from backdesk.worker.store.following import SHORTEST_LIFE_S
from backdesk.worker.store.scripts import Call, Script, run, run_async, run_pipelined, run_pipelined_async
from tests.support.eventually import eventually
from tests.support.proxy import Proxy
from tests.support.servers import Servers

WRITE = Call(Script("write", "return redis.call('INCR', 'written')"), (), int)


class Address:
    """An address that leads to one server and, after a switch, to another one; the first one answers on."""

    def __init__(self, proxy: Proxy, old: EmbeddedRedis, new: EmbeddedRedis) -> None:
        self.url, self.old, self.new = proxy.url, old, new
        self._proxy = proxy

    def switch(self, serve_stale_data: str = "yes") -> None:
        self.demote(serve_stale_data)
        self._proxy.lead_to(self.new.port)

    def demote(self, serve_stale_data: str = "yes") -> None:
        with connect(self.old.url) as client:
            client.config_set("replica-serve-stale-data", serve_stale_data)
            client.execute_command("REPLICAOF", "127.0.0.1", "1")


@pytest.fixture
def address(servers: Servers) -> Iterator[Address]:
    old, new = servers.take(), servers.take()
    with Proxy(old.port) as proxy:
        yield Address(proxy, old, new)
    for server in (old, new):
        servers.give_back(server)


def is_served(client: redis.Redis, call: Call[int] = WRITE) -> bool:
    """Whether a write gets through."""
    with suppress(RedisError):
        return run(client, call) > 0
    return False


def all_lead_to(server: EmbeddedRedis, client: redis.Redis, count: int) -> bool:
    """Whether so many connections out of one pool lead there; not when one was just left, as each may be once."""
    with suppress(RedisConnectionError):
        holders = opened(client, count)
        try:
            return {holder.info("server")["tcp_port"] for holder in holders} == {server.port}
        finally:
            for holder in holders:
                holder.close()
    return False


def opened(client: redis.Redis, count: int) -> list[redis.Redis]:
    """Clients of which each holds a connection of its own out of one pool."""
    holders = [client.client() for _ in range(count)]
    for holder in holders:
        holder.ping()
    return holders


@pytest.mark.parametrize("serve_stale_data", ["yes", "no"], ids=["READONLY", "MASTERDOWN"])
def test_one_refusal_leads_all_connections_of_a_pool_to_the_new_primary(
    address: Address, serve_stale_data: str
) -> None:
    with connect(address.url) as client:
        for holder in opened(client, 4):
            holder.close()
        address.switch(serve_stale_data)
        eventually(lambda: is_served(client))
        eventually(lambda: all_lead_to(address.new, client, 4))


def test_a_pool_that_only_reads_follows_what_another_of_its_process_was_told(address: Address) -> None:
    with connect(address.url) as writer, connect(address.url) as reader:
        run(writer, WRITE)
        reader.ping()
        address.switch()
        eventually(lambda: is_served(writer))
        eventually(lambda: all_lead_to(address.new, reader, 1))


def test_a_pipeline_that_was_refused_is_served_when_it_is_repeated(address: Address) -> None:
    with connect(address.url) as client:
        run(client, WRITE)
        address.switch()
        eventually(lambda: not isinstance(run_pipelined(client, [WRITE, WRITE])[0], Exception))


def test_a_connection_that_is_held_breaks_so_that_its_user_makes_it_again(address: Address) -> None:
    with connect(f"{address.url}?health_check_interval=1") as client:
        pubsub = client.pubsub()
        pubsub.subscribe("news")
        run(client, WRITE)
        address.switch()
        eventually(lambda: is_served(client))

        def is_broken() -> bool:
            with suppress(RedisConnectionError):
                pubsub.get_message(timeout=0.1)
                return False
            return True

        eventually(is_broken, what="the end of a subscription at the old primary")
        pubsub.close()


def test_as_long_as_there_is_no_primary_it_connects_a_few_times_and_not_with_each_call(address: Address) -> None:
    with connect(address.url) as client, connect(address.old.url) as witness:
        run(client, WRITE)
        address.demote()
        before = int(witness.info("stats")["total_connections_received"])
        refused = sum(not is_served(client) for _ in range(200))
        assert refused == 200
        assert int(witness.info("stats")["total_connections_received"]) - before < 20


@pytest.mark.parametrize("rights", [["+@all"], ["+@all", "-@admin"]], ids=["all", "few"])
def test_connections_of_a_worker_are_named_and_kept_where_the_server_can(
    redis_server: EmbeddedRedis, rights: list[str]
) -> None:
    with connect(redis_server.url) as client:
        client.execute_command("ACL", "SETUSER", "desk", "on", ">secret", "~*", "&*", *rights)
        with connect(redis_server.url.replace("//", "//desk:secret@"), 5, "leases") as leases:
            assert leases.ping()
            (found,) = [each for each in client.client_list() if each["name"] == "backdesk-leases"]
            can = rights == ["+@all"] and client.info("server")["redis_version"] >= "7"
            assert ("e" in found["flags"]) is can
        client.execute_command("ACL", "DELUSER", "desk")


async def test_a_client_on_an_event_loop_follows_too(address: Address) -> None:
    async with connect_async(address.url) as client, connect_async(address.url) as reader:
        await run_async(client, WRITE)
        await reader.ping()
        address.switch()
        served: list[int] = []
        while not served:
            with suppress(RedisError):
                served = [await run_async(client, WRITE)]
        assert not isinstance((await run_pipelined_async(client, [WRITE, WRITE]))[0], Exception)
        await asyncio.sleep(SHORTEST_LIFE_S)  # younger connections are kept
        assert (await reader.info("server"))["tcp_port"] == address.new.port


async def test_a_subscription_on_an_event_loop_breaks_too(address: Address) -> None:
    async with connect_async(f"{address.url}?health_check_interval=1") as client:
        pubsub = client.pubsub()
        await pubsub.subscribe("news")
        await run_async(client, WRITE)
        address.switch()
        with suppress(RedisError):
            await run_async(client, WRITE)
        with pytest.raises(RedisConnectionError):  # noqa: PT012 - what must end is the whole loop
            while True:
                await pubsub.get_message(timeout=0.1)
        await pubsub.aclose()


async def test_an_answer_that_somebody_waits_for_no_more_is_given_to_nobody_else(redis_server: EmbeddedRedis) -> None:
    client = connect_async(redis_server.url)

    async def echoed(word: bytes) -> bytes:
        return bytes(await client.execute_command("ECHO", word))

    try:
        for number in range(300):
            left = asyncio.ensure_future(echoed(b"left"))
            for _ in range(number % 12):
                await asyncio.sleep(0)
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)
            assert await echoed(b"%d" % number) == b"%d" % number
    finally:
        await client.aclose()
