"""Journals as clients read them: of one tenant or all, the newest first, by kind and by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic_core import to_json

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.memory.calls import MemoryCalls
from backdesk.worker.store.moments import moment
from tests.support.board import Board
from tests.support.clients import Client


@pytest.fixture(autouse=True)
def now(board: Board) -> datetime:
    """Six notes, a minute apart, the newest of now; those with odd numbers are of another tenant."""
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    for number in range(6):
        calls = MemoryCalls(board.settings, lambda number=number: now_ms - (5 - number) * 60_000)  # type: ignore[misc]
        entry = to_json({"job_id": f"job-{number}", "kind": f"kind.{number % 3}", "data": {"n": number}})
        board.run(calls.note("other" if number % 2 else "acme", "refunds", entry))
    return moment(now_ms)


async def numbers(jobs: Client, **filters: Any) -> list[int]:
    return [note.data["n"] for note in await jobs.notes("refunds", **filters)]


async def test_the_notes_of_all_tenants_are_read_the_newest_first(jobs: Client, now: datetime) -> None:
    notes = await jobs.notes("refunds")
    assert [note.data["n"] for note in notes] == [5, 4, 3, 2, 1, 0]
    first = notes[0]
    assert (first.tenant, first.topic, first.job_id, first.kind, first.at) == (
        "other",
        "refunds",
        "job-5",
        "kind.2",
        now,
    )


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"tenant": "acme"}, [4, 2, 0]),
        ({"tenant": "nobody"}, []),
        ({"kind": "kind.1"}, [4, 1]),
        ({"tenant": "acme", "kind": "kind.1"}, [4]),
        ({"limit": 2}, [5, 4]),
        ({"tenant": "acme", "limit": 1}, [4]),
        ({"since": 90}, [5, 4]),
        ({"since": timedelta(seconds=150)}, [5, 4, 3]),
    ],
)
async def test_only_what_fits_is_read(jobs: Client, filters: dict[str, Any], found: list[int]) -> None:
    assert await numbers(jobs, **filters) == found


async def test_a_moment_from_which_on_counts_itself(jobs: Client, now: datetime) -> None:
    assert await numbers(jobs, since=now - timedelta(minutes=1)) == [5, 4]
    assert await numbers(jobs, since=(now - timedelta(minutes=2)).replace(tzinfo=None)) == [5, 4, 3]


async def test_a_long_journal_is_read_page_by_page(jobs: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdesk.client.operations.notes.PAGE", 1)
    assert await numbers(jobs, kind="kind.0") == [3, 0]


async def test_another_topic_has_a_journal_of_its_own(jobs: Client) -> None:
    assert await jobs.notes("returns") == []


@pytest.mark.parametrize(
    ("topic", "filters", "field"),
    [
        ("Refunds", {}, "topic"),
        ("refunds", {"limit": 0}, "limit"),
        ("refunds", {"limit": 10_001}, "limit"),
        ("refunds", {"since": "yesterday"}, "since"),
        ("refunds", {"since": float("inf")}, "since"),
    ],
)
async def test_a_filter_that_is_none_is_refused(jobs: Client, topic: str, filters: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await jobs.notes(topic, **filters)
    assert caught.value.field == field
