"""Journals: entries are added once, in their order; only the newest are kept, and not for ever."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from pydantic_core import to_json

from backdesk.worker.memory.calls import MemoryCalls, read_note
from tests.support.board import Board, Clock


@pytest.fixture
def archive(board: Board) -> MemoryCalls:
    return MemoryCalls(board.settings, board.clock)


def note(board: Board, archive: MemoryCalls, number: int, *, tenant: str = "acme") -> bool:
    return board.run(archive.note(tenant, "refunds", to_json({"job_id": "a", "kind": "k", "data": {"n": number}})))


def numbers(board: Board, tenant: str = "acme") -> list[int]:
    entries: list[Any] = board.client.zrange(board.keys.notes(tenant, "refunds"), 0, -1, withscores=True)
    return [read_note(tenant, "refunds", entry, score).data["n"] for entry, score in entries]


def test_entries_of_one_moment_keep_their_order(board: Board, archive: MemoryCalls) -> None:
    assert [note(board, archive, number) for number in (3, 1, 2)] == [True] * 3
    assert numbers(board) == [3, 1, 2]


def test_the_same_entry_is_added_once_and_stays_where_it_is(board: Board, archive: MemoryCalls, clock: Clock) -> None:
    note(board, archive, 1)
    clock.advance(1)
    note(board, archive, 2)
    assert not note(board, archive, 1)
    assert numbers(board) == [1, 2]


def test_the_oldest_make_room_for_new_ones(board: Board, archive: MemoryCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdesk.worker.memory.calls.MOST_NOTES", 3)
    for number in range(5):
        note(board, archive, number)
    assert numbers(board) == [2, 3, 4]


def test_an_entry_is_kept_for_a_while(board: Board, archive: MemoryCalls, clock: Clock, client: redis.Redis) -> None:
    note(board, archive, 1)
    note(board, archive, 1, tenant="other")
    kept_s = board.settings.note_retention_s
    for key in (board.keys.notes("acme", "refunds"), board.keys.noted("refunds")):
        assert kept_s - 60 < int(client.ttl(key)) <= kept_s
    clock.advance(kept_s + 1)
    note(board, archive, 2)
    assert numbers(board) == [2]
    assert client.zrange(board.keys.noted("refunds"), 0, -1) == [b"acme"]
