"""People whom an identity provider has made out, by a real one over HTTP; and programs with its access tokens."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from joserfc.jwk import RSAKey

from tests.support.house import House, reached
from tests.support.issuer import CLIENT_ID, CLIENT_SECRET, Issuer, issuing

AUDIENCE = "https://desk.example.com"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def gateway(house: House, issuer: Issuer) -> Iterator[httpx2.Client]:
    options: dict[str, Any] = {
        "oidc_issuer": issuer.url,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_audience": AUDIENCE,
        "oidc_roles": "desk-admins=admin, desk=operate",
        "oidc_tenant_claim": "org.tenant",
        "max_failures": 100_000,
    }
    with reached(house.settings, **options) as client:
        yield client


@pytest.fixture
def browser(gateway: httpx2.Client, issuer: Issuer) -> Iterator[httpx2.Client]:
    issuer.claims = {"sub": "u-1", "email": "ada@example.com", "roles": ["desk-admins"], "org": {"tenant": "acme"}}
    issuer.tampered, issuer.signing_key = {}, None
    with httpx2.Client(base_url=gateway.base_url, trust_env=False, follow_redirects=False) as client:
        yield client


def sent_away(browser: httpx2.Client) -> str:
    """Where the identity provider sends a browser that has gone there."""
    away = browser.get("/sign-in/issuer")
    assert away.status_code == 303
    return httpx2.get(away.headers["location"], trust_env=False).headers["location"]


def test_who_signs_in_at_the_provider_has_the_scope_of_their_roles_and_their_tenant(
    browser: httpx2.Client, issuer: Issuer
) -> None:
    issuer.claims["roles"] = ["desk", "somebody", "desk-admins"]
    welcome = browser.get(sent_away(browser))
    assert (welcome.status_code, welcome.headers["location"]) == (303, "/v1/session")
    expected = {"name": "ada@example.com", "scope": "admin", "tenant": "acme", "way": "session"}
    assert browser.get("/v1/session").json() == expected


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"roles": []}, 403),
        ({"roles": ["nothing"]}, 403),
        ({"roles": None}, 403),
        ({"roles": "desk"}, 303),
        ({"org": None}, 403),
        ({"org": {"tenant": ""}}, 403),
        ({"org": {"tenant": ["acme"]}}, 403),
    ],
)
def test_without_a_role_or_a_tenant_nobody_is_let_in(
    browser: httpx2.Client, issuer: Issuer, claims: dict[str, Any], status: int
) -> None:
    issuer.claims |= claims
    assert browser.get(sent_away(browser)).status_code == status


@pytest.mark.parametrize(
    "tampered",
    [
        {"nonce": "another"},
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"exp": int(time.time()) - 3600},
        {"azp": "another"},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
    ],
)
def test_a_token_that_is_not_for_this_sign_in_lets_nobody_in(
    browser: httpx2.Client, issuer: Issuer, tampered: dict[str, Any]
) -> None:
    back = sent_away(browser)
    issuer.tampered = tampered
    assert browser.get(back).status_code == 401
    assert browser.get("/v1/session").status_code == 401


def test_a_token_that_another_has_signed_lets_nobody_in(browser: httpx2.Client, issuer: Issuer) -> None:
    issuer.signing_key = RSAKey.generate_key(2048, {"kid": "one"})
    assert browser.get(sent_away(browser)).status_code == 401


def test_a_sign_in_is_finished_in_the_browser_that_began_it_and_once(
    browser: httpx2.Client, gateway: httpx2.Client
) -> None:
    back = sent_away(browser)
    with httpx2.Client(base_url=gateway.base_url, trust_env=False) as another:
        assert another.get(back).status_code == 401  # nobody can be signed in as somebody else
    state = dict(parse_qsl(urlsplit(back).query))["state"]
    assert browser.get(back.replace(state, "x" * len(state))).status_code == 401
    assert browser.get(back + "x").status_code in {303, 401}  # `iss`, the last of them, is another's now
    back = sent_away(browser)
    assert browser.get(back.replace("iss=", "iss=https%3A%2F%2Fevil.example")).status_code == 401
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 401


def test_the_code_of_another_sign_in_is_of_no_use(browser: httpx2.Client, issuer: Issuer) -> None:
    stolen = dict(parse_qsl(urlsplit(sent_away(browser)).query))["code"]
    mine = sent_away(browser)
    code = dict(parse_qsl(urlsplit(mine).query))["code"]
    assert browser.get(mine.replace(code, stolen)).status_code == 401  # its verifier is another


# Access tokens


def access_token(issuer: Issuer, typ: str = "at+jwt", **claims: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {issuer.token(typ, **{'aud': AUDIENCE, **claims})}"}


def test_an_access_token_for_us_lets_in_by_its_roles(browser: httpx2.Client, issuer: Issuer) -> None:
    issuer.claims["roles"] = ["desk"]
    told = browser.get("/v1/session", headers=access_token(issuer)).json()
    assert told == {"name": "ada@example.com", "scope": "operate", "tenant": "acme", "way": "issuer"}


def signed_as_if_by_a_shared_secret(claims: dict[str, Any], secret: bytes) -> str:
    """A token whose secret is the public key that everybody knows: good where the algorithm is the token's to say."""

    def text(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    head = json.dumps({"alg": "HS256", "kid": "one", "typ": "at+jwt"}).encode()
    body = f"{text(head)}.{text(json.dumps(claims).encode())}"
    return f"{body}.{text(hmac.digest(secret, body.encode(), 'sha256'))}"


def test_any_other_token_lets_nobody_in(browser: httpx2.Client, issuer: Issuer) -> None:
    now = int(time.time())
    claims = {"iss": issuer.url, "aud": AUDIENCE, "iat": now, "exp": now + 300, **issuer.claims}
    confused = signed_as_if_by_a_shared_secret(claims, issuer.key.as_pem(private=False))
    good = access_token(issuer)["authorization"]
    unsigned = good.rpartition(".")[0] + "."
    for wrong in (
        access_token(issuer, aud="https://another.example"),
        access_token(issuer, exp=now - 3600),
        access_token(issuer, iss="https://evil.example"),
        access_token(issuer, typ="JWT"),
        {"authorization": f"Bearer {confused}"},
        {"authorization": unsigned},
        {"authorization": "Bearer a.b.c"},
    ):
        answer = browser.get("/v1/session", headers=wrong)
        assert answer.status_code == 401
        assert "resource_metadata=" in answer.headers["www-authenticate"]
    assert browser.get("/v1/session", headers={"authorization": good}).status_code == 200


def test_an_unknown_key_is_asked_for_at_most_every_half_minute(browser: httpx2.Client, issuer: Issuer) -> None:
    browser.get("/v1/session", headers=access_token(issuer))
    before = issuer.asked.count("/jwks")
    issuer.signing_key = RSAKey.generate_key(2048, {"kid": "two"})
    for _ in range(5):
        assert browser.get("/v1/session", headers=access_token(issuer)).status_code == 401
    assert issuer.asked.count("/jwks") - before <= 1


def test_clients_learn_by_whose_tokens_they_are_let_in(browser: httpx2.Client, issuer: Issuer) -> None:
    for path in ("", "/mcp"):
        told = browser.get(f"/.well-known/oauth-protected-resource{path}").json()
        assert (told["resource"], told["authorization_servers"]) == (AUDIENCE, [issuer.url])


def test_without_an_issuer_there_is_no_such_document(guarded: httpx2.Client) -> None:
    assert guarded.get("/.well-known/oauth-protected-resource").status_code == 404
    assert guarded.get("/sign-in/issuer").status_code == 401
    assert guarded.get("/v1/session").headers["www-authenticate"] == "Bearer"


def test_a_provider_that_is_away_is_said_to_be(house: House) -> None:
    with reached(house.settings, oidc_issuer="http://127.0.0.1:1", oidc_client_id="desk") as http:
        answer = http.get("/sign-in/issuer")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "issuer_unavailable"
