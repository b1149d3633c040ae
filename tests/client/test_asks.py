"""What jobs ask of people, as clients list it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backdesk.worker.errors import InvalidRequest
from tests.support.board import Board, question
from tests.support.clients import Client

pytestmark = pytest.mark.over_http


@pytest.fixture
def asking(board: Board) -> Board:
    """Jobs of two tenants that ask."""
    for job_id, tenant, within_s in (("a", "acme", 60), ("b", "globex", 3600), ("c", "acme", None)):
        board.wait(board.start(board.submit(job_id, tenant=tenant)), question(within_s=within_s))
    return board


async def test_the_most_urgent_comes_first(jobs: Client, asking: Board) -> None:
    assert [each.job_id for each in await jobs.asks()] == ["a", "b", "c"]
    assert [each.job_id for each in await jobs.asks(tenant="acme")] == ["a", "c"]
    assert [each.job_id for each in await jobs.asks(within=timedelta(minutes=10))] == ["a"]


async def test_a_page_goes_on_where_the_one_before_ended(jobs: Client, asking: Board) -> None:
    first = await jobs.asks(limit=2)
    rest = await jobs.asks(limit=2, cursor=first.cursor)
    assert ([each.job_id for each in first], [each.job_id for each in rest], rest.cursor) == (["a", "b"], ["c"], None)


@pytest.mark.parametrize(
    ("bad", "field"), [({"limit": 0}, "limit"), ({"cursor": "MQ"}, "cursor"), ({"within": "soon"}, "within")]
)
async def test_what_makes_no_page_is_refused(jobs: Client, bad: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await jobs.asks(**bad)  # type: ignore[arg-type]  # that is what is tried
    assert [*refused.value.fields] == [field]
