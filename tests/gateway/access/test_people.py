"""People sign in by a one-time link, and pages of others cannot act for them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest

from tests.support.eventually import eventually
from tests.support.house import House, reached


@pytest.fixture
def browser(guarded: httpx2.Client) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=guarded.base_url, trust_env=False, follow_redirects=False) as client:
        yield client


def sign_in(browser: httpx2.Client, house: House, name: str = "ada", **whom: str) -> httpx2.Response:
    code = house.jobs.sessions.invite(name, **whom)  # type: ignore[arg-type]  # a scope and a tenant
    return browser.post("/sign-in", data={"code": code})


def test_a_code_signs_in_once_and_looking_does_not_use_it_up(browser: httpx2.Client, house: House) -> None:
    code = house.jobs.sessions.invite("ada", scope="operate", tenant="acme")
    for _ in range(2):
        page = browser.get(f"/sign-in?code={code}")
        assert re.search(r'name="code" value="([^"]+)"', page.text)
    assert browser.get("/v1/session").status_code == 401
    welcome = browser.post("/sign-in", data={"code": code})
    assert (welcome.status_code, welcome.headers["location"]) == (303, "/v1/session")
    cookie = welcome.headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    expected = {"name": "ada", "scope": "operate", "tenant": "acme", "way": "session"}
    assert browser.get("/v1/session").json() == expected
    with httpx2.Client(base_url=browser.base_url, trust_env=False) as another:
        assert another.post("/sign-in", data={"code": code}).status_code == 401
        assert another.get("/v1/session").status_code == 401


def test_over_https_the_cookie_is_of_this_host_alone(house: House) -> None:
    with reached(house.settings, public_url="https://desk.example.com") as http:
        code = house.jobs.sessions.invite("ada")
        headers = {"origin": "https://desk.example.com"}
        cookie = http.post("/sign-in", data={"code": code}, headers=headers).headers["set-cookie"]
        assert cookie.startswith("__Host-backdesk-session=")
        assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))


def test_signing_out_ends_the_session_at_once(browser: httpx2.Client, house: House) -> None:
    sign_in(browser, house)
    kept = dict(browser.cookies)
    assert browser.delete("/v1/session", headers={"x-backdesk": "1"}).json() == {"done": True}
    browser.cookies.update(kept)
    assert browser.get("/v1/session").status_code == 401


def test_an_admin_lists_and_ends_sessions(browser: httpx2.Client, guarded: httpx2.Client, house: House) -> None:
    sign_in(browser, house, name="eve")
    listed = guarded.get("/v1/sessions", headers=house.key("admin", None)).json()["data"]
    (session,) = [each for each in listed if each["name"] == "eve"]
    assert guarded.get("/v1/sessions", headers=house.key("admin", "acme")).status_code == 403
    ended = guarded.delete(f"/v1/sessions/{session['id']}", headers=house.key("admin", None))
    assert ended.json() == {"done": True}
    eventually(lambda: browser.get("/v1/session").status_code == 401)


def test_the_id_of_a_session_lets_nobody_in(browser: httpx2.Client, house: House) -> None:
    sign_in(browser, house)
    session = house.jobs.sessions.list()[0]
    browser.cookies.clear()
    browser.cookies.set("backdesk-session", session.id)
    assert browser.get("/v1/session").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-backdesk": "1"}, 200),
        ({"x-backdesk": "1", "origin": "OWN"}, 200),
        ({"x-backdesk": "1", "sec-fetch-site": "same-origin"}, 200),
        ({}, 403),
        ({"origin": "OWN"}, 403),
        ({"x-backdesk": "1", "origin": "https://evil.example"}, 403),
        ({"x-backdesk": "1", "origin": "null"}, 403),
        ({"x-backdesk": "1", "sec-fetch-site": "cross-site"}, 403),
        ({"x-backdesk": "1", "sec-fetch-site": "same-site"}, 403),
    ],
)
def test_a_page_of_another_origin_cannot_act_for_who_is_signed_in(
    browser: httpx2.Client, house: House, headers: dict[str, str], status: int
) -> None:
    sign_in(browser, house, scope="operate", tenant="acme")
    job = house.asking()
    own = str(browser.base_url).rstrip("/")
    given = {name: own if value == "OWN" else value for name, value in headers.items()}
    assert browser.post(f"/v1/jobs/{job}/cancel", headers=given).status_code == status


def test_a_page_of_another_origin_cannot_sign_somebody_in(browser: httpx2.Client, house: House) -> None:
    code = house.jobs.sessions.invite("mallory")
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert browser.post("/sign-in", data={"code": code}, headers=headers).status_code == 403
    assert browser.post("/sign-in", data={"code": code}).status_code == 303


def test_a_session_does_what_its_scope_allows_and_sees_its_tenant(browser: httpx2.Client, house: House) -> None:
    sign_in(browser, house, scope="read", tenant="acme")
    mine, theirs = house.asking("acme"), house.asking("other")
    assert browser.get(f"/v1/jobs/{mine}").status_code == 200
    assert browser.get(f"/v1/jobs/{theirs}").status_code == 404
    assert browser.post(f"/v1/jobs/{mine}/cancel", headers={"x-backdesk": "1"}).status_code == 403
