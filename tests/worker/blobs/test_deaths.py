"""Whoever dies between a blob and what refers to it loses nothing, leaves nothing, and nothing refers to nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backdesk.client import JobClient
from backdesk.client.operations import jobs as operations
from backdesk.worker.blobs.store import BlobStore
from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.model.contract import ModelCheck
from backdesk.worker.services.blob_sweeper import BlobSweeper
from backdesk.worker.store.jobs import NewJob
from backdesk.worker.submit.blob_access import blobs_of
from backdesk.worker.submit.claim_check import check_in
from tests.support.dying import DIED_VARIABLE
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.kinds import Text
from tests.support.workers import KINDS, ROOT, Fleet, environment

MIB = 1024 * 1024
LARGE = {"text": "x" * MIB}
PRODUCER = """
import os, signal
from backdesk.client import JobClient
from backdesk.worker.model.contract import ModelCheck
from backdesk.worker.store.jobs import Transitions
from tests.support.kinds import Text

Transitions.submit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with JobClient(checks={"test.echo": ModelCheck("agents", Text)}) as client:
    client.submit("test.echo", {"text": "x" * 2**20}, job_id="the-job", tenant="acme")
"""


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Fleet]:
    """A Redis that keeps what it has, and no worker yet."""
    with Fleet(tmp_path, keep=tmp_path / "data", blobs_url=(tmp_path / "blobs").as_uri()) as fleet:
        yield fleet


@pytest.fixture
def blobs(alone: Fleet) -> BlobStore:
    return blobs_of(alone.settings).store


@pytest.fixture
def producer(alone: Fleet) -> Iterator[JobClient]:
    with JobClient(settings=alone.settings, checks={"test.echo": ModelCheck("agents", Text)}) as client:
        yield client


def owned(blobs: BlobStore) -> set[str]:
    return {owner.partition("/")[2] for owner in blobs.owners()}


def sweep(fleet: Fleet) -> None:
    """Sweep as an elected worker would in a day."""
    sweeper = BlobSweeper(fleet.redis, fleet.settings, lambda: True, clock=lambda: time.time() + 86_400)
    assert sweeper.tick() is None


def test_a_producer_that_is_killed_between_its_blob_and_its_submit_leaves_a_blob_that_is_swept(
    alone: Fleet, blobs: BlobStore, producer: JobClient
) -> None:
    died = subprocess.run([sys.executable, "-c", PRODUCER], cwd=ROOT, env=environment(alone.settings), check=False)
    assert died.returncode == -signal.SIGKILL
    assert (alone.board.find("the-job"), owned(blobs)) == (None, {"the-job"})
    sweep(alone)
    assert owned(blobs) == set()
    job = producer.submit("test.echo", LARGE, job_id="the-job", tenant="acme")
    sweep(alone)
    (ref,) = producer.blobs.of(job.id)
    assert len(producer.blobs.read(ref, tenant="acme")) > MIB


def test_a_redis_that_goes_away_between_a_blob_and_its_submit_gets_the_job_by_the_next_try(
    alone: Fleet, blobs: BlobStore, producer: JobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as away:

        def keep_and_lose(job: NewJob, blobs: BlobStore) -> NewJob:
            checked_in = check_in(job, blobs)
            away.enter_context(alone.redis_stopped())
            return checked_in

        monkeypatch.setattr(operations, "check_in", keep_and_lose)
        with pytest.raises(StoreUnavailable):
            producer.submit("test.echo", LARGE, job_id="the-job")
    monkeypatch.undo()
    assert (alone.board.find("the-job"), owned(blobs)) == (None, {"the-job"})
    (ref,) = producer.blobs.of(producer.submit("test.echo", LARGE, job_id="the-job").id)
    assert len(producer.blobs.read(ref)) > MIB


def test_a_worker_that_is_killed_between_its_result_and_the_end_of_the_job_loses_nothing_and_leaves_nothing(
    alone: Fleet, blobs: BlobStore, tmp_path: Path
) -> None:
    modules = {"BACKDESK_TASK_MODULES": f"{KINDS},tests.support.dying", DIED_VARIABLE: str(tmp_path / "died")}
    worker = alone.start_worker("agents", slots=1, **modules)
    job = alone.jobs.submit("test.grow", {"n": 2 * MIB}, job_id="the-job")
    eventually(lambda: not worker.alive, what="the end of the worker")
    assert not job.get().done
    assert owned(blobs) == {"the-job"}  # what nothing refers to yet
    alone.start_worker("agents", slots=1, **modules)
    assert job.result(timeout=PATIENCE_S) == {"text": "2" * 2 * MIB}
    sweep(alone)
    assert owned(blobs) == {"the-job"}
    alone.board.run(alone.board.transitions.drop(["the-job"], ended=True))
    sweep(alone)
    assert owned(blobs) == set()
