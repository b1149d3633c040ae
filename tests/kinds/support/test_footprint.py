"""What a customer's request leaves in Redis once it is done: bounded, however much the agents have told."""

from __future__ import annotations

import uuid

import pytest
import redis

import backdesk.kinds.support.kind  # noqa: F401 - the bench runs it by its name
from backdesk.testing import Bench
from backdesk.worker.services.packer import Packer
from backdesk.worker.store.connection import connect

pytestmark = pytest.mark.usefixtures("waived")

#: Bytes.
MOST = 6 * 1024
JOBS = 4


@pytest.mark.usefixtures("shop")
def test_a_refund_with_its_conversation_leaves_six_kilobytes_at_most() -> None:
    with Bench(watched=False) as bench, connect(bench.settings.url) as client:
        refund(bench)
        before = held(client, bench)
        for _ in range(JOBS):
            refund(bench)
        assert (held(client, bench) - before) / JOBS <= MOST


def refund(bench: Bench) -> None:
    request = {"message": "I want to return order 10003", "customer_id": "cust-3"}
    bench.run("support.request", request, job_id=str(uuid.uuid4()))


def held(client: redis.Redis, bench: Bench) -> int:
    """The bytes of all keys of a deployment, once the logs are packed."""
    Packer(client, bench.settings, lambda: True).tick()
    return sum(client.memory_usage(key, samples=0) or 0 for key in client.scan_iter(f"{bench.settings.prefix}*"))
