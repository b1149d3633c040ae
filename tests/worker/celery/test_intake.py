"""The intake: what plain Celery clients leave in the inboxes becomes jobs; the rest is answered or dropped."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic_core import to_json

import backdesk.worker.celery.messages
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.celery.inbox import PAGE, REST_S
from backdesk.worker.celery.intake import Intake
from backdesk.worker.celery.messages import NoTaskMessage, read_foreign, task_name
from backdesk.worker.errors import BlobStoreUnavailable
from backdesk.worker.model.job import JobState
from backdesk.worker.settings import Settings
from tests.support.board import Board
from tests.support.eventually import eventually
from tests.support.plain import MALFORMED, envelope, plain_celery

#: Celery's result backend calls it; no code of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")


INBOX = "backdesk.inbox"


@pytest.fixture
def shop(settings: Settings) -> Iterator[Any]:
    with plain_celery(settings.url, task_default_queue=settings.inbox) as app:
        yield app


@pytest.fixture
def intake(client: redis.Redis, settings: Settings, shop: Any) -> Intake:
    return Intake(client, settings, shop, REGISTRY, lambda: True)


def error_of(board: Board, job_id: str) -> dict[str, str]:
    record = board.record(job_id)
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert record.error.code == "invalid_request"
    return record.error.fields


# What becomes a job


def test_a_message_becomes_a_job_under_its_task_id(shop: Any, intake: Intake, board: Board) -> None:
    sent = shop.send_task("test.echo", kwargs={"request": {"text": "hi"}})
    intake.take_in()
    record = board.record(sent.id)
    assert (record.state, record.kind, record.tenant, record.priority) == (JobState.QUEUED, "test.echo", "default", 5)
    assert record.request == {"text": "hi"}
    assert board.delivered() == [sent.id]


def test_a_single_argument_is_the_request(shop: Any, intake: Intake, board: Board) -> None:
    sent = shop.send_task("test.echo", args=[{"text": "hi"}])
    intake.take_in()
    assert board.record(sent.id).request == {"text": "hi"}


def test_tenant_priority_and_metadata_may_be_named(shop: Any, intake: Intake, board: Board) -> None:
    kwargs = {"request": {}, "tenant": "globex", "priority": 8, "metadata": {"ticket": 7}}
    sent = shop.send_task("test.echo", kwargs=kwargs)
    intake.take_in()
    record = board.record(sent.id)
    assert (record.tenant, record.priority, record.metadata) == ("globex", 8, {"ticket": 7})


@pytest.mark.parametrize(("theirs", "ours"), [(0, 5), (3, 3), (6, 2), (9, 0), (None, 5)])
def test_a_celery_priority_is_translated(
    shop: Any, intake: Intake, board: Board, theirs: int | None, ours: int
) -> None:
    sent = shop.send_task("test.echo", kwargs={"request": {}}, priority=theirs)
    intake.take_in()
    assert board.record(sent.id).priority == ours


def test_the_kind_decides_the_queue(shop: Any, intake: Intake, board: Board) -> None:
    sent = shop.send_task("test.tool", kwargs={"request": {}})
    intake.take_in()
    assert board.record(sent.id).queue == "tools"


def test_a_countdown_parks_the_job(shop: Any, intake: Intake, board: Board) -> None:
    sent = shop.send_task("test.echo", kwargs={"request": {}}, countdown=60)
    intake.take_in()
    record = board.record(sent.id)
    assert record.state is JobState.SCHEDULED
    assert record.run_at is not None
    assert 50 < (record.run_at - datetime.now(UTC)).total_seconds() <= 60


def test_a_moment_by_which_it_must_begin_is_kept(shop: Any, intake: Intake, board: Board) -> None:
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    sent = shop.send_task("test.echo", kwargs={"request": {}}, expires=expires)
    intake.take_in()
    record = board.record(sent.id)
    assert (record.start_by, record.expires_at) == (expires, None)


def test_messages_become_jobs_in_the_order_in_which_they_were_sent(shop: Any, intake: Intake, board: Board) -> None:
    sent = [shop.send_task("test.echo", kwargs={"request": {}}).id for _ in range(150)]
    intake.take_in()
    assert list(iter(board.run_next, None)) == sent


def test_a_message_is_taken_in_as_it_comes_by_the_worker_that_has_come_to_lead(
    shop: Any, settings: Settings, client: redis.Redis, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.worker.celery.intake.LONGEST_WAIT_S", 600.0)
    leads = threading.Event()
    intake = Intake(client, settings, shop, REGISTRY, leads.is_set)
    intake.start()
    sent = [shop.send_task("test.echo", kwargs={"request": {}}).id]
    leads.set()
    intake.hurry()
    eventually(lambda: board.find(sent[0]))
    sent.append(shop.send_task("test.echo", kwargs={"request": {}}).id)
    eventually(lambda: board.find(sent[1]))
    intake.stop()


def test_the_same_message_twice_is_one_job(intake: Intake, board: Board) -> None:
    for _ in range(2):
        board.client.lpush(INBOX, envelope())
    intake.take_in()
    assert board.event_types("odd-1") == ["queued"]
    assert board.client.llen(INBOX) == 0


def test_a_message_stays_in_its_list_until_it_is_a_job(
    shop: Any, intake: Intake, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = shop.send_task("test.echo", kwargs={"request": {}})

    def away(*_: object) -> None:
        raise redis.ConnectionError("away")

    with monkeypatch.context() as broken:
        broken.setattr("backdesk.worker.celery.intake.run", away)
        with pytest.raises(redis.ConnectionError):
            intake.take_in()
    assert board.client.llen(INBOX) == 1
    intake.take_in()
    assert (board.client.llen(INBOX), board.state(sent.id)) == (0, JobState.QUEUED)


def test_a_worker_that_does_not_lead_leaves_the_inboxes_alone(
    client: redis.Redis, settings: Settings, shop: Any
) -> None:
    shop.send_task("test.echo", kwargs={"request": {}})
    Intake(client, settings, shop, REGISTRY, lambda: False).take_in()
    assert client.llen(INBOX) == 1


# What lies in the lists of other applications


@pytest.fixture
def guest(client: redis.Redis, settings: Settings, shop: Any) -> Intake:
    """An intake that looks into the list `celery`, which is not its own."""
    shared = settings.model_copy(update={"shared_inboxes": ("celery",)})
    return Intake(client, shared, shop, REGISTRY, lambda: True)


def of_others(board: Board, count: int) -> list[bytes]:
    """Leave messages of another application in its list."""
    items = [envelope(headers__task="shop.mail", headers__id=f"theirs-{n}") for n in range(count)]
    for item in items:
        board.client.lpush("celery", item)
    return items


def passes(intake: Intake, board: Board, job_id: str) -> int:
    """Take in until the job is there; returns how often."""
    for n in range(1, 50):
        intake.take_in()
        if board.find(job_id):
            return n
    raise AssertionError(f"{job_id} was not taken in")


def test_a_list_that_is_not_ours_is_not_looked_at(shop: Any, intake: Intake, board: Board) -> None:
    for name in ("celery", "agents", "tools"):
        shop.send_task("test.echo", kwargs={"request": {}}, queue=name)
    intake.take_in()
    assert [board.client.llen(name) for name in ("celery", "agents", "tools")] == [1, 1, 1]


def test_out_of_a_list_of_others_only_what_is_called_like_a_kind_is_taken(guest: Intake, board: Board) -> None:
    theirs = of_others(board, 2)
    board.client.lpush("celery", envelope())
    theirs += of_others(board, 2)
    guest.take_in()
    assert board.state("odd-1") is JobState.QUEUED
    assert board.client.lrange("celery", 0, -1) == theirs[::-1]


@pytest.mark.parametrize("fault", [name for name, item in MALFORMED.items() if task_name(item) not in REGISTRY])
def test_an_item_of_others_stays_where_it_is_however_odd_to_us(guest: Intake, board: Board, fault: str) -> None:
    board.client.lpush("celery", MALFORMED[fault])
    guest.take_in()
    assert board.client.lrange("celery", 0, -1) == [MALFORMED[fault]]


def test_a_message_behind_a_long_line_of_others_is_found_a_page_at_a_time(guest: Intake, board: Board) -> None:
    theirs = of_others(board, 3 * PAGE)
    board.client.lpush("celery", envelope())
    assert passes(guest, board, "odd-1") == 4
    assert board.client.lrange("celery", 0, -1) == theirs[::-1]


def test_a_list_with_messages_of_others_rests_between_two_passes(
    guest: Intake, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("backdesk.worker.celery.inbox.time.monotonic", lambda: now)
    of_others(board, 1)
    guest.take_in()
    board.client.lpush("celery", envelope())
    guest.take_in()
    assert not board.find("odd-1")
    now += REST_S
    guest.take_in()
    assert board.find("odd-1")


def test_what_others_take_meanwhile_hides_a_message_for_one_pass_only(
    guest: Intake, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.worker.celery.inbox.REST_S", 0.0)
    of_others(board, PAGE)
    board.client.lpush("celery", envelope())
    guest.take_in()
    for _ in range(PAGE):
        board.client.rpop("celery")
    assert passes(guest, board, "odd-1") == 2


# What is refused


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({"request": {"text": 7}}, "text"),
        ({"request": {"text": "x", "more": 1}}, "more"),
        ({}, "request"),
        ({"text": "hi"}, "text"),
        ({"request": {}, "tenant": "no name"}, "tenant"),
        ({"request": {}, "priority": 11}, "priority"),
        ({"request": {}, "metadata": [1]}, "metadata"),
    ],
)
def test_a_bad_request_becomes_a_failed_job_with_field_and_reason(
    shop: Any, intake: Intake, board: Board, kwargs: dict[str, Any], field: str
) -> None:
    sent = shop.send_task("test.echo", kwargs=kwargs)
    intake.take_in()
    assert list(error_of(board, sent.id)) == [field]
    assert sent.state == "FAILURE"
    assert field in str(sent.result)


def test_an_unknown_kind_becomes_a_failed_job_that_says_so(shop: Any, intake: Intake, board: Board) -> None:
    sent = shop.send_task("no.such", kwargs={"request": {}})
    intake.take_in()
    assert "no worker has announced 'no.such' yet" in error_of(board, sent.id)["kind"]


def taking(board: Board, app: Any, **changes: Any) -> Intake:
    """An intake with other settings."""
    return Intake(board.client, board.settings.model_copy(update=changes), app, REGISTRY, lambda: True)


def test_a_large_request_is_kept_among_the_blobs(shop: Any, board: Board, tmp_path: Path) -> None:
    sent = shop.send_task("test.echo", kwargs={"request": {"text": "x" * 300_000}})
    taking(board, shop, blobs_url=(tmp_path / "blobs").as_uri()).take_in()
    record = board.record(sent.id)
    assert (record.state, record.request) == (JobState.QUEUED, None)
    assert record.request_blob is not None
    assert record.request_blob.bytes == 300_011


@pytest.mark.parametrize("changes", [{"blobs_url": "off"}, {"max_blob_bytes": 280_000}])
def test_a_request_over_the_limit_becomes_a_failed_job(shop: Any, board: Board, changes: dict[str, Any]) -> None:
    sent = shop.send_task("test.echo", kwargs={"request": {"text": "x" * 300_000}})
    taking(board, shop, **changes).take_in()
    assert "the limit is" in error_of(board, sent.id)["request"]


def test_a_message_stays_while_the_store_of_blobs_cannot_be_reached(shop: Any, board: Board, tmp_path: Path) -> None:
    sent = shop.send_task("test.echo", kwargs={"request": {"text": "x" * 300_000}})
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BlobStoreUnavailable):
        taking(board, shop, blobs_url=(tmp_path / "file").as_uri()).take_in()
    assert board.find(sent.id) is None
    taking(board, shop, blobs_url=(tmp_path / "blobs").as_uri()).take_in()
    assert board.state(sent.id) is JobState.QUEUED


@pytest.mark.parametrize(
    ("where", "field"), [("metadata", "metadata"), ("embed", "embed"), ("stamps", "headers"), ("nan", "text")]
)
def test_what_could_not_be_read_again_everywhere_is_refused_in_any_part_of_a_message(
    intake: Intake, board: Board, client: redis.Redis, where: str, field: str
) -> None:
    deep: Any = {}
    for _ in range(150):
        deep = {"a": deep}
    request = {"text": math.nan} if where == "nan" else {}
    kwargs = {"request": request} | ({"metadata": deep} if where == "metadata" else {})
    body = json.dumps([[], kwargs, {"chain": deep} if where == "embed" else {}])
    changes = {"headers__stamps": deep} if where == "stamps" else {}
    client.lpush(INBOX, envelope(headers__id="deep", body=body, **changes))
    intake.take_in()
    assert list(error_of(board, "deep")) == [field]
    assert client.llen(INBOX) == 0


def test_a_caller_that_wants_no_result_gets_none_at_celery(
    shop: Any, intake: Intake, board: Board, client: redis.Redis
) -> None:
    sent = shop.send_task("no.such", kwargs={"request": {}}, ignore_result=True)
    intake.take_in()
    assert error_of(board, sent.id)
    assert not client.exists(f"celery-task-meta-{sent.id}")


def test_a_second_message_with_the_id_of_a_job_does_not_fail_it(shop: Any, intake: Intake, board: Board) -> None:
    sent = shop.send_task("test.echo", kwargs={"request": {}}, task_id="twice")
    intake.take_in()
    shop.send_task("test.echo", kwargs={"request": {"text": 7}}, task_id="twice")
    intake.take_in()
    assert board.state("twice") is JobState.QUEUED
    assert sent.state == "PENDING"


@pytest.mark.parametrize("fault", MALFORMED)
def test_no_item_however_malformed_stops_the_intake(intake: Intake, board: Board, fault: str) -> None:
    board.client.lpush(INBOX, MALFORMED[fault])
    board.client.lpush(INBOX, envelope(headers__id="good"))
    intake.take_in()
    assert board.client.llen(INBOX) == 0
    assert board.state("good") is JobState.QUEUED


@pytest.mark.parametrize("name", ["headers missing", "id number", "id no name", "text", "no text", "id with new line"])
def test_an_item_that_names_no_task_cannot_be_answered(name: str) -> None:
    with pytest.raises(NoTaskMessage):
        read_foreign(MALFORMED[name])


def test_a_message_of_celerys_own_making_can_be_read(shop: Any, client: redis.Redis) -> None:
    sent = shop.send_task("test.echo", args=[1], kwargs={"tenant": "acme"}, countdown=5)
    raw: Any = client.lindex(INBOX, 0)
    message = backdesk.worker.celery.messages.read_foreign(raw)
    assert (message.id, message.kind, message.args, message.tenant) == (sent.id, "test.echo", [1], "acme")
    assert message.wants_result


# A worker that dies between the record of a refusal and its telling


def told(board: Board, job_id: str) -> bool:
    return bool(board.client.exists(f"celery-task-meta-{job_id}"))


def test_a_refusal_that_was_recorded_and_not_told_is_told_also_by_a_worker_of_another_version(
    intake: Intake, board: Board
) -> None:
    refused = envelope(headers__task="no.such")
    board.client.lpush(INBOX, refused)
    intake.take_in()
    board.client.delete("celery-task-meta-odd-1")
    error = board.record("odd-1").error
    assert error is not None
    facts = {"a_field_of_tomorrow": 1, **error.model_dump(exclude_defaults=True)}
    board.client.hset(board.keys.job("odd-1"), "error", to_json(facts))
    board.client.lpush(INBOX, refused)
    intake.take_in()
    assert told(board, "odd-1")


def test_a_refusal_of_another_message_under_a_taken_id_is_told_to_nobody(intake: Intake, board: Board) -> None:
    board.submit("odd-1")
    board.client.lpush(INBOX, envelope(headers__task="no.such"))
    intake.take_in()
    assert not told(board, "odd-1")
