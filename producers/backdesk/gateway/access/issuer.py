"""People whom an identity provider has made out: OpenID Connect, and access tokens of the same issuer.

https://openid.net/specs/openid-connect-core-1_0.html (code flow with PKCE), RFC 9068 for access tokens.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from backdesk.gateway.access.caller import Scope
from backdesk.gateway.errors import Forbidden, IssuerUnavailable, Unauthenticated
from backdesk.gateway.settings import GatewaySettings
from backdesk.worker.model.access import new_secret

#: Signatures that are believed: none that takes a secret which others have, and not `none`.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
#: For how long what the provider says of itself is believed, and how soon it is asked for a key that is not known.
BELIEVED_S, AGAIN_S = 3600.0, 30.0
TIMEOUT_S = 10.0
#: How far clocks may be apart.
LEEWAY_S = 60

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the provider knows them, and what they may do here."""

    name: str
    scope: Scope
    tenant: str | None


@dataclass(frozen=True, slots=True)
class SigningIn:
    """What is kept of a sign-in while its browser is at the provider."""

    url: str
    state: str
    nonce: str
    verifier: str


class Issuer:
    """An identity provider, found by its address (OpenID Connect Discovery)."""

    def __init__(self, settings: GatewaySettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self.issuer = (settings.oidc_issuer or "").rstrip("/")
        self._clock = clock
        self._about: tuple[dict[str, Any], float] = ({}, 0.0)
        self._keys: tuple[KeySet | None, float] = (None, 0.0)

    async def begin(self, redirect_uri: str) -> SigningIn:
        """Return where to send a browser, and what to keep meanwhile. Raises IssuerUnavailable."""
        about = await self._metadata()
        async with self._client(redirect_uri) as client:
            nonce, verifier = new_secret(), new_secret() + new_secret()
            url, state = client.create_authorization_url(
                about["authorization_endpoint"], nonce=nonce, code_verifier=verifier
            )
        return SigningIn(url, state, nonce, verifier)

    async def finish(self, redirect_uri: str, code: str, kept: SigningIn) -> Person:
        """Return who has come back with a code. Raises Unauthenticated, Forbidden, IssuerUnavailable."""
        about = await self._metadata()
        try:
            async with self._client(redirect_uri) as client:
                token = await client.fetch_token(
                    about["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=kept.verifier
                )
        except OAuthError as error:
            logger.warning("sign_in_refused_by_issuer", extra={"error": str(error.error)})
            raise Unauthenticated("the identity provider does not confirm this sign-in: begin again") from None
        except (httpx2.HTTPError, ValueError) as error:
            raise IssuerUnavailable(f"the identity provider cannot be asked: {type(error).__name__}") from None
        params = {"nonce": kept.nonce, "client_id": self._settings.oidc_client_id} | (
            {"access_token": token["access_token"]} if "access_token" in token else {}
        )
        claims = await self._claims(str(token.get("id_token", "")), self._settings.oidc_client_id, params)
        if claims is None:
            raise Unauthenticated("the identity provider's word cannot be believed: begin again")
        return self.person_of(claims)

    async def bearer(self, token: str) -> Person | None:
        """Return whose access token it is; None unless it is good, and made for us."""
        audience = self._settings.oidc_audience
        claims = await self._claims(token, audience, None) if audience else None
        return self.person_of(claims) if claims is not None else None

    def person_of(self, claims: Mapping[str, Any]) -> Person:
        """Return who is meant, by their roles. Raises Forbidden for somebody who has none here."""
        settings = self._settings
        roles, named = _claim(claims, settings.oidc_role_claim), settings.scopes_of_roles
        scopes = [named[role] for role in ([roles] if isinstance(roles, str) else roles or ()) if role in named]
        tenant = _claim(claims, settings.oidc_tenant_claim) if settings.oidc_tenant_claim else None
        if not scopes or (settings.oidc_tenant_claim and not (isinstance(tenant, str) and tenant)):
            raise Forbidden("", reason="the identity provider gives this person no role here")
        name = next(str(claims[each]) for each in ("email", "preferred_username", "name", "sub") if claims.get(each))
        return Person(_plain(name), max(scopes, key=[*Scope].index), tenant)

    async def _claims(self, token: str, audience: str, params: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return what a token of the issuer for an audience says; None for any other. `params` makes it an ID token."""
        options: Any = {
            "iss": {"essential": True, "value": (await self._metadata())["issuer"]},
            "aud": {"essential": True, "value": audience},
            "exp": {"essential": True},
            "sub": {"essential": True},
        }
        try:
            read = await self._decoded(token)
            claims = CodeIDToken(read.claims, read.header, options, params or {})
            if params is None and read.header.get("typ", "").lower() not in {"at+jwt", "application/at+jwt"}:
                return None  # an ID token says who somebody is to another, and is no key to anything (RFC 9068)
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            logger.info("token_refused", extra={"error": type(error).__name__})
            return None
        return dict(claims)

    async def _decoded(self, token: str) -> jwt.Token:
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        keys = await self._key_set()
        try:
            return jwt.decode(token, keys, registry=registry)
        except JoseError:
            fresh = await self._key_set(again=True)
            if fresh is keys:
                raise
            return jwt.decode(token, fresh, registry=registry)

    async def _metadata(self) -> dict[str, Any]:
        about, until = self._about
        if not about or self._clock() >= until:
            about = await self._get(f"{self.issuer}/.well-known/openid-configuration")
            lacking = {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"} - about.keys()
            if lacking or str(about["issuer"]).rstrip("/") != self.issuer:
                raise IssuerUnavailable(f"what answers at {self.issuer} is not this identity provider")
            self._about = (about, self._clock() + BELIEVED_S)
        return about

    async def _key_set(self, *, again: bool = False) -> KeySet:
        """Return the provider's keys; `again` if one is not among them, which is looked at every half a minute."""
        keys, at = self._keys
        if keys is None or self._clock() - at >= (AGAIN_S if again else BELIEVED_S):
            raw: Any = await self._get((await self._metadata())["jwks_uri"])
            keys = KeySet.import_key_set(raw)
            self._keys = (keys, self._clock())
        return keys

    async def _get(self, url: str) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=TIMEOUT_S, trust_env=True) as client:
                answer = await client.get(url)
                answer.raise_for_status()
                found = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise IssuerUnavailable(f"the identity provider cannot be asked: {type(error).__name__}") from None
        if not isinstance(found, dict):
            raise IssuerUnavailable(f"the identity provider does not answer with an object at {url}")
        return found

    def _client(self, redirect_uri: str) -> AsyncOAuth2Client:
        settings = self._settings
        return AsyncOAuth2Client(
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret or None,
            token_endpoint_auth_method=None if settings.oidc_client_secret else "none",
            scope=settings.oidc_scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
        )


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim by its name, or by a path with dots."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _plain(name: str) -> str:
    """Return a name that others may be shown."""
    return "".join(each for each in name if each.isprintable())[:200] or "somebody"
