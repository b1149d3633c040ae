"""The connections of a model's client, to servers of all manners."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from backdesk.platform.network import DirectTransport
from tests.support.eventually import PATIENCE_S, eventually_async
from tests.support.tls import Certificates

LIMITS = httpx2.Limits(max_connections=10)
LARGE = 3_000_000
Answer = Callable[[bytes, asyncio.StreamWriter], Coroutine[Any, Any, None]]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class Server:
    """Has each request answered, and counts the connections."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.connections = 0
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                await self._answer(await reader.readexactly(length), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended.set()


@asynccontextmanager
async def listening_at(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Run a server for the length of the block, and its connections."""
    serving: set[asyncio.Task[None]] = set()

    async def each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(task := asyncio.create_task(serve(reader, writer)))
        await asyncio.wait([task])
        writer.close()

    listening = await asyncio.start_server(each, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0)


@asynccontextmanager
async def server_of(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Server, str]]:
    server = Server(answer)
    async with listening_at(server.serve, tls) as url:
        yield server, url


def client(trusted: ssl.SSLContext | None = None, silence_s: float = PATIENCE_S) -> httpx2.AsyncClient:
    direct = DirectTransport(trusted or ssl.create_default_context(), LIMITS)
    return httpx2.AsyncClient(transport=direct, timeout=httpx2.Timeout(PATIENCE_S, read=silence_s, write=silence_s))


def text(body: bytes, length: int | None = None) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body) if length is None else length, body)


async def hello(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(text(b"Hello."))


async def test_requests_that_follow_each_other_share_a_connection() -> None:
    async with server_of(hello) as (server, url), client() as asking:
        answers = [(await asking.post(url, content=b"Hi.")).text for _ in range(3)]
    assert answers == ["Hello."] * 3
    assert server.connections == 1


async def test_requests_at_once_have_a_connection_each() -> None:
    async with server_of(hello) as (server, url), client() as asking:
        await asyncio.gather(*(asking.post(url, content=b"Hi.") for _ in range(3)))
    assert server.connections == 3


async def test_a_connection_that_the_server_has_closed_meanwhile_is_not_used_again() -> None:
    async def once(body: bytes, writer: asyncio.StreamWriter) -> None:
        await hello(body, writer)
        writer.close()

    async with server_of(once) as (server, url), client() as asking:
        for _ in range(3):
            assert (await asking.post(url, content=b"Hi.")).text == "Hello."
            await until_expired(asking)
    assert server.connections == 3


async def test_what_a_server_says_unasked_is_no_answer_to_the_next_request() -> None:
    heard = asyncio.Event()

    async def twice(body: bytes, writer: asyncio.StreamWriter) -> None:
        await hello(body, writer)
        await heard.wait()
        writer.write(text(b"Nobody has asked."))

    async with server_of(twice) as (server, url), client() as asking:
        assert (await asking.post(url, content=b"Hi.")).text == "Hello."
        heard.set()
        await until_expired(asking)
        assert (await asking.post(url, content=b"Hi.")).text == "Hello."
    assert server.connections == 2


async def until_expired(asking: httpx2.AsyncClient) -> None:
    """Wait until what the server has done has come to the client, which tells nobody else."""
    (connection,) = asking._transport._pool.connections  # type: ignore[attr-defined] # of a transport of any kind
    await eventually_async(connection.has_expired)


async def test_requests_and_answers_may_be_large() -> None:
    async def echo(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(text(body))

    async with server_of(echo) as (_, url), client() as asking:
        assert (await asking.post(url, content=b"x" * LARGE)).content == b"x" * LARGE


async def test_an_answer_that_nobody_reads_is_not_taken_into_memory() -> None:
    stuck = asyncio.Event()

    async def flood(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(text(b"", 100 * LARGE))
        try:
            for _times in range(100):
                writer.write(b"x" * LARGE)
                await asyncio.wait_for(writer.drain(), 0.5)
        except TimeoutError:
            stuck.set()

    async with server_of(flood) as (_, url), client() as asking, asking.stream("POST", url, content=b"Hi."):
        await asyncio.wait_for(stuck.wait(), PATIENCE_S)


@pytest.mark.parametrize("tls_of_another", [False, True])
async def test_servers_show_who_they_are(tmp_path: Path, tls_of_another: bool) -> None:
    (tmp_path / "other").mkdir()
    ours, other = Certificates(tmp_path), Certificates(tmp_path / "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*(other if tls_of_another else ours).server)
    trusted = ssl.create_default_context(cafile=str(ours.authority))
    async with server_of(hello, context) as (server, url), client(trusted) as asking:
        if tls_of_another:
            with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await asking.post(url, content=b"Hi.")
        else:
            assert [(await asking.post(url, content=b"Hi.")).text for _ in range(2)] == ["Hello."] * 2
            assert server.connections == 1


async def test_a_server_that_does_not_speak_tls_is_told_as_no_connection() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 Hello.\r\n")

    async with listening_at(greet) as url, client() as asking:
        with pytest.raises(httpx2.ConnectError):
            await asking.post(url.replace("http:", "https:"), content=b"Hi.")


async def test_where_nobody_listens_there_is_no_connection() -> None:
    async with server_of(hello) as (_, url):
        pass
    async with client() as asking:
        with pytest.raises(httpx2.ConnectError):
            await asking.post(url, content=b"Hi.")


async def test_a_server_that_is_silent_is_given_up() -> None:
    async def silent(_: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with server_of(silent) as (_, url), client(silence_s=0.2) as asking:
        with pytest.raises(httpx2.ReadTimeout):
            await asking.post(url, content=b"Hi.")


async def test_a_server_that_takes_nothing_is_given_up() -> None:
    async def deaf(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with listening_at(deaf) as url, client(silence_s=0.5) as asking:
        with pytest.raises(httpx2.WriteTimeout):
            await asking.post(url, content=b"x" * 10 * LARGE)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nconten", text(b"Hel", length=6)])
async def test_an_answer_that_is_cut_off_is_told_as_such(said: bytes) -> None:
    async def cut(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with server_of(cut) as (_, url), client() as asking:
        with pytest.raises(httpx2.RemoteProtocolError):
            await asking.post(url, content=b"Hi.")


async def test_a_connection_that_is_reset_is_told_as_such() -> None:
    async def reset(_: bytes, writer: asyncio.StreamWriter) -> None:
        at_once = struct.pack("ii", 1, 0)
        writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()

    async with server_of(reset) as (_, url), client() as asking:
        with pytest.raises(httpx2.ReadError):
            await asking.post(url, content=b"Hi.")


async def test_a_request_that_is_broken_off_leaves_no_connection() -> None:
    async def silent(_: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()

    asked = asyncio.Event()
    async with server_of(silent) as (server, url), client() as asking:
        request = asyncio.create_task(asking.post(url, content=b"Hi."))
        await asyncio.wait_for(asked.wait(), PATIENCE_S)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await asyncio.wait_for(server.ended.wait(), PATIENCE_S)
