"""Our address of Redis as Celery and kombu spell it: the URL of broker and results, and what does not fit into one."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from redis.backoff import NoBackoff
from redis.retry import Retry

from backdesk.worker.address import Address, read_address

#: redis-py's words for these are not known to all of Celery.
_CERT_REQS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def configure_broker(url: str, transport_options: dict[str, Any]) -> dict[str, Any]:
    """Return Celery's settings of broker and results for our address of Redis, `transport_options` among them."""
    address = read_address(url)
    spelled = _spell(url, address)
    found = {"broker_url": spelled, "result_backend": spelled, "broker_transport_options": transport_options}
    if address.tls:
        tls = {**address.tls, "ssl_cert_reqs": _CERT_REQS.get(address.tls["ssl_cert_reqs"], ssl.CERT_REQUIRED)}
        found |= {"broker_use_ssl": tls, "redis_backend_use_ssl": tls}
    if address.sentinels:
        waits = {name: wait for name, wait in transport_options.items() if name.startswith("socket_")}
        # By default redis-py repeats for half a minute with one that is away, before it asks the next.
        of_sentinels = {**waits, "retry": Retry(NoBackoff(), 0), **address.sentinel_options}
        by_sentinels = {"master_name": address.service, "sentinel_kwargs": of_sentinels}
        found["broker_transport_options"] = {**transport_options, **by_sentinels}
        found["result_backend_transport_options"] = by_sentinels
    return found


def _spell(url: str, address: Address) -> str:
    parts = urlsplit(url)
    if address.transport == "unix":
        database = parse_qs(parts.query).get("db", ["0"])[0]
        return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={database}"
    if not address.sentinels:
        return url.partition("?")[0] if address.tls else url
    known = [quote(address.options.get(name, ""), safe="") for name in ("username", "password")]
    credentials, database = f"{':'.join(known)}@" if any(known) else "", address.options.get("db", 0)
    # Whichever of them Celery goes on with has to say everything.
    return ";".join(f"sentinel://{credentials}{host}:{port}/{database}" for host, port in address.sentinels)
