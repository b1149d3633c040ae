"""A small identity provider (OpenID Connect) as a real HTTP server, which signs in whoever it is told to."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "desk", "the secret of the desk"


class Issuer:
    """The provider. `claims` are those of whoever signs in next; `tampered` is signed in their place."""

    def __init__(self) -> None:
        self.url = ""
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.claims: dict[str, Any] = {"sub": "u-1", "email": "ada@example.com", "roles": ["desk-admins"]}
        self.tampered: dict[str, Any] = {}
        self.signing_key: RSAKey | None = None
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def token(self, typ: str = "JWT", **claims: Any) -> str:
        """A token as it signs them, of whoever signs in next."""
        now = int(time.time())
        said = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, **self.claims, **claims}
        key = self.signing_key or self.key
        return jwt.encode({"alg": "RS256", "kid": "one", "typ": typ}, said, key)

    def authorize(self, query: dict[str, str]) -> str:
        """Sign somebody in, and return where the browser is sent."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.url})}"

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Give tokens for a code, once, to who has its verifier and the secret of the client."""
        begun = self._codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if begun is None or authorization != f"Basic {basic}" or form["redirect_uri"] != begun["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode()
        if challenge.rstrip("=") != begun["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        id_token = self.token(**{"nonce": begun["nonce"], **self.tampered})
        return 200, {"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": id_token}

    def document(self, path: str) -> dict[str, Any] | None:
        """What it says of itself."""
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            ways = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
            return {"issuer": self.url} | {name: f"{self.url}/{place}" for name, place in ways.items()}
        if path == "/jwks":
            return {"keys": [self.key.as_dict(private=False)]}
        return None


@contextmanager
def issuing() -> Iterator[Issuer]:
    """Run a provider for the block."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                self._answer(302, b"", location=issuer.authorize(dict(parse_qsl(parts.query))))
                return
            found = issuer.document(parts.path)
            self._answer(200 if found else 404, json.dumps(found).encode())

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(raw).items()}
            status, told = issuer.redeem(form, self.headers.get("authorization", ""))
            self._answer(status, json.dumps(told).encode())

        def _answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
