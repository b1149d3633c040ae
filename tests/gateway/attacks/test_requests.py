"""Requests that mean harm by their shape: too large, too slow, too deep, with line ends where none belong."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest

from backdesk.gateway.protocol import MOST_HEADERS
from tests.support.house import House, reached

SMALL = 64 * 1024
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def bounded(house: House) -> Iterator[httpx2.Client]:
    """A gateway with small bounds."""
    with reached(
        house.settings, max_body_bytes=SMALL, body_timeout_s=1, header_timeout_s=1, cors="https://desk.example.com"
    ) as client:
        yield client


class Raw:
    """A connection on which anything can be sent."""

    def __init__(self, client: httpx2.Client) -> None:
        parts = urlsplit(str(client.base_url))
        self.host = f"{parts.hostname}:{parts.port}"
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=10)

    def send(self, text: bytes) -> None:
        self._socket.sendall(text)

    def rest(self) -> bytes:
        """All that comes until the gateway ends the connection."""
        got = b""
        try:
            while part := self._socket.recv(65_536):
                got += part
        except ConnectionError:
            pass
        self._socket.close()
        return got


@pytest.fixture
def raw(bounded: httpx2.Client) -> Raw:
    return Raw(bounded)


def head(house: House, raw: Raw, *lines: str, path: str = "/v1/jobs") -> bytes:
    key = house.key("submit")["authorization"]
    fixed = (f"POST {path} HTTP/1.1", f"host: {raw.host}", f"authorization: {key}", "content-type: application/json")
    return "\r\n".join([*fixed, *lines, "", ""]).encode("latin-1")


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(house: House, raw: Raw) -> None:
    raw.send(head(house, raw, f"content-length: {SMALL + 1}"))
    answer = raw.rest()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer


def test_a_body_that_does_not_say_so_is_cut_off_when_it_is_too_large(house: House, raw: Raw) -> None:
    raw.send(head(house, raw, "transfer-encoding: chunked"))
    chunk = b"x" * 16_384
    for _ in range(SMALL // len(chunk) + 1):
        raw.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
    answer = raw.rest()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"payload_too_large" in answer


def test_a_body_that_does_not_come_is_waited_for_no_longer_than_that(house: House, raw: Raw) -> None:
    raw.send(head(house, raw, "content-length: 100") + b'{"kind":')
    began = time.monotonic()
    answer = raw.rest()
    assert answer.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - began < 5


def test_headers_that_do_not_end_are_waited_for_no_longer_than_that(raw: Raw) -> None:
    raw.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
    assert raw.rest().startswith(b"HTTP/1.1 408")


def test_a_connection_on_which_nothing_comes_is_ended(raw: Raw) -> None:
    assert raw.rest().startswith(b"HTTP/1.1 408")


def test_headers_without_end_are_cut_off(raw: Raw) -> None:
    raw.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
    try:
        for number in range(4 * MOST_HEADERS // 1024):
            raw.send(b"x-%d: %s\r\n" % (number, b"a" * 1000))
    except ConnectionError:
        pass
    assert raw.rest()[:12] in {b"HTTP/1.1 431", b""}


def test_a_slow_connection_holds_up_no_other(bounded: httpx2.Client) -> None:
    slow = [Raw(bounded) for _ in range(50)]
    for each in slow:
        each.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-")
    assert bounded.get("/healthz").status_code == 200
    assert all(each.rest().startswith(b"HTTP/1.1 408") for each in slow)


@pytest.mark.parametrize("deep", ["[" * 20_000 + "]" * 20_000, '{"a":' * 5000 + "1" + "}" * 5000, "[" * 60_000])
def test_json_that_is_too_deep_is_refused(bounded: httpx2.Client, house: House, deep: str) -> None:
    body = '{"kind": "test.echo", "request": ' + deep + "}"
    answer = bounded.post("/v1/jobs", content=body, headers=JSON | house.key("submit"))
    assert answer.status_code in {400, 413, 422}
    assert bounded.get("/healthz").status_code == 200


@pytest.mark.parametrize("body", ["", "null", "[]", '"x"', '{"kind": NaN}', '{"kind": "a\\ud800"}', "{", "\xff\xfe"])
def test_what_is_no_request_is_refused_with_a_reason(bounded: httpx2.Client, house: House, body: str) -> None:
    answer = bounded.post("/v1/jobs", content=body.encode("latin-1"), headers=JSON | house.key("submit"))
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "line",
    [
        "x-request-id: a\rset-cookie: stolen=1",
        "x-request-id: a\nset-cookie: stolen=1",
        "x-request-id: a\x00b",
        "x-request-id : a",
        "content-length: 1\r\ncontent-length: 2",
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked, identity",
        "content-length: +1",
        "content-length: -1",
    ],
)
def test_headers_that_two_servers_could_read_in_two_ways_are_refused(house: House, raw: Raw, line: str) -> None:
    raw.send(head(house, raw, line) + b"0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    answer = raw.rest()
    assert b"stolen" not in answer.partition(b"\r\n\r\n")[0]
    assert answer.count(b"HTTP/1.1 200") == 0


@pytest.mark.parametrize("value", ["a%0d%0aset-cookie:%20stolen=1", "a%00b", "..%2f..%2fetc", "%e2%80%ae", "a" * 2000])
def test_line_ends_in_values_reach_no_header(bounded: httpx2.Client, house: House, value: str) -> None:
    for path in (f"/v1/jobs/{value}", f"/v1/tenants/{value}", f"/v1/schedules/{value}", f"/sign-in?code={value}"):
        answer = bounded.get(path, headers=house.key("admin", None))
        assert "stolen" not in str(answer.headers)
        assert answer.status_code in {200, 404, 422}, (path, answer.text)
        assert "set-cookie" not in answer.headers


def test_the_id_of_a_request_is_taken_over_only_if_it_is_plain(bounded: httpx2.Client) -> None:
    for given in ("a" * 500, "a\tb", "é"):
        answer = bounded.get("/healthz", headers=[(b"x-request-id", given.encode())])
        assert answer.headers["x-request-id"] != given
    assert bounded.get("/healthz", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "10.0.0.1", "[::2]"]
)
def test_a_name_that_was_led_here_is_not_answered(bounded: httpx2.Client, host: str) -> None:
    for path in ("/healthz", "/v1/jobs", "/v1/openapi.json", "/mcp", "/sign-in"):
        assert bounded.get(path, headers={"host": host}).status_code in {400, 421}, path


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:80", "LOCALHOST", "[::1]:8000", "desk.localhost", "localhost."]
)
def test_names_of_this_machine_are_answered(bounded: httpx2.Client, host: str) -> None:
    assert bounded.get("/healthz", headers={"host": host}).status_code == 200


def test_a_gateway_that_was_told_its_names_answers_by_them(house: House) -> None:
    with reached(house.settings, hosts="desk.example.com,*.desks.example.com") as http:
        for host, status in (
            ("desk.example.com", 200),
            ("DESK.example.com:443", 200),
            ("a.desks.example.com", 200),
            ("desks.example.com", 421),
            ("evil-desk.example.com", 421),
            ("desk.example.com.evil.example", 421),
        ):
            assert http.get("/healthz", headers={"host": host}).status_code == status, host


def test_pages_of_listed_origins_may_bring_keys_and_others_may_not(bounded: httpx2.Client, house: House) -> None:
    def asked(origin: str) -> httpx2.Response:
        return bounded.get("/v1/jobs", headers=house.key("read") | {"origin": origin})

    listed = asked("https://desk.example.com")
    assert listed.headers["access-control-allow-origin"] == "https://desk.example.com"
    assert "access-control-allow-credentials" not in listed.headers  # people's cookies are not for other origins
    assert "access-control-allow-origin" not in asked("https://evil.example").headers
    preflight = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in bounded.options("/v1/jobs", headers=preflight).headers


def test_every_answer_tells_browsers_to_be_careful(bounded: httpx2.Client, house: House) -> None:
    for path in ("/healthz", "/v1/jobs", "/nothing", "/sign-in"):
        told = bounded.get(path, headers=house.key("read")).headers
        assert told["x-content-type-options"] == "nosniff"
        assert told["x-frame-options"] == "DENY"
        assert told["cache-control"] == "no-store"
        assert "default-src 'none'" in told["content-security-policy"]
        assert told["referrer-policy"] in {"no-referrer", "same-origin"}
        assert "server" not in told


def test_a_body_of_another_type_is_no_json(bounded: httpx2.Client, house: House) -> None:
    """A form of another page can send text, without asking first; and JSON only after asking."""
    body = json.dumps({"kind": "test.echo", "request": {}})
    headers = house.key("submit") | {"content-type": "text/plain"}
    assert bounded.post("/v1/jobs", content=body, headers=headers).status_code == 422
