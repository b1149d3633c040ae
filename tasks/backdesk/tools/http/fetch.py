"""One request, with the redirects that follow from it, within what a guard allows."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote

import httpcore2

from backdesk.platform.public_address import PrivateAddress
from backdesk.tools.http.address import Address, RequestRefused
from backdesk.tools.http.charsets import decoded
from backdesk.tools.http.guard import Guard
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WITH_BODY = frozenset(range(200, 300)) - {204, 205}
_ALWAYS = {"User-Agent": "backdesk", "Accept-Encoding": "gzip"}
#: Has zlib look for the head of gzip.
_GZIP_WINDOW = 31


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. Its secrets go to the origin that was asked first, and to no other that it redirects to."""

    method: str
    address: Address
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: What is added to the query, encoded.
    secret_query: str = field(default="", repr=False)
    #: What is masked in an answer that repeats it.
    secret: str = field(default="", repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back. `headers` are in lower case; the body is unpacked, and empty where its type is not read."""

    status: int
    url: str
    media_type: str
    charset: str
    body: bytes = field(repr=False)
    at: datetime
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """The body as text, whatever is wrong with it."""
        return decoded(self.body, self.charset)

    def kept(self) -> dict[str, Any]:
        """Return what `of_kept` reads, as JSON, without the headers."""
        body = base64.b64encode(self.body).decode("ascii")
        facts = {"status": self.status, "url": self.url, "media_type": self.media_type, "charset": self.charset}
        return {**facts, "body": body, "at": self.at.isoformat()}

    @classmethod
    def of_kept(cls, kept: Mapping[str, Any]) -> Fetched:
        """Read what `kept` has returned. Raises KeyError, TypeError and ValueError for anything else."""
        facts = {name: kept[name] for name in ("status", "url", "media_type", "charset")}
        return cls(**facts, body=base64.b64decode(kept["body"]), at=datetime.fromisoformat(kept["at"]))


class Sending:
    """Whether a request has begun to leave this machine: before that nothing can have come of it."""

    def __init__(self) -> None:
        self.begun = False

    async def trace(self, event: str, _info: Mapping[str, Any]) -> None:
        """Follow the library's own account of a request."""
        self.begun = self.begun or event.endswith("send_request_headers.started")


async def fetch(
    guard: Guard, asked: Asked, *, within_s: float | None = None, sending: Sending | None = None
) -> Fetched:
    """Make a request and return what answers it, whatever its status.

    Redirects are followed of GET alone; each is checked as the first was. Raises RequestRefused for what is not
    to be asked or read, and TaskError for what may be otherwise the next time: `http_timeout`, `http_unreachable`.
    """
    host = asked.address.host
    guard.check(asked.address)
    try:
        async with asyncio.timeout(min(guard.timeout_s, within_s or guard.timeout_s)):
            return await _follow(guard, asked, sending or Sending())
    except PrivateAddress as error:
        raise RequestRefused(f"{error.host} is in a private network") from None
    except (TimeoutError, httpcore2.TimeoutException):
        message = f"{host} did not answer within {guard.timeout_s:g} s"
        raise TaskError("http_timeout", message, category=Category.TIMEOUT, transient=True) from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise _unreachable(host, error) from None


def _unreachable(host: str, error: Exception) -> TaskError:
    # The pool of the library raises its errors anew, without their cause.
    if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
        why, passing = "shows a certificate that is not trusted", False
    elif isinstance(error, httpcore2.ConnectError):
        why, passing = "cannot be reached", True
    else:
        why, passing = "broke off, or does not speak HTTP", True
    return TaskError("http_unreachable", f"{host} {why}", category=Category.NETWORK, transient=passing)


async def _follow(guard: Guard, asked: Asked, sending: Sending) -> Fetched:
    # A pool for one call: what is left of one tenant's is not there in another's.
    async with httpcore2.AsyncConnectionPool(ssl_context=_trusted(), network_backend=guard.network()) as pool:
        for _ in range(guard.redirects + 1):
            async with _response(pool, asked, sending) as response:
                headers = _headers(response.headers)
                if response.status not in _REDIRECTS or "location" not in headers:
                    return await _read(guard, asked, response, headers)
            asked = _redirected(guard, asked, headers["location"])
    raise RequestRefused(f"{asked.address.host} redirects more than {guard.redirects} times")


def _redirected(guard: Guard, asked: Asked, location: str) -> Asked:
    if asked.method != "GET":
        raise RequestRefused(f"{asked.address.host} redirects a {asked.method}, which is not sent elsewhere")
    address = asked.address.redirected(location)
    guard.check(address, asked.address)
    if address.origin == asked.address.origin:
        return replace(asked, address=address)
    accept = {name: value for name, value in asked.headers.items() if name.lower() == "accept"}
    return replace(asked, address=address, headers=accept, secret_headers={}, secret_query="")


@asynccontextmanager
async def _response(
    pool: httpcore2.AsyncConnectionPool, asked: Asked, sending: Sending
) -> AsyncIterator[httpcore2.Response]:
    address, headers = asked.address, {**_ALWAYS, **asked.headers, **asked.secret_headers}
    if asked.body is not None:
        headers["Content-Length"] = str(len(asked.body))
    target = address.target
    if asked.secret_query and asked.secret_query not in target:
        target += ("&" if "?" in target else "?") + asked.secret_query
    async with pool.stream(
        asked.method,
        httpcore2.URL(scheme=address.scheme, host=address.host, port=address.port, target=target),
        headers=[(b"Host", address.authority.encode("ascii")), *_encoded(headers)],
        content=asked.body,
        extensions={"trace": sending.trace},
    ) as response:
        yield response


def _encoded(headers: Mapping[str, str]) -> Iterable[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


async def _read(guard: Guard, asked: Asked, response: httpcore2.Response, headers: dict[str, str]) -> Fetched:
    media_type, _, rest = headers.get("content-type", "").partition(";")
    media_type, host = media_type.strip().lower() or "application/octet-stream", asked.address.host
    body = b""
    if guard.takes(media_type):
        body = _without(asked.secret, await _body(guard, host, response.aiter_stream(), headers))
    elif asked.method == "GET" and response.status in _WITH_BODY and headers.get("content-length") != "0":
        raise RequestRefused(f"{host} sends {media_type[:80]}, which is not among the types that are read")
    charset = rest.lower().partition("charset=")[2].split(";")[0].strip("\"' ") or "utf-8"
    url = asked.address.url.replace(asked.secret_query, "***") if asked.secret_query else asked.address.url
    return Fetched(response.status, url, media_type, charset, body, datetime.now(UTC), headers)


async def _body(guard: Guard, host: str, pieces: AsyncIterable[bytes], headers: Mapping[str, str]) -> bytes:
    too_large = RequestRefused(f"{host} sends more than {guard.max_bytes} bytes, the limit")
    if headers.get("content-length", "").isdecimal() and int(headers["content-length"]) > guard.max_bytes:
        raise too_large
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise RequestRefused(f"{host} sends its answer packed in a way that was not asked for")
    unpacking = zlib.decompressobj(_GZIP_WINDOW) if encoding == "gzip" else None
    body, taken = bytearray(), 0
    try:
        async for piece in pieces:
            taken += len(piece)
            # Never unpacked further than the limit: a small piece may hold gigabytes.
            body += unpacking.decompress(piece, guard.max_bytes + 1 - len(body)) if unpacking else piece
            if max(taken, len(body)) > guard.max_bytes:
                raise too_large
    except zlib.error:
        raise RequestRefused(f"{host} sends what cannot be unpacked") from None
    if unpacking and (not unpacking.eof or unpacking.unused_data):
        raise RequestRefused(f"{host} sends what cannot be unpacked")
    return bytes(body)


def _without(secret: str, body: bytes) -> bytes:
    """Mask a secret in whatever form an answer repeats it: as it is, in an address, in JSON."""
    for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]) if secret else ():
        body = body.replace(form.encode(), b"***")
    return body


@cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates that this machine trusts, once a process."""
    return httpcore2.default_ssl_context()
