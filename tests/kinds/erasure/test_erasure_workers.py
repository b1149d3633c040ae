"""Erasing on real workers and Redis: nothing of the customer is left in it, wherever it was broken off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backdesk.client import JobClient
from backdesk.client.operations.erasure import ErasureOperations
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import JobState
from tests.support.deployment import shop_fleet
from tests.support.eventually import PATIENCE_S
from tests.support.workers import Fleet

TASKS = "backdesk.kinds.support.kind,backdesk.kinds.desk.kind,backdesk.kinds.erasure.kind"
WHO = "cust-8"


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
    """All that Redis holds of jobs, conversations and notes, as text."""
    redis, found = fleet.redis, list[str]()
    for key in redis.scan_iter(f"{fleet.settings.prefix}:*", count=1000):
        if redis.type(key) == b"hash":
            found += [key.decode(), repr(redis.hgetall(key))]
        else:
            found.append(key.decode())
    return "\n".join(found)


def test_nothing_of_the_customer_is_left_and_all_of_others(fleet: Fleet, client: JobClient) -> None:
    mine = say(client, "I want to talk to a human being, please", WHO, conversation_id="talk-of-8")
    other = say(client, "I want to talk to a human being, please", "cust-3", conversation_id="talk-of-3")
    later = client.submit("support.request", {"message": "Hi", "customer_id": WHO}, delay=3600)
    (case,) = [each for each in client.desk.list(timeout=PATIENCE_S) if each.customer_id == WHO]
    client.desk.note(case.case, "ada", "Called.", timeout=PATIENCE_S)
    plan = client.erasure.plan(WHO)
    done = client.erasure.erase(WHO)
    assert (plan.conversations, done.conversations, done.cancelled_jobs) == (1, 1, 1)
    assert done.jobs >= plan.jobs
    assert done.deleted_rows["escalations"] == 1
    left = kept(fleet)
    assert [trace for trace in (WHO, "talk-of-8", mine, later.id) if trace in left] == []
    assert client.get(other).state is JobState.SUCCEEDED
    assert client.conversations.get("talk-of-3").turns


def test_files_of_the_customer_are_forgotten_unless_others_have_sent_the_same(client: JobClient) -> None:
    mine, both = client.attachments.add(b"my log", "a.txt"), client.attachments.add(b"a manual", "b.txt")
    for who, files in ((WHO, [mine, both]), ("cust-3", [both])):
        request = {"message": "I want to talk to a human being, please", "customer_id": who, "attachments": files}
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
