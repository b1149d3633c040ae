"""What bodies leave behind for other jobs: what was said in a conversation, what is in a cache, and notes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis

from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.memory.calls import read_note
from backdesk.worker.memory.conversation import MAX_FACTS_BYTES
from backdesk.worker.memory.note import Note
from backdesk.worker.model.job import JobState
from tests.support.board import Board
from tests.worker.conftest import Bench

ORDER = {"order": 10003}


async def heard(ctx: TaskContext) -> Any:
    past = await ctx.recall("talk", owner="cust-3")
    return [turn.messages for turn in past.turns], past.facts, past.asked


def heard_def(ctx: BlockingContext) -> Any:
    past = ctx.recall("talk", owner="cust-3", newest=10)
    return [turn.messages for turn in past.turns], past.facts, past.asked


async def say(ctx: TaskContext) -> None:
    await ctx.remember("talk", [{"said": "hello"}], owner="cust-3", facts=ORDER, asked=True)


def say_def(ctx: BlockingContext) -> None:
    ctx.remember("talk", [{"said": "hello"}], owner="cust-3", facts=ORDER, asked=True)


@pytest.mark.parametrize(("says", "hears"), [(say, heard_def), (say_def, heard)])
def test_what_one_job_says_the_next_one_hears(bench: Bench, board: Board, says: Any, hears: Any) -> None:
    bench.run_body(says)
    assert board.result_of(bench.run_body(hears)) == [[[{"said": "hello"}]], ORDER, True]


def test_an_attempt_after_a_crash_replaces_what_the_one_before_it_said(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        await ctx.remember("talk", [f"attempt {ctx.attempt}"], owner="cust-3")
        if ctx.attempt == 1:
            raise ConnectionError("away")

    bench.again(bench.run_body(body))
    assert board.result_of(bench.run_body(heard))[0] == [["attempt 2"]]


def test_an_attempt_that_has_lost_its_job_changes_nothing(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        if ctx.attempt == 1:
            bench.lose(ctx.job_id)
        await ctx.remember("talk", [f"attempt {ctx.attempt}"], owner="cust-3")

    job_id = bench.run_body(body)
    assert board.state(job_id) is JobState.QUEUED
    assert board.result_of(bench.run_body(heard))[0] == []
    bench.again(job_id)
    assert board.result_of(bench.run_body(heard))[0] == [["attempt 2"]]


def test_a_stranger_gets_an_error_and_not_the_words(bench: Bench, board: Board) -> None:
    bench.run_body(say)

    async def read(ctx: TaskContext) -> Any:
        return (await ctx.recall("talk", owner="cust-1")).turns

    async def write(ctx: TaskContext) -> None:
        await ctx.remember("talk", [], owner="cust-1")

    assert [board.code_of(bench.run_body(body)) for body in (read, write)] == ["conversation_mismatch"] * 2


def test_a_closed_conversation_takes_no_turn_of_another_job(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        await ctx.remember("talk", ["bye"], close=True)

    bench.run_body(body)
    assert board.code_of(bench.run_body(body)) == "conversation_closed"


@pytest.mark.parametrize(
    ("turn", "code"),
    [
        ({"messages": ["x" * 2_000_000]}, "turn_too_large"),
        ({"messages": [], "facts": {"x": "x" * MAX_FACTS_BYTES}}, "facts_too_large"),
        ({"messages": [object()]}, "invalid_turn"),
        ({"messages": [float("nan")]}, "invalid_turn"),
        ({"messages": [], "facts": {"x": object()}}, "invalid_facts"),
        ({"messages": [], "conversation_id": "x" * 129}, "invalid_data"),
        ({"messages": [], "conversation_id": "a\nb"}, "invalid_data"),
    ],
)
def test_what_cannot_be_remembered_says_why(bench: Bench, board: Board, turn: dict[str, Any], code: str) -> None:
    async def body(ctx: TaskContext) -> None:
        await ctx.remember(**{"conversation_id": "talk", **turn})

    assert board.code_of(bench.run_body(body)) == code


@pytest.mark.parametrize("newest", [-1, True])
def test_a_number_of_turns_is_one(bench: Bench, board: Board, newest: int) -> None:
    async def body(ctx: TaskContext) -> None:
        with pytest.raises(ValueError, match="number of turns"):
            await ctx.recall("talk", newest=newest)

    assert board.state(bench.run_body(body)) is JobState.SUCCEEDED


# The cache


def test_what_one_job_caches_another_of_the_tenant_finds_for_a_while(
    bench: Bench, board: Board, client: redis.Redis
) -> None:
    key = "a question of any length " * 100

    async def put(ctx: TaskContext) -> None:
        await ctx.cache(key, b"\x00 an answer", 60)
        await ctx.cache(key, b"\x00 the answer", 60)

    async def look(ctx: TaskContext) -> Any:
        found = await ctx.cached(key)
        return found and found.decode(), await ctx.cached(f"{key}?")

    bench.run_body(put)
    assert board.result_of(bench.run_body(look)) == ["\x00 the answer", None]
    assert board.result_of(bench.run_body(look, tenant="other")) == [None, None]
    (name,) = client.scan_iter(board.keys.cache("acme", "*"))
    assert 50_000 < int(client.pttl(name)) <= 60_000


def test_of_all_that_keep_a_new_value_one_has_kept_it(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> Any:
        kept = await asyncio.gather(*(ctx.cache("key", b"%d" % nth, 60, new=True) for nth in range(5)))
        return kept.count(True), str(await ctx.cached("key")), await ctx.cache("key", b"after", 60)

    assert board.result_of(bench.run_body(body)) == [1, "b'0'", True]


def test_what_is_cached_for_all_tenants_is_none_of_theirs(bench: Bench, board: Board) -> None:
    async def put(ctx: TaskContext) -> None:
        await ctx.cache("key", b"for all", 60, public=True)

    async def look(ctx: TaskContext) -> Any:
        return str(await ctx.cached("key", public=True)), await ctx.cached("key")

    bench.run_body(put)
    assert board.result_of(bench.run_body(look, tenant="other")) == ["b'for all'", None]
    assert board.result_of(bench.run_body(look)) == ["b'for all'", None]


def test_a_blocking_body_has_the_cache_too(bench: Bench, board: Board) -> None:
    def body(ctx: BlockingContext) -> Any:
        ctx.cache("key", b"value", 0.5)
        return str(ctx.cached("key"))

    assert board.result_of(bench.run_body(body)) == "b'value'"


@pytest.mark.parametrize(
    ("value", "ttl_s", "reason"),
    [
        (b"x", 0, "over 0"),
        (b"x", -1, "over 0"),
        (b"x", float("nan"), "over 0"),
        (b"x", 86_400 * 31, "at most"),
        (b"x" * 2_000_000, 60, "the limit is"),
    ],
)
def test_what_cannot_be_cached_says_why(bench: Bench, board: Board, value: bytes, ttl_s: float, reason: str) -> None:
    async def body(ctx: TaskContext) -> None:
        with pytest.raises(ValueError, match=reason):
            await ctx.cache("key", value, ttl_s)

    assert board.state(bench.run_body(body)) is JobState.SUCCEEDED
    assert not [*board.client.scan_iter(board.keys.cache("*", "*"))]


# Notes


def noted(board: Board, topic: str = "refunds", tenant: str = "acme") -> list[Note]:
    entries: list[Any] = board.client.zrange(board.keys.notes(tenant, topic), 0, -1, withscores=True)
    return [read_note(tenant, topic, entry, score) for entry, score in entries]


def test_a_note_says_who_left_it_and_when(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        ctx.note("refunds", order=10003, cents=500)

    job_id = bench.run_body(body)
    (note,) = noted(board)
    assert (note.tenant, note.topic, note.job_id, note.kind) == ("acme", "refunds", job_id, "body.async")
    assert note.data == {"order": 10003, "cents": 500}
    assert abs((note.at - board.record(job_id).created_at).total_seconds()) < 10


def test_notes_come_in_the_order_in_which_they_were_left(bench: Bench, board: Board) -> None:
    def body(ctx: BlockingContext) -> None:
        for number in range(50):
            ctx.note("refunds", number=number)

    bench.run_body(body)
    assert [note.data["number"] for note in noted(board)] == [*range(50)]


def test_a_later_attempt_leaves_no_second_note_of_the_same(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        ctx.note("refunds", order=1)
        ctx.note("refunds", order=1)
        if ctx.attempt == 1:
            raise ConnectionError("away")
        ctx.note("refunds", order=2)

    bench.again(bench.run_body(body))
    assert [note.data["order"] for note in noted(board)] == [1, 1, 2]
    bench.run_body(body)
    assert len(noted(board)) == 5, "another job has notes of its own"


def test_secrets_are_masked_in_notes(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        ctx.note("refunds", card="4111 1111 1111 1111", password="hunter2")

    bench.run_body(body)
    assert noted(board)[0].data == {"card": "[masked-card]", "password": "[masked]"}


@pytest.mark.parametrize(
    ("topic", "data", "reason"),
    [
        ("Refunds", {}, "lower-case"),
        ("", {}, "lower-case"),
        ("x" * 65, {}, "lower-case"),
        ("a:b", {}, "lower-case"),
        ("refunds", {"text": "x" * 40_000}, "the limit is"),
        ("refunds", {"x": float("nan")}, "nan is no number of JSON"),
    ],
)
def test_what_cannot_be_noted_says_why(
    bench: Bench, board: Board, topic: str, data: dict[str, Any], reason: str
) -> None:
    async def body(ctx: TaskContext) -> None:
        with pytest.raises(ValueError, match=reason):
            ctx.note(topic, **data)

    job_id = bench.run_body(body)
    assert board.state(job_id) is JobState.SUCCEEDED, board.record(job_id).error
