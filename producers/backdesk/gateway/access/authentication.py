"""Making out who calls: by a key, a link, an access token of an issuer, or the session of a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from starlette.requests import HTTPConnection

from backdesk.client import AsyncJobClient, StoreUnavailable
from backdesk.gateway.access import cookies, links
from backdesk.gateway.access.addresses import client_address, is_same_origin, is_secure, own_origin
from backdesk.gateway.access.attempts import Attempts
from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.access.fresh import Fresh
from backdesk.gateway.access.issuer import Issuer
from backdesk.gateway.access.local_trust import LocalTrust
from backdesk.gateway.access.signing import Signer
from backdesk.gateway.errors import Forbidden, LinkRefused, Unauthenticated
from backdesk.gateway.settings import GatewaySettings
from backdesk.worker.errors import KeyNotFound
from backdesk.worker.model.access import ApiKey, Session, hashed

#: For so long a key or session that was good is taken for good: so soon a revocation takes effect. Seconds.
CACHED_S = 2.0
#: For so long what was good is not held up by failures of others from its address. Seconds.
GOOD_S = 600.0
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

NOTHING_BROUGHT = (
    "bring a key, as `Authorization: Bearer KEY`; on the gateway's machine `backdesk keys add NAME` makes one"
)
NO_GOOD = "this lets nobody in, or not any more"


class Authentication:
    """Who is let in. While there are no keys, and nobody else is served, whoever asks from this machine."""

    def __init__(
        self, client: AsyncJobClient, settings: GatewaySettings, signer: Signer, issuer: Issuer | None = None
    ) -> None:
        self.signer = signer
        self.issuer = issuer
        self._client = client
        self._settings = settings
        self._local = LocalTrust(client, settings, CACHED_S)
        self._attempts = Attempts(settings.max_failures)
        self._keys: Fresh[ApiKey] = Fresh(CACHED_S)
        self._sessions: Fresh[Session] = Fresh(CACHED_S)
        #: What was good lately is asked for however often others have failed from its address.
        self._good: Fresh[bool] = Fresh(GOOD_S)

    async def caller_of(self, request: HTTPConnection) -> Caller:
        """Return who calls. Raises Unauthenticated, LinkRefused, TooManyAttempts; Forbidden for a forged request.

        Where this machine is trusted, clients that must bring some key are let in with any.
        """
        address, token = client_address(request, self._settings.proxies), _token_of(request)
        trust = await self._local.scope_of(request)
        if token is not None and trust is None:
            with self.counted(address, token):
                return await self._by_token(request, token, address)
        session = cookies.value_of(request, cookies.SESSION, secure=self._is_secure(request))
        if session is not None and (trust is None or await self._session_of(session)):
            with self.counted(address, session):
                return await self._by_session(request, session, address)
        if trust is not None:
            return Caller("local", trust, address=address)
        raise Unauthenticated(NOTHING_BROUGHT, self._challenge(request))

    @contextmanager
    def counted(self, address: str, secret: str) -> Iterator[None]:
        """Count what fails within, and raise TooManyAttempts where that was too often."""
        name = hashed(secret)
        if not self._good.get(name):
            self._attempts.check(address)
        try:
            yield
        except (Unauthenticated, LinkRefused):
            self._attempts.fail(address)
            raise
        self._good.put(name, value=True)

    async def _by_token(self, request: HTTPConnection, token: str, address: str) -> Caller:
        if token.startswith(links.MARK):
            return await self._by_link(request, token, address)
        key = await self._key_of(token)
        if key is not None:
            return Caller(key.name, key.scope, key.tenant, key.id, address, "key")
        if self.issuer is not None and token.count(".") == 2:
            person = await self.issuer.bearer(token)
            if person is not None:
                return Caller(person.name, person.scope, person.tenant, "", address, "issuer")
        raise Unauthenticated(NO_GOOD, self._challenge(request, "invalid_token"))

    async def _key_of(self, secret: str) -> ApiKey | None:
        """Return the key of a secret, as it was at most `CACHED_S` ago; None if it lets nobody in."""
        name = hashed(secret)
        key = self._keys.get(name)
        if key is None:
            try:
                key = await self._client.keys.find(secret)
            except StoreUnavailable:
                key = self._keys.get(name, late_s=GOOD_S)  # while Redis is away no key can be revoked
                if key is None:
                    raise
            else:
                if key is not None:
                    self._keys.put(name, key)
        return key if key is not None and key.usable(datetime.now(UTC)) else None

    async def _by_link(self, request: HTTPConnection, token: str, address: str) -> Caller:
        """Take a link for its one job, and for nothing else."""
        link = await self._link_of(links.Purpose.WATCH, token)
        if request.scope.get("method") not in SAFE_METHODS or request.scope["path"] not in links.paths_of(link):
            raise LinkRefused
        return Caller(f"link of {link.by}", Scope.READ, link.tenant, link.key_id, address, "link")

    async def answering(self, request: HTTPConnection, token: str) -> tuple[links.Link, Caller]:
        """Return what a link to answer an ask allows, and who brings it. Raises LinkRefused, TooManyAttempts."""
        address = client_address(request, self._settings.proxies)
        with self.counted(address, token):
            link = await self._link_of(links.Purpose.ANSWER, token)
        return link, Caller(f"link of {link.by}", Scope.OPERATE, link.tenant, link.key_id, address, "link")

    async def _link_of(self, purpose: links.Purpose, token: str) -> links.Link:
        """Return what a link allows; one that was given away by a key is good no longer than that."""
        link = links.read(self.signer, purpose, token)
        if link.key_id:
            giver = self._keys.get(link.key_id)
            if giver is None:
                try:
                    giver = await self._client.keys.get(link.key_id)
                except KeyNotFound:
                    raise LinkRefused from None
                self._keys.put(link.key_id, giver)
            if not giver.usable(datetime.now(UTC)):
                raise LinkRefused
        return link

    async def _by_session(self, request: HTTPConnection, secret: str, address: str) -> Caller:
        session = await self._session_of(secret)
        if session is None:
            raise Unauthenticated(NO_GOOD, self._challenge(request))
        if request.scope.get("method") not in SAFE_METHODS:
            self.check_not_forged(request)
        return Caller(session.name, session.scope, session.tenant, session.id, address, "session")

    async def _session_of(self, secret: str) -> Session | None:
        """Return the session of a cookie, as it was at most `CACHED_S` ago."""
        name = hashed(secret)
        session = self._sessions.get(name)
        if session is None:
            session = await self._client.sessions.find(secret)
            if session is not None:
                self._sessions.put(name, session)
        return session if session is not None and datetime.now(UTC) < session.expires_at else None

    async def sign_out(self, session_id: str) -> bool:
        """End a session, here at once; returns whether there was one."""
        self._sessions.drop(session_id)
        return await self._client.sessions.end(session_id)

    def check_not_forged(self, request: HTTPConnection) -> None:
        """Raise Forbidden unless a page of ours has made a request that a browser sends its cookies with."""
        settings = self._settings
        own = own_origin(request, settings.public_url, settings.proxies)
        if cookies.HEADER not in request.headers or not is_same_origin(request, own):
            raise Forbidden("", reason=f"this must come from a page of this origin, with the header {cookies.HEADER}")

    def _is_secure(self, request: HTTPConnection) -> bool:
        return is_secure(request, self._settings.public_url, self._settings.proxies)

    def _challenge(self, request: HTTPConnection, error: str = "") -> str:
        said = [f'error="{error}"'] if error else []
        if self.issuer is not None and self._settings.oidc_audience:
            origin = own_origin(request, self._settings.public_url, self._settings.proxies)
            said.append(f'resource_metadata="{origin}/.well-known/oauth-protected-resource"')
        return f"Bearer {', '.join(said)}".strip()


def _token_of(request: HTTPConnection) -> str | None:
    """Return what a program has brought, None if that is nothing. What is in the address is good for links alone."""
    given = request.headers.get("authorization")
    if given is not None:
        scheme, _, token = given.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
    if (key := request.headers.get("x-api-key")) is not None:
        return key
    linked = request.query_params.get("token", "")
    return linked if linked.startswith(links.MARK) else None
