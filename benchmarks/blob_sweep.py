"""What it takes to see whether each of many blobs still belongs to somebody, beside a bare walk of their folder."""

from __future__ import annotations

import os
import time
import tracemalloc
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backdesk.worker.blobs.keys import tenant_of
from backdesk.worker.services.blob_sweeper import BlobSweeper
from backdesk.worker.settings import load_settings
from backdesk.worker.store.keys import Keys
from benchmarks.contender import BACKDESK, PREFIX
from benchmarks.line import Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, in_rounds

BLOBS, TENANTS = 200_000, 1_000
DEPLOYMENT = bytes(8).hex()
BARE = "bare walk"
MIB = 1024 * 1024
_AT_ONCE = 5_000
#: By then each of them is old enough to be asked about.
_LATER_S = 86_400


def blob_sweep(plan: Plan) -> list[Line]:
    """Sweep 200,000 blobs of 1,000 tenants in a folder, all of which have a job, without the pauses between pages."""
    with TemporaryDirectory(prefix="backdesk-bench-") as folder:
        jobs = _fill(Path(folder), plan.of(BLOBS))
        turn = Turn(BACKDESK.name, BACKDESK, partial(_measure, Path(folder), jobs))
        taken = in_rounds([turn], plan.repeat).taken[BACKDESK.name]
    return [
        Line("blob_sweep", f"all of {plan.of(BLOBS):,} blobs", "s", _each(taken, "all"), BARE, _each(taken, "bare")),
        Line("blob_sweep", "the longest page", "s", _each(taken, "page")),
        Line("blob_sweep", "memory of it, at most", "MiB", _each(taken, "memory")),
    ]


def _each(taken: list[dict[str, float]], name: str) -> list[float]:
    return [each[name] for each in taken]


def _fill(folder: Path, count: int) -> dict[str, str]:
    """Write small files where blobs are, and return the tenants of their jobs."""
    jobs = {f"job-{number}": f"tenant-{number % TENANTS}" for number in range(count)}
    for job, tenant in jobs.items():
        path = folder / PREFIX / DEPLOYMENT / tenant_of(tenant) / job
        path.mkdir(parents=True)
        (path / f"{0:064}").write_bytes(b"x")
    return jobs


def _measure(folder: Path, jobs: dict[str, str], server: Server) -> dict[str, float]:
    keys = Keys(PREFIX)
    server.client.set(keys.identity, DEPLOYMENT)
    (folder / PREFIX / DEPLOYMENT / "sweeps").unlink(missing_ok=True)  # of the Redis before, which this one is behind
    names = [*jobs]
    for at in range(0, len(names), _AT_ONCE):
        with server.client.pipeline(transaction=False) as pipe:
            for name in names[at : at + _AT_ONCE]:
                pipe.hset(keys.job(name), "tenant", jobs[name])
            pipe.sadd(keys.tenants, *(jobs[name] for name in names[at : at + _AT_ONCE]))
            pipe.execute()
    began = time.perf_counter()
    for path, _, files in os.walk(folder):
        for file in files:
            os.stat(f"{path}/{file}")  # noqa: PTH116 - as the sweep does
    bare = time.perf_counter() - began
    pages = _sweep(folder, server)
    tracemalloc.start()
    _sweep(folder, server)
    memory = tracemalloc.get_traced_memory()[1] / MIB
    tracemalloc.stop()
    return {"bare": bare, "all": sum(pages), "page": max(pages), "memory": memory}


def _sweep(folder: Path, server: Server) -> list[float]:
    """Return how long each page took, in seconds."""
    ours: dict[str, Any] = {"redis_url": server.url, "prefix": PREFIX, "blobs_url": folder.as_uri()}
    settings = load_settings(_env_file=None, **ours)
    sweeper = BlobSweeper(server.client, settings, lambda: True, clock=lambda: time.time() + _LATER_S)
    taken, goes_on = list[float](), True
    while goes_on:
        began = time.perf_counter()
        goes_on = sweeper.tick() is not None
        taken.append(time.perf_counter() - began)
    return taken
