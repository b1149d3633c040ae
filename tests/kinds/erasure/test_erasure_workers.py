"""Erasing on real workers and Redis: nothing of the customer is left in it, wherever it was broken off."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from backdesk.archive.database import SqlArchive
from backdesk.client import JobClient
from backdesk.client.operations.erasure import ErasureOperations
from backdesk.worker.errors import InvalidRequest, JobNotFound
from backdesk.worker.memory.calls import MemoryCalls
from backdesk.worker.model.job import JobState
from backdesk.worker.store.archive import Wanted
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.scripts import run
from tests.support.deployment import shop_fleet
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.raw import everything
from tests.support.workers import Fleet

TASKS = "backdesk.kinds.support.kind,backdesk.kinds.desk.kind,backdesk.kinds.erasure.kind"
WHO = "cust-8"
PLEA = "I want to talk to a human being, please"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, seeded: Path) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("erasure")
    archive = f"sqlite:///{folder / 'archive.sqlite3'}"
    with shop_fleet(folder, seeded, archive_url=archive) as fleet:
        fleet.start_workers("agents", "tools", slots=1, BACKDESK_TASK_MODULES=TASKS)
        yield fleet


@pytest.fixture
def client(fleet: Fleet) -> JobClient:
    return fleet.jobs


def say(client: JobClient, message: str, customer_id: str, **options: Any) -> str:
    request = {"message": message, "customer_id": customer_id}
    job = client.submit("support.request", request, **options)
    job.result(PATIENCE_S)
    return job.id


def kept(fleet: Fleet) -> str:
    """All that Redis holds, as text, ten minutes later: until then an archiver is told the ids of what was dropped."""
    dropped = Keys(fleet.settings.prefix).dropped
    assert fleet.redis.ttl(dropped) != -1
    fleet.redis.delete(dropped)
    return everything(fleet.redis, fleet.settings.prefix)


def archived(fleet: Fleet) -> set[str]:
    """The jobs that the archive has."""
    with closing(SqlArchive(str(fleet.settings.archive_url), fleet.settings.prefix)) as archive:
        return {each.id for each in archive.newest(Wanted(), None, 1000)}


def archive(fleet: Fleet, *job_ids: str) -> None:
    """Have the workers move jobs to the archive as if their retention had passed."""
    fleet.redis.zadd(Keys(fleet.settings.prefix).forgetting, dict.fromkeys(job_ids, time.time() * 1000))
    eventually(lambda: archived(fleet).issuperset(job_ids), what="the jobs in the archive")


def cache(fleet: Fleet, tenant: str, value: bytes) -> None:
    run(fleet.redis, MemoryCalls(fleet.settings).cache(tenant, "d" * 64, value, ttl_s=3600))


def test_nothing_of_the_customer_is_left_and_all_of_others(fleet: Fleet, client: JobClient) -> None:
    mine = say(client, f"{PLEA}, about my heliotrope", WHO, conversation_id="talk-of-8")
    other = say(client, f"{PLEA}, about my magnolia", "cust-3", conversation_id="talk-of-3")
    later = client.submit("support.request", {"message": "Hi", "customer_id": WHO}, delay=3600)
    (case,) = [each for each in client.desk.list(timeout=PATIENCE_S) if each.customer_id == WHO]
    client.desk.note(case.case, "ada", "Called.", timeout=PATIENCE_S)
    traces = (WHO, "talk-of-8", mine, later.id, "heliotrope")
    assert [trace for trace in traces if trace not in kept(fleet)] == []
    plan = client.erasure.plan(WHO)
    done = client.erasure.erase(WHO)
    assert (plan.conversations, done.conversations, done.cancelled_jobs) == (1, 1, 1)
    assert done.jobs >= plan.jobs
    assert done.deleted_rows["escalations"] == 1
    left = kept(fleet)
    assert [trace for trace in traces if trace in left] == []
    assert [trace for trace in ("cust-3", "talk-of-3", other, "magnolia") if trace not in left] == []
    assert client.get(other).state is JobState.SUCCEEDED
    assert client.conversations.get("talk-of-3").turns


def test_what_is_archived_of_the_customer_goes_and_the_cache_of_their_tenant(fleet: Fleet, client: JobClient) -> None:
    mine, other = (say(client, PLEA, who) for who in (WHO, "cust-3"))
    archive(fleet, mine, other)
    assert WHO in str(client.get(mine).request)
    cache(fleet, "default", b"an answer about the heliotrope")
    cache(fleet, "globex", b"an answer about the magnolia")
    assert client.erasure.plan(WHO).archived_jobs == 1
    done = client.erasure.erase(WHO)
    assert (done.archived_jobs, done.cached_answers) == (1, 1)
    assert (archived(fleet), client.get(other).state) == ({other}, JobState.SUCCEEDED)
    with pytest.raises(JobNotFound):
        client.get(mine)
    assert ["heliotrope" in kept(fleet), "magnolia" in kept(fleet)] == [False, True]


def test_files_of_the_customer_are_forgotten_unless_others_have_sent_the_same(client: JobClient) -> None:
    mine, both = client.attachments.add(b"my log", "a.txt"), client.attachments.add(b"a manual", "b.txt")
    for who, files in ((WHO, [mine, both]), ("cust-3", [both])):
        request = {"message": PLEA, "customer_id": who, "attachments": files}
        client.submit("support.request", request).result(PATIENCE_S)
    assert client.erasure.plan(WHO).attachments == 1
    assert client.erasure.erase(WHO).attachments == 1
    assert client.attachments.read(both.id or "") == b"a manual"
    with pytest.raises(InvalidRequest):
        client.attachments.read(mine.id or "")


def test_one_that_broke_off_goes_on_when_it_is_begun_again(fleet: Fleet, client: JobClient) -> None:
    for number in range(3):
        say(client, f"Message {number}", WHO, conversation_id="broken-off")
    operations = ErasureOperations(client.core)
    found = client.do(operations.find("default", WHO))
    # Killed after some jobs, before the conversation.
    client.do(operations.remove("default", found._replace(jobs=found.jobs[:2], conversations=[])))
    done = client.erasure.erase(WHO)
    assert done.conversations == 1
    assert [trace for trace in (WHO, "broken-off") if trace in kept(fleet)] == []
    again = client.erasure.erase(WHO)
    assert (again.conversations, again.deleted_rows, again.anonymised_rows) == (0, {}, {})
