"""What stands in the store and cannot be read, as when it was written by hand, is shown as that and hides nothing."""

from __future__ import annotations

import pytest
from pydantic_core import to_json

from backdesk.worker.errors import JobFailed, NotReplayable
from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.job import JobState
from tests.support.board import Board
from tests.support.clients import Client
from tests.support.eventually import PATIENCE_S

TOO_DEEP = b"[" * 250 + b"]" * 250
#: Fields of a record, with what somebody has written there.
BROKEN = {
    "request": TOO_DEEP,
    "metadata": b"[1]",
    "result": b"NaN",
    "error": b'{"code":',
    "usage": b"7",
    "retry": b'{"attempts":"many"}',
    "budget": b"null",
    "degraded": TOO_DEEP,
    "past": b"{",
    "kind": b"\xff",
    "priority": b"high",
    "attempt": b"",
    "created_at": b"9" * 40,
    "run_at": b"soon",
    "timeout_ms": b"1e9",
    "worker": b"\xfe\xff",
}


@pytest.mark.parametrize("field", BROKEN)
async def test_a_record_with_an_unreadable_field_is_listed_with_its_reason(
    jobs: Client, board: Board, field: str
) -> None:
    whole, broken = board.submit(), board.submit()
    board.client.hset(board.keys.job(broken), field, BROKEN[field])

    listed = {record.id: record for record in await jobs.list()}
    assert listed.keys() == {whole, broken}
    assert listed[whole].unreadable == {}
    assert listed[broken].unreadable.keys() == {field}
    told = listed[broken].unreadable[field]
    assert told.reason
    assert told.text == BROKEN[field][:200].decode("utf-8", "replace")
    assert (await jobs.get(broken)).unreadable[field] == told


async def test_fields_that_are_missing_are_named(jobs: Client, board: Board) -> None:
    board.client.hset(board.keys.job("by-hand"), mapping={"state": "queued", "tenant": "acme"})
    board.client.zadd(board.keys.tenant_jobs("acme"), {"by-hand": 1})
    (record,) = await jobs.list(tenant="acme")
    assert record.unreadable.keys() == {"kind", "queue", "priority", "attempt", "request", "created_at"}
    assert str(record.unreadable["kind"]) == "is missing"


async def test_a_job_in_a_state_that_there_is_not_counts_as_failed(jobs: Client, board: Board) -> None:
    board.client.hset(board.keys.job(board.submit("a")), "state", "lost")
    record = await jobs.get("a")
    assert (record.state, record.error and record.error.code) == (JobState.FAILED, "unreadable")
    with pytest.raises(JobFailed, match="its record cannot be read"):
        await jobs.result("a", timeout=PATIENCE_S)


async def test_an_unreadable_ask_says_so(jobs: Client, board: Board) -> None:
    board.submit("a")
    board.client.hset(board.keys.awaiting("a"), "sure", b"no entry")
    (ask,) = (await jobs.get("a")).asks
    assert ask.prompt.startswith("cannot be read")


async def test_an_unreadable_event_keeps_its_place_in_the_log(jobs: Client, board: Board) -> None:
    board.succeed(board.start(board.submit("a")))
    board.client.lset(board.keys.events("a"), 1, "by hand")
    events = await jobs.events("a")
    assert [(event.seq, event.type) for event in events] == [(1, "queued"), (2, "unreadable"), (3, "succeeded")]
    assert events[1].data["text"] == "by hand"
    assert [event.seq async for event in jobs.watch("a", 1)] == [2, 3]


async def test_a_message_that_is_no_event_does_not_end_a_watch(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit("a"))
    seen = []
    async with jobs.watch("a", 2) as events:
        board.client.publish(board.keys.progress("a"), b"noise")
        board.succeed(claim)
        seen = [event.type async for event in events]
    assert seen == ["succeeded"]


async def test_an_unreadable_entry_of_the_ledger_is_remembered_as_such(jobs: Client, board: Board) -> None:
    board.submit("a")
    board.client.hset(board.keys.ledger("a"), mapping={"step:one": b"\xff", "step:two": to_json({"state": "done"})})
    assert [(each.key, each.outcome) for each in await jobs.memory("a")] == [("one", "unreadable"), ("two", "done")]


async def test_a_dead_letter_that_cannot_be_read_is_not_replayed(jobs: Client, board: Board) -> None:
    board.fail(board.start(board.submit("a")))
    board.client.hset(board.keys.job("a"), "request", TOO_DEEP)
    with pytest.raises(NotReplayable, match="cannot be read: request"):
        await jobs.dead.replay("a")
    assert (await jobs.dead.replay("a", request={"text": "again"})).created


async def test_announcements_and_schedules_that_cannot_be_read_hide_no_others(jobs: Client, board: Board) -> None:
    keys, contract = board.keys, KindContract(kind="test.fine", queue="agents")
    board.client.hset(keys.kinds, mapping={"test.broken": TOO_DEEP, "test.fine": contract.model_dump_json()})
    board.announce("worker-1", agents=1)
    board.client.set(keys.worker("worker-1"), b"{")
    await jobs.schedules.add("daily", "test.echo", {}, every=3600)
    board.client.hset(keys.schedules, "broken", b"[")
    board.client.hset(keys.schedule("broken"), "created_at", 1)

    assert [contract.kind for contract in await jobs.kinds()] == ["test.fine"]
    assert await jobs.workers() == []
    assert [schedule.name for schedule in await jobs.schedules.list()] == ["daily"]
    assert (await jobs.submit("test.fine", {})).created
