"""Real workers whose Redis user has not every right: those of the handbook do, and others say what they lack."""

from __future__ import annotations

import pytest

from backdesk.client import JobClient
from tests.support.eventually import PATIENCE_S
from tests.support.workers import Fleet

#: As docs/operations.md has them.
OF_A_WORKER = "~* &* +@all -@admin -@dangerous +info +client|no-evict"
OF_A_PRODUCER = "~backdesk:* ~backdesk.* resetchannels &backdesk:* +@all -@admin -@dangerous +info"


def url_of(fleet: Fleet, user: str, rules: str) -> str:
    fleet.redis.execute_command("ACL", "SETUSER", user, "reset", "on", ">secret", *rules.split())
    return fleet.url.replace("//", f"//{user}:secret@")


def test_the_handbooks_users_do_the_work(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    fleet.start_worker(BACKDESK_REDIS_URL=url_of(fleet, "worker", OF_A_WORKER))
    producer = fleet.settings.model_copy(update={"redis_url": url_of(fleet, "shop", OF_A_PRODUCER)})
    with JobClient(settings=producer) as jobs:
        assert jobs.submit("test.echo", {"text": "hi"}).result(PATIENCE_S) == {"text": "hi"}
    assert fleet.redis.execute_command("ACL", "LOG") == []


@pytest.mark.parametrize(
    ("rules", "advice"),
    [
        ("~backdesk:* &* +@all", "may not LRANGE backdesk.agents, LRANGE backdesk.tools; give it the right: "),
        ("~* +@all -evalsha -@scripting", "has no permissions to run the"),
    ],
)
def test_a_worker_that_lacks_rights_ends_with_the_remedy(fleet_of_this_test: Fleet, rules: str, advice: str) -> None:
    worker = fleet_of_this_test.begin_worker(BACKDESK_REDIS_URL=url_of(fleet_of_this_test, "worker", rules))
    assert worker.wait() == 1
    assert advice in worker.text
