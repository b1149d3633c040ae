"""Addresses, read from URLs: of a Redis, alone or by Sentinels that know its primary; of a database; of blobs."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from redis.connection import parse_url

SENTINEL_PORT = 26379
#: Of a key that encrypts blobs: AES-256.
KEY_BYTES = 32
#: Scheme of an address by Sentinels to the scheme by which the server that they name is reached.
_BY_SENTINELS = {"sentinel": "redis", "sentinels": "rediss"}
#: Databases that are supported.
_DATABASES = ("sqlite:///", "postgresql://", "postgresql+psycopg://", "postgres://")
_FORM = "sentinel://HOST:26379,HOST:26379/SERVICE[/DATABASE]"


@dataclass(frozen=True, slots=True)
class Address:
    """How a Redis is reached."""

    #: `redis`, `rediss` or `unix`: how connections to the server itself are made.
    transport: str
    #: Everything else that the URL says of them, as redis-py's connections take it.
    options: dict[str, Any] = field(repr=False)
    sentinels: tuple[tuple[str, int], ...] = ()
    #: What the Sentinels call the primary and its replicas.
    service: str = ""
    #: What the URL says of connections to the Sentinels.
    sentinel_options: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def tls(self) -> dict[str, Any]:
        """What there is to know about TLS; empty without it."""
        ssl = {name: value for name, value in self.options.items() if name.startswith("ssl_")}
        return {"ssl_cert_reqs": "required", **ssl} if self.transport == "rediss" else {}


def read_address(url: str) -> Address:
    """Read a URL; raises ValueError, which does not repeat it, for one that is none."""
    scheme = urlsplit(url).scheme
    if scheme in _BY_SENTINELS:
        return _read_sentinels(url, _BY_SENTINELS[scheme])
    options = parse_url(url)
    options.pop("connection_class", None)
    return Address(scheme, options)


def _read_sentinels(url: str, transport: str) -> Address:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    sentinels = tuple(_host(each) for each in hosts.split(","))
    if not service:
        raise ValueError(f"an address by Sentinels names the service too: {_FORM}")
    query = f"?{parts.query}" if parts.query else ""
    server = read_address(f"{transport}://{credentials}{'@' if credentials else ''}server/{database}{query}")
    options = {name: value for name, value in server.options.items() if name != "host"}
    named = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    of_sentinels = {name: value for name, value in named.items() if value is not None}
    if server.tls:
        of_sentinels |= {"ssl": True, **server.tls}
    return Address(transport, options, sentinels, service, of_sentinels)


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port or SENTINEL_PORT
    except ValueError:
        port = 0
    if not parts.hostname or not port:
        raise ValueError(f"a Sentinel is a host and a port: {_FORM}")
    return parts.hostname, port


def read_database(url: str, example: str) -> str:
    """Return the URL of a database with the driver that is used; raises ValueError, which does not repeat it."""
    if not url.startswith(_DATABASES):
        raise ValueError(f"must start with one of {', '.join(_DATABASES)}")
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.partition("?")[0] in ("/", "/:memory:"):
        raise ValueError(f"must name a file, such as sqlite:////var/lib/backdesk/{example}.sqlite3: processes share it")
    return url if scheme == "sqlite" else f"postgresql+psycopg://{rest}"


NO_BLOBS = "off"
_BLOB_STORES = ("file:///", "s3://")


def read_blob_store(url: str) -> str:
    """Return the URL of a store of blobs; raises ValueError, which does not repeat it, for one that is none."""
    if url == NO_BLOBS:
        return url
    if not url.startswith(_BLOB_STORES):
        raise ValueError("must be file:///DIRECTORY, s3://BUCKET/PREFIX, or off")
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("must name no user; give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if url.startswith("s3:") and not parts.netloc:
        raise ValueError("must name a bucket: s3://BUCKET/PREFIX")
    return url


def read_keys(text: str) -> list[bytes]:
    """Return the keys of a list with commas; raises ValueError, which repeats none, for what is no key."""
    try:
        keys = [b64decode(each.strip().replace("-", "+").replace("_", "/"), validate=True) for each in text.split(",")]
    except ValueError:
        keys = [b""]
    if any(len(each) != KEY_BYTES for each in keys):
        raise ValueError(f"must be {KEY_BYTES} bytes in base64, as of `openssl rand -base64 {KEY_BYTES}`")
    return keys
