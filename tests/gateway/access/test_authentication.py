"""Who is let in, and as whom."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import redis

from backdesk.client import JobClient
from backdesk.client.deployment import Deployment
from backdesk.gateway.access.authentication import CACHED_S
from backdesk.gateway.serving import check_keys
from backdesk.gateway.settings import GatewaySettings
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.model.access import new_token
from backdesk.worker.settings import Settings
from tests.support.eventually import eventually
from tests.support.house import House, reached
from tests.support.workers import fast_settings

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound


def who(client: httpx2.Client, **headers: str) -> httpx2.Response:
    return client.get("/v1/session", headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_key_is_taken_in_either_header(guarded: httpx2.Client, house: House) -> None:
    secret = house.secrets["operate", "acme"]
    expected = {"name": "operate of acme", "scope": "operate", "tenant": "acme", "way": "key"}
    assert who(guarded, authorization=f"Bearer {secret}").json() == expected
    assert who(guarded, authorization=f"bearer {secret}").json() == expected
    assert who(guarded, x_api_key=secret).json() == expected


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer x", "Basic Ym9iOmJvYg==", "Bearer bdk_000000000000_" + "A" * 43, "Bearer \xe9"],
)
def test_whatever_is_no_key_gets_one_answer(guarded: httpx2.Client, house: House, given: str) -> None:
    answer = guarded.get("/v1/session", headers=[(b"authorization", given.encode("latin-1"))])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert answer.json()["detail"] == "this lets nobody in, or not any more"


def test_without_a_key_nobody_is_let_in_once_there_is_one(guarded: httpx2.Client) -> None:
    answer = who(guarded)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "backdesk keys add" in answer.json()["detail"]
    assert answer.json()["error"]["type"] == "authentication_error"


def test_a_revoked_key_lets_nobody_in_within_two_seconds(guarded: httpx2.Client, house: House) -> None:
    made = house.jobs.keys.add("gone")
    assert who(guarded, x_api_key=made.secret).status_code == 200
    house.jobs.keys.revoke(made.key.id)
    eventually(lambda: who(guarded, x_api_key=made.secret).status_code == 401)


def test_both_secrets_let_in_during_a_rotation(guarded: httpx2.Client, house: House) -> None:
    made = house.jobs.keys.add("turning")
    rotated = house.jobs.keys.rotate(made.key.id, overlap=timedelta(minutes=5))
    assert {who(guarded, x_api_key=each.secret).status_code for each in (made, rotated)} == {200}


def test_a_narrow_scope_may_not_do_what_needs_a_wider_one(guarded: httpx2.Client, house: House) -> None:
    body = {"kind": "test.echo", "request": {}}
    assert guarded.post("/v1/jobs", json=body, headers=house.key("read")).status_code == 403
    assert guarded.get("/v1/keys", headers=house.key("operate")).status_code == 403
    answer = guarded.get("/v1/audit", headers=house.key("submit"))
    assert answer.status_code == 403
    assert answer.json()["error"]["type"] == "permission_error"


# Without keys


def test_without_keys_this_machine_is_let_in_and_no_page_or_proxy(settings: Settings, client: redis.Redis) -> None:
    with reached(settings) as http, JobClient(settings=settings) as jobs:
        assert who(http).json()["way"] == "local"
        own = str(http.base_url).rstrip("/")
        assert who(http, origin=own).status_code == 200
        assert who(http, sec_fetch_site="same-origin").status_code == 200
        assert who(http, origin="http://localhost:3000", sec_fetch_site="same-site").status_code == 200
        assert who(http, authorization="Bearer none").json()["way"] == "local"  # what some clients insist to bring
        for name, value in (
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://localhost.evil.example"),
            ("origin", "file://"),
            ("sec_fetch_site", "cross-site"),
            ("sec_fetch_site", "same-site"),
            ("x_forwarded_for", "127.0.0.1"),
            ("x_forwarded_proto", "https"),
            ("forwarded", "for=127.0.0.1"),
            ("x_real_ip", "127.0.0.1"),
            ("via", "1.1 proxy"),
        ):
            assert who(http, **{name: value}).status_code == 401, (name, value)
        assert who(http, host="localhost:1").status_code == 200
        assert who(http, host="evil.example").status_code == 421
        jobs.keys.add("first")
        eventually(lambda: who(http).status_code == 401)
        assert who(http, authorization="Bearer none").status_code == 401


def test_while_redis_is_away_a_key_that_was_good_is_known_and_no_other(tmp_path: Path) -> None:
    """There is nothing to be had then but the figures of the process."""
    with EmbeddedRedis().start() as server:
        settings = fast_settings(server.url).model_copy(update={"data_dir": tmp_path, "socket_timeout_s": 0.5})
        with JobClient(settings=settings) as jobs, reached(settings) as http:
            secret = jobs.keys.add("scraper", scope="read").secret
            assert http.get("/metrics", headers={"x-api-key": secret}).status_code == 200
            server.stop()
            later = time.monotonic() + CACHED_S
            eventually(lambda: time.monotonic() > later)
            assert http.get("/metrics", headers={"x-api-key": secret}).status_code == 200
            assert http.get("/metrics", headers={"x-api-key": new_token()[1]}).status_code == 503
            assert http.get("/v1/jobs", headers={"x-api-key": secret}).status_code == 503
            assert http.get("/metrics").status_code == 401


@pytest.mark.parametrize(
    "options",
    [{"require_key": True}, {"public_url": "https://desk.example.com"}, {"hosts": "desk.example.com"}],
)
def test_a_gateway_that_serves_others_lets_nobody_in_for_where_they_are(
    settings: Settings, client: redis.Redis, options: dict[str, object]
) -> None:
    with reached(settings, **options) as http:
        assert who(http).status_code == 401


def test_it_does_not_start_where_others_reach_it_and_nobody_has_a_key(settings: Settings, client: redis.Redis) -> None:
    deployment = Deployment(settings, "of the test")
    public = GatewaySettings(_env_file=None, host=EVERYWHERE)
    with pytest.raises(ConfigurationError, match="backdesk keys add"):
        check_keys(public, deployment)
    check_keys(GatewaySettings(_env_file=None), deployment)
    check_keys(GatewaySettings(_env_file=None, host=EVERYWHERE, without_keys=True), deployment)
    with JobClient(settings=settings) as jobs:
        jobs.keys.add("first")
    check_keys(public, deployment)


# Failures


def test_an_address_that_fails_too_often_waits_and_whoever_was_good_goes_on(house: House) -> None:
    with reached(house.settings, max_failures=5) as http:
        good = {"x_api_key": house.secrets["read", "acme"]}
        assert who(http, **good).status_code == 200
        statuses = [who(http, x_api_key=f"wrong-{n}").status_code for n in range(7)]
        assert statuses == [401] * 5 + [429] * 2
        limited = who(http, x_api_key="wrong")
        assert 0 < int(limited.headers["retry-after"]) <= 60
        assert limited.json()["error"]["type"] == "rate_limit_error"
        assert who(http, **good).status_code == 200
        assert who(http, x_api_key=house.secrets["admin", "acme"]).status_code == 429


def test_behind_a_proxy_that_is_known_each_address_fails_for_itself(house: House) -> None:
    with reached(house.settings, proxies="127.0.0.0/8", max_failures=5) as http:
        for n in range(6):
            who(http, x_api_key=f"wrong-{n}", x_forwarded_for="203.0.113.7")
        assert who(http, x_api_key="wrong", x_forwarded_for="203.0.113.7").status_code == 429
        assert who(http, x_api_key="wrong", x_forwarded_for="203.0.113.8").status_code == 401
        # What a client has written itself is not believed.
        assert who(http, x_api_key="wrong", x_forwarded_for="203.0.113.9, 203.0.113.7").status_code == 429
