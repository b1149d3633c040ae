"""What all requests to a gateway have in common, however they are sent: address, key, patience, and the errors."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

from backdesk.client.operations.operation import HttpAnswer, HttpRequest
from backdesk.client.over_http.errors import Unserved, error_of
from backdesk.worker.errors import ConfigurationError, StoreUnavailable

#: Silence of a stream after which it is taken for broken: a gateway sends a heartbeat every 15 s.
STREAM_SILENCE_S = 40.0
#: A job is waited for by requests that take so long at most, which proxies put up with. Seconds.
WAIT_S = 20.0
#: A request is sent so often before its caller is told, as none does harm twice; the pauses are these, in seconds.
ATTEMPTS = 4
PAUSE_S = 0.1


def library() -> Any:
    """Return what speaks HTTP. Raises ConfigurationError where it is not installed."""
    try:
        import httpx2  # noqa: PLC0415 - only for those who go over HTTP
    except ImportError:
        raise ConfigurationError('a gateway is reached by what pip install "backdesk[http]" brings') from None
    return httpx2


@cache
def certificates() -> Any:
    """Return what vouches for gateways: read once a process, as it takes 20 ms."""
    return ssl.create_default_context()


def options_of(url: str, key: str | None) -> dict[str, Any]:
    """Return how a gateway is connected to, in the words of the library."""
    return {"base_url": url, "headers": headers_of(key), "verify": url.startswith("https:") and certificates()}


def headers_of(key: str | None) -> dict[str, str]:
    """Return what each request says of its sender."""
    return {"accept": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})


def sent(request: HttpRequest, timeout_s: float) -> dict[str, Any]:
    """Return how a request is sent, in the words of the library."""
    kind = {"content-type": "application/json"} if request.body is not None else {}
    return {
        "method": request.method,
        "url": request.path,
        "params": dict(request.query),
        "content": request.body,
        "headers": kind | dict(request.headers),
        "timeout": timeout_s + request.wait_s,
    }


def answer_of(status: int, content: bytes, place: str) -> HttpAnswer:
    """Return a good answer. Raises the error that another tells."""
    if not 200 <= status < 300:
        raise error_of(status, content, place)
    return HttpAnswer(status, content)


def unreachable(place: str, error: Exception) -> StoreUnavailable:
    """Return what a caller is told whom a broken connection keeps from the gateway."""
    return StoreUnavailable(f"no gateway could be reached at {place}: {str(error) or type(error).__name__}")


def passes(error: BaseException) -> bool:
    """Return whether what has kept a request from being served passes by itself."""
    return isinstance(error, Unserved)
