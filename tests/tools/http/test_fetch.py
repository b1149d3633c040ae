"""One request to a real site: what comes back, and what is too much, too slow, or not what was asked for."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backdesk.tools.http import fetch as fetching
from backdesk.tools.http.address import RequestRefused, read_address
from backdesk.tools.http.fetch import Asked, Fetched, fetch
from backdesk.tools.http.guard import Guard
from backdesk.worker.errors import TaskError
from tests.support.http_site import Site, Told, told
from tests.support.tls import Certificates

JSON = {"Content-Type": "application/json"}


async def here(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def guard(site: Site, **more: Any) -> Guard:
    base: dict[str, Any] = {"ports": frozenset({site.port}), "plain": True, "private": True, "resolve": here}
    return Guard(("api.example",), **(base | more))


async def get(site: Site, path: str = "/", **more: Any) -> Fetched:
    return await fetch(guard(site, **more), Asked("GET", read_address(site.url(path, "api.example"))))


async def test_an_answer_is_read_with_its_type_and_its_letters(site: Site) -> None:
    text = "Grüße"
    site.answers["/"] = Told(text.encode("latin-1"), headers={"Content-Type": "text/plain; charset=ISO-8859-1"})
    found = await get(site, types=("text/*",))
    assert (found.status, found.media_type, found.text) == (200, "text/plain", text)


async def test_letters_of_no_known_set_are_read_all_the_same(site: Site) -> None:
    site.answers["/"] = Told(b"abc", headers={"Content-Type": "text/plain; charset=klingon"})
    assert (await get(site, types=("text/*",))).text == "abc"


@pytest.mark.parametrize("charset", ["punycode", "idna", "undefined", "unicode_escape", "utf-7", "x" * 9_000])
async def test_letters_that_no_text_is_written_in_are_not_read_so(site: Site, charset: str) -> None:
    body = b"+ADw- \\x41 a-" + b"zzzzz9" * 30_000  # as Punycode it takes minutes
    site.answers["/"] = Told(body, headers={"Content-Type": f"text/plain; charset={charset}"})
    began = time.monotonic()
    assert (await get(site, types=("text/*",))).text == body.decode()
    assert time.monotonic() - began < 2


async def test_a_packed_answer_is_unpacked(site: Site) -> None:
    site.answers["/"] = Told(gzip.compress(b'{"a": 1}'), headers={**JSON, "Content-Encoding": "gzip"})
    assert (await get(site)).body == b'{"a": 1}'


def large(size: int) -> dict[str, Told]:
    packed = {**JSON, "Content-Encoding": "gzip"}
    bomb = gzip.compress(b"0" * size)
    return {
        "said": Told(b"0" * size, headers=JSON),
        "unsaid": Told(raw=lambda line: line.sendall(head() + b"0" * size)),
        "chunked": Told(raw=lambda line: line.sendall(head("Transfer-Encoding: chunked") + chunks(size))),
        "bomb": Told(bomb, headers=packed),
        "twice packed": Told(gzip.compress(bomb), headers={**JSON, "Content-Encoding": "gzip, gzip"}),
        "cut off": Told(bomb[:-20], headers=packed),
        "two in one": Told(gzip.compress(b"{}") + bomb, headers=packed),
        "no gzip": Told(b"{}", headers=packed),
        "brotli": Told(b"{}", headers={**JSON, "Content-Encoding": "br"}),
        "deflate": Told(b"{}", headers={**JSON, "Content-Encoding": "deflate"}),
    }


def head(*more: str) -> bytes:
    return "\r\n".join(
        ["HTTP/1.1 200 OK", "Content-Type: application/json", "Connection: close", *more, "", ""]
    ).encode()


def chunks(size: int) -> bytes:
    return b"".join(b"1000\r\n" + b"0" * 4096 + b"\r\n" for _ in range(size // 4096)) + b"0\r\n\r\n"


@pytest.mark.parametrize("how", [*large(0)])
async def test_more_than_the_limit_is_not_read_however_it_is_sent(site: Site, how: str) -> None:
    site.answers["/"] = large(400_000)[how]
    with pytest.raises(RequestRefused):
        await get(site, max_bytes=100_000)


async def test_a_bomb_is_not_unpacked_beyond_the_limit(site: Site) -> None:
    site.answers["/"] = Told(gzip.compress(b"0" * 50_000_000), headers={**JSON, "Content-Encoding": "gzip"})
    unpacked: list[int] = []

    class Counting:
        def __init__(self, beneath: Any) -> None:
            self._beneath = beneath

        def __getattr__(self, name: str) -> Any:
            return getattr(self._beneath, name)

        def decompress(self, data: bytes, most: int) -> bytes:
            assert most > 0
            found: bytes = self._beneath.decompress(data, most)
            unpacked.append(len(found))
            return found

    beneath = zlib.decompressobj
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zlib, "decompressobj", lambda window: Counting(beneath(window)))
        with pytest.raises(RequestRefused, match="more than 100000 bytes"):
            await get(site, max_bytes=100_000)
    assert sum(unpacked) == 100_001


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream", "", "application/jsonx", "image/svg+xml"])
async def test_a_type_that_is_not_listed_is_not_read(site: Site, kind: str) -> None:
    site.answers["/"] = Told(b"{}", headers={"Content-Type": kind} if kind else {})
    with pytest.raises(RequestRefused, match="not among the types"):
        await get(site)


async def test_of_an_error_the_status_counts_whatever_the_page_says(site: Site) -> None:
    site.answers["/"] = Told(b"<h1>no</h1>", 404, {"Content-Type": "text/html"})
    found = await get(site)
    assert (found.status, found.body) == (404, b"")


def drip(line: socket.socket) -> None:
    try:
        line.sendall(head("Content-Length: 1000"))
        for _ in range(1000):
            line.sendall(b"0")
            time.sleep(0.02)
    except OSError:
        return


async def test_a_slow_drip_ends_with_the_time_of_the_whole(site: Site) -> None:
    site.answers["/"] = Told(raw=drip)
    began = time.monotonic()
    with pytest.raises(TaskError) as raised:
        await get(site, timeout_s=0.3)
    assert (raised.value.code, raised.value.transient) == ("http_timeout", True)
    assert time.monotonic() - began < 5


async def test_slow_redirects_have_no_more_time_together(site: Site) -> None:
    def slow(_seen: Any) -> Told:
        time.sleep(0.15)
        return Told(b"", 302, {"Location": "/"})

    site.answers["/"] = slow
    with pytest.raises(TaskError, match=r"within 0\.3 s"):
        await get(site, timeout_s=0.3, redirects=100)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Type: application/json\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\nContent-Type: application/json\r\n\r\n{} ",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
    ],
)
async def test_what_breaks_off_or_is_no_http_may_be_otherwise_the_next_time(site: Site, raw: bytes) -> None:
    site.answers["/"] = Told(raw=lambda line: line.sendall(raw))
    with pytest.raises(TaskError) as raised:
        await get(site)
    assert (raised.value.code, raised.value.transient) == ("http_unreachable", True)


async def test_nobody_at_a_port_is_an_error_that_passes(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(TaskError, match="cannot be reached"):
        await fetch(guard(site, ports=frozenset({port})), Asked("GET", read_address(f"http://api.example:{port}/")))


async def test_a_call_that_is_cancelled_leaves_no_connection(site: Site) -> None:
    arrived, gone = threading.Event(), threading.Event()

    def wait(line: socket.socket) -> None:
        arrived.set()
        line.settimeout(10)
        if not line.recv(1):
            gone.set()

    site.answers["/"] = Told(raw=wait)
    asking = asyncio.create_task(get(site))
    assert await asyncio.to_thread(arrived.wait, 10)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await asyncio.to_thread(gone.wait, 10)


# TLS


async def secured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Fetched:
    certificates = Certificates(tmp_path)
    trusting = ssl.create_default_context(cafile=certificates.authority)
    monkeypatch.setattr(fetching, "_trusted", lambda: trusting)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.server)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        guarded = Guard(("*",), ports=frozenset({port}), private=True, resolve=here)
        return await fetch(guarded, Asked("GET", read_address(f"https://{name}:{port}/")))
    finally:
        server.close()


async def test_a_certificate_is_held_against_the_name_and_not_against_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TaskError, match="certificate that is not trusted") as raised:
        await secured(tmp_path, monkeypatch, "api.example")
    assert not raised.value.transient


async def test_what_shows_the_certificate_of_its_name_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await secured(tmp_path, monkeypatch, "127.0.0.1")).body == b"{}"


async def test_what_is_kept_comes_back_as_it_was(site: Site) -> None:
    site.answers["/"] = told({"a": 1})
    found = await get(site)
    assert Fetched.of_kept(found.kept()) == Fetched(
        found.status, found.url, found.media_type, found.charset, found.body, found.at
    )
