"""Addresses that no webhook may reach, however they are written, and whoever leads there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpcore2
import pytest

from backdesk.client.operations.webhooks import check_url
from backdesk.kinds.webhook.sending import Answer, send
from backdesk.platform.network import AsyncioBackend
from backdesk.worker.errors import InvalidRequest
from tests.support.http_site import Site, Told
from tests.tools.http.test_ssrf import CORPUS, look_up

#: Those of the tool that fetches pages, by https: that alone is no reason to refuse them. It has ports of its own.
SECURED = [url.replace("http://", "https://", 1) for url in CORPUS if "public.example:" not in url]
PUBLIC = "93.184.215.14"
PRIVATE = ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "100.64.0.1", "0.0.0.0"]  # noqa: S104 - as a target


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is connected to, which then fails: no test leaves this machine."""
    tried: list[str] = []

    async def connect_tcp(_self: Any, host: str, *_args: Any, **_options: Any) -> Any:
        tried.append(host)
        raise httpcore2.ConnectError("the tests stay at home")

    monkeypatch.setattr(AsyncioBackend, "connect_tcp", connect_tcp)
    return tried


def leading_to(*addresses: str) -> Any:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


async def post(url: str, *addresses: str, **more: Any) -> Answer:
    return await send(url, b"{}", {}, **{"private": False, "resolve": leading_to(*addresses), **more})


@pytest.mark.asyncio
@pytest.mark.parametrize("url", SECURED)
async def test_what_is_not_public_is_refused_when_it_is_added_or_when_it_is_looked_up(
    url: str, tried: list[str]
) -> None:
    try:
        check_url(url, private=False)
    except InvalidRequest:
        pass
    else:
        assert (await post(url, resolve=look_up)).status == 0
    assert tried == []


@pytest.mark.parametrize(
    "url",
    [
        "https://user@example.com/",
        "https://example.com/#part",
        "https://example.com:0/",
        "https:///path",
        "https://exa mple.com/",
        "https://example.com/\r\nX: y",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://localhost/",
        "https://db.internal/",
        "https://169.254.169.254/latest",
        "ftp://example.com/",
        "https://\uff45xample.com/",
        7,
    ],
)
def test_what_is_no_address_of_a_receiver_is_refused(url: Any) -> None:
    with pytest.raises(InvalidRequest):
        check_url(url, private=False)


@pytest.mark.parametrize("address", ["169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "[fe80::1]"])
def test_services_of_the_machine_are_refused_even_where_private_networks_are_allowed(address: str) -> None:
    with pytest.raises(InvalidRequest):
        check_url(f"http://{address}/", private=True)


def test_a_public_receiver_is_taken() -> None:
    check_url("https://hooks.example.com:8443/in?of=backdesk", private=False)


@pytest.mark.asyncio
@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_leads_into_a_private_network_is_not_connected_to(address: str, tried: list[str]) -> None:
    answer = await post("https://rebound.example/", address)
    failure = answer.failure()
    assert tried == []
    assert failure is not None
    assert (failure.code, failure.transient) == ("http_refused", False)


@pytest.mark.asyncio
async def test_one_private_address_among_public_ones_is_enough(tried: list[str]) -> None:
    assert (await post("https://mixed.example/", PUBLIC, "10.1.2.3")).refused
    assert tried == []


@pytest.mark.asyncio
async def test_a_name_is_looked_up_once_and_that_very_address_connected_to(tried: list[str]) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        return next(answers)

    await post("https://rebinding.example/", resolve=rebinding)
    assert tried == [PUBLIC]


@pytest.mark.asyncio
async def test_nothing_goes_by_http_unless_that_is_allowed(tried: list[str]) -> None:
    assert (await post("http://public.example/", PUBLIC)).refused
    assert tried == []


@pytest.mark.asyncio
async def test_a_receiver_that_answers_without_end_is_hung_up_on(site: Site) -> None:
    site.answers["/hook"] = Told(b"x" * 5_000_000)
    assert (await send(site.url("/hook"), b"{}", {}, private=True)).status == 200
