"""Addresses that must not be reached, however they are written, and whoever leads there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpcore2
import pytest

from backdesk.platform.network import AsyncioBackend
from backdesk.platform.public_address import check_ip
from backdesk.tools.http.address import RequestRefused, read_address
from backdesk.tools.http.fetch import Asked, fetch
from backdesk.tools.http.guard import Guard
from backdesk.worker.errors import TaskError
from tests.support.http_site import Site, Told, told

CORPUS = [
    line
    for line in Path(__file__).with_name("ssrf.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
PUBLIC = "93.184.215.14"
NAMES = {
    "public.example": [PUBLIC],
    "local.example": ["127.0.0.1"],
    "intranet.example": ["10.1.2.3"],
    "mixed.example": [PUBLIC, "10.1.2.3"],
    "six.example": ["2606:2800:220:1::1", "::1"],
    "localhost": ["127.0.0.1", "::1"],
    "metadata": ["169.254.169.254"],
    "metadata.google.internal": ["169.254.169.254"],
}


async def look_up(host: str, _port: int) -> Sequence[str]:
    if host in NAMES:
        return NAMES[host]
    if host.replace(".", "").isdigit() or ":" in host:
        return [host]
    raise OSError(f"no such host: {host}")


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is connected to, which then fails: no test leaves this machine."""
    tried: list[str] = []

    async def connect_tcp(_self: Any, host: str, *_args: Any, **_options: Any) -> Any:
        tried.append(host)
        raise httpcore2.ConnectError("the tests stay at home")

    monkeypatch.setattr(AsyncioBackend, "connect_tcp", connect_tcp)
    return tried


def any_page(resolve: Any = look_up, **more: Any) -> Guard:
    return Guard(("*",), ports=frozenset({80, 443}), plain=True, types=("*/*",), resolve=resolve, **more)


async def get(guard: Guard, url: str) -> Any:
    return await fetch(guard, Asked("GET", read_address(url)))


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 100


@pytest.mark.parametrize("url", CORPUS)
async def test_no_address_of_the_corpus_is_connected_to(url: str, connected: list[str]) -> None:
    with pytest.raises(RequestRefused):
        await get(any_page(), url)
    assert connected == []


@pytest.mark.parametrize(
    "url",
    [
        "https://publ\u0456c.example/",  # a Cyrillic letter
        "https://xn--publc-q2e.example/",
        "https://public.example.evil.example/",
        "https://evilpublic.example/",
        "https://example/",
        "https://public.example./",
        "https://public.example:8443/",
        "http://public.example/",
    ],
)
async def test_a_host_that_only_looks_like_one_of_the_list_is_not_asked(url: str, connected: list[str]) -> None:
    with pytest.raises(RequestRefused):
        await get(Guard(("public.example",), resolve=look_up), url)
    assert connected == []


async def test_what_is_connected_to_is_the_address_that_was_checked(connected: list[str]) -> None:
    with pytest.raises(TaskError, match="cannot be reached"):
        await get(any_page(), "https://public.example/")
    assert connected == [PUBLIC]


async def test_a_name_that_means_another_machine_a_moment_later_is_looked_up_once(connected: list[str]) -> None:
    asked: list[str] = []

    async def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

    with pytest.raises(TaskError):
        await get(any_page(rebinding), "http://rebinding.example/")
    assert (asked, connected) == (["rebinding.example"], [PUBLIC])
    with pytest.raises(RequestRefused, match="private network"):
        await get(any_page(rebinding), "http://rebinding.example/")
    assert connected == [PUBLIC]


async def test_a_private_network_that_is_meant_has_no_services_of_the_machine(connected: list[str]) -> None:
    for url in ("http://169.254.169.254/", "http://metadata/", "http://[fd00:ec2::254]/", "http://[fe80::1]/"):
        with pytest.raises(RequestRefused):
            await get(any_page(private=True), url)
    assert connected == []


# Redirects, from a site that may be asked


async def local(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"] if host in {"site.example", "other.site.example"} else await look_up(host, port)


def of_site(site: Site, **more: Any) -> Guard:
    hosts = more.pop("hosts", ("site.example",))
    ports = frozenset({site.port, 80, 443})
    return Guard(hosts, **{"ports": ports, "plain": True, "private": True, "resolve": local, **more})


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://metadata.google.internal/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "//localhost/",
        "\\\\localhost\\",
        "/\\localhost/",
        "http://evil.example/",
        "http://site.example.evil.example/",
        "http://evilsite.example/",
        "http://site.example@evil.example/",
        "http://site.example:22/",
        "http://site.example:6379/",
        "file:///etc/passwd",
        "gopher://site.example:6379/_FLUSHALL",
        "ftp://site.example/",
        "data:text/html,hello",
        "javascript:alert(1)",
        "http://site.example\t.evil.example/",
        "http://other.site.example/",
    ],
)
async def test_a_redirect_leads_to_nothing_that_may_not_be_asked(site: Site, location: str) -> None:
    site.answers["/"] = Told(b"", 302, {"Location": location})
    with pytest.raises(RequestRefused):
        await get(of_site(site), site.url("/", "site.example"))
    assert site.paths == ["/"]


async def test_a_redirect_to_a_host_of_the_list_is_followed_into_no_private_network(site: Site) -> None:
    site.answers["/"] = Told(b"", 302, {"Location": "http://intranet.example/"})
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return await local(host, port)

    guard = of_site(site, hosts=("site.example", "intranet.example"), resolve=resolve)

    def private_at_first_alone(host: str, ip: str, *, private: bool) -> None:
        if host != "site.example":
            check_ip(host, ip)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backdesk.platform.guarded_network.check_ip", private_at_first_alone)
        with pytest.raises(RequestRefused, match=r"intranet\.example is in a private network"):
            await get(guard, site.url("/", "site.example"))
    assert asked == ["site.example", "intranet.example"]


def test_nobody_is_led_from_https_to_http() -> None:
    guard = Guard(("*",), plain=True, ports=frozenset({80, 443}))
    secured, plain = read_address("https://site.example/"), read_address("http://site.example/")
    with pytest.raises(RequestRefused, match="from https to http"):
        guard.check(plain, secured)
    guard.check(secured, plain)


async def test_a_round_of_redirects_ends(site: Site) -> None:
    site.answers["/"] = Told(b"", 302, {"Location": "/"})
    with pytest.raises(RequestRefused, match="more than 3 times"):
        await get(of_site(site), site.url("/", "site.example"))
    assert len(site.seen) == 4


async def test_secrets_and_headers_go_to_no_other_host(site: Site) -> None:
    site.answers["/"] = Told(b"", 307, {"Location": site.url("/next", "other.site.example")})
    site.answers["/next"] = Told(b"", 307, {"Location": site.url("/back", "site.example")})
    site.answers["/back"] = told({"ok": True})
    guard = of_site(site, hosts=("*.example",))
    address = read_address(site.url("/", "site.example"))
    secrets: dict[str, Any] = {"secret_headers": {"Authorization": "Bearer s3cret"}, "secret_query": "key=s3cret"}
    found = await fetch(guard, Asked("GET", address, {"X-Shop": "acme", "Accept": "application/json"}, **secrets))
    assert found.status == 200
    first, *rest = site.seen
    assert (first.path, first.headers["Authorization"], first.headers["X-Shop"]) == (
        "/?key=s3cret",
        "Bearer s3cret",
        "acme",
    )
    assert all("s3cret" not in str(each) and "X-Shop" not in each.headers for each in rest)
    assert {each.headers["Accept"] for each in rest} == {"application/json"}


async def test_the_request_of_another_method_is_sent_nowhere_else(site: Site) -> None:
    site.answers["/"] = Told(b"", 307, {"Location": "/next"})
    with pytest.raises(RequestRefused, match="redirects a POST"):
        await fetch(of_site(site), Asked("POST", read_address(site.url("/", "site.example")), body=b"{}"))
    assert site.paths == ["/"]


async def test_no_proxy_of_the_environment_is_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.answers["/"] = told({"ok": True})
    assert (await get(of_site(site), site.url("/", "site.example"))).status == 200


async def test_no_cookie_is_brought_back(site: Site) -> None:
    site.answers["/"] = Told(b"", 302, {"Location": "/next", "Set-Cookie": "session=1"})
    site.answers["/next"] = told({"ok": True})
    await get(of_site(site), site.url("/", "site.example"))
    await get(of_site(site), site.url("/next", "site.example"))
    assert [each.headers.get("Cookie") for each in site.seen] == [None, None, None]


async def test_a_host_keeps_its_name_in_the_request(site: Site, resolve: Callable[..., Any]) -> None:
    site.answers["/"] = told({"ok": True})
    await get(of_site(site), site.url("/", "site.example"))
    assert site.seen[0].headers["Host"] == f"site.example:{site.port}"
