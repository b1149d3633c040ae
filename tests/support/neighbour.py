"""Another Celery application on the same database, which knows nothing of backdesk; its tasks tell that they ran."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from celery import Celery

from tests.support.eventually import eventually
from tests.support.nursery import NurseryProcess

ROOT = Path(__file__).parents[2]
#: Which of its tasks have run, oldest first.
RAN = "shop:ran"
NAME = "till@shop"

app = Celery("shop", broker=os.environ.get("SHOP_URL", ""), set_as_current=False)


@app.task(name="shop.mail")  # type: ignore[untyped-decorator]  # Celery is untyped
def mail(number: int) -> None:
    """Tell that it ran."""
    with redis.Redis.from_url(os.environ["SHOP_URL"]) as client:
        client.rpush(RAN, number)


@contextmanager
def neighbour(url: str, folder: Path) -> Iterator[None]:
    """A worker of it runs within the block, with Celery's defaults."""
    arguments = ["-A", "tests.support.neighbour", "worker", "-P", "solo", "-n", NAME]
    env = {**os.environ, "SHOP_URL": url, "PYTHONPATH": str(ROOT), "C_FORCE_ROOT": "1"}
    process = NurseryProcess("celery", arguments, cwd=folder, env=env, log=folder / "shop.log")
    try:
        with redis.Redis.from_url(url) as client:
            eventually(lambda: client.exists("_kombu.binding.celery.pidbox"), what="the worker of the neighbour")
        yield
    finally:
        process.terminate()
        process.wait()
