"""An object store for tests: moto's server, which speaks S3 over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from urllib.request import Request, urlopen

_numbers = count(1)


@dataclass(frozen=True)
class ObjectStore:
    """A server that is running."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """What tells a process where it is, and who asks."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "tester's secret",
        }

    def new_bucket(self) -> str:
        """Make a bucket, and return the address of a store in it."""
        name = f"backdesk-{next(_numbers)}"
        with urlopen(Request(f"{self.endpoint}/{name}", method="PUT")):  # noqa: S310 - of this machine
            return f"s3://{name}/some/prefix"


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield ObjectStore(f"http://{host}:{port}")
    finally:
        server.stop()
