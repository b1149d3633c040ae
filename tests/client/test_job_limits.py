"""Limits of kinds, of kinds of tenants and of queues, as clients set and see them."""

from __future__ import annotations

from typing import Any

import pytest

from backdesk.worker.errors import InvalidRequest
from tests.support.board import Board
from tests.support.clients import Client

pytestmark = pytest.mark.over_http


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ({"kind": "test.echo"}, "kind test.echo"),
        ({"kind": "test.echo", "tenant": "acme"}, "tenant acme kind test.echo"),
        ({"kind": "test.echo", "tenant": "*"}, "tenant * kind test.echo"),
        ({"queue": "agents"}, "queue agents"),
    ],
)
async def test_limits_are_set_changed_listed_and_removed(jobs: Client, scope: dict[str, str], name: str) -> None:
    await jobs.limits.jobs.set(**scope, rate="60/m")
    changed = await jobs.limits.jobs.set(**scope, burst=3)
    assert (str(changed.rate), changed.burst) == ("60/m", 3)
    (status,) = await jobs.limits.jobs.list()
    assert (status.scope, status.limits) == (name, changed)
    assert await jobs.limits.jobs.remove(**scope)
    assert not await jobs.limits.jobs.remove(**scope)
    assert await jobs.limits.jobs.list() == []


async def test_when_no_limit_is_left_none_is_listed(jobs: Client) -> None:
    await jobs.limits.jobs.set(kind="test.echo", max_running=3)
    await jobs.limits.jobs.set(kind="test.echo", max_running="default")
    assert await jobs.limits.jobs.list() == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "test.echo"}, "limits"),
        ({"kind": "test.echo", "queue": "agents", "max_running": 3}, "scope"),
        ({"tenant": "acme", "max_running": 3}, "scope"),
        ({"queue": "two words", "max_running": 3}, "queue"),
        ({"kind": "", "max_running": 3}, "kind"),
        ({"kind": "test.echo", "tenant": "", "rate": "1/s"}, "tenant"),
        ({"kind": "test.echo", "max_running": -1}, "max_running"),
        ({"kind": "test.echo", "burst": 2}, "burst"),
    ],
)
async def test_what_cannot_be_a_limit_is_refused(jobs: Client, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await jobs.limits.jobs.set(**given)
    assert caught.value.field == field
    assert await jobs.limits.jobs.list() == []


async def test_it_tells_how_many_run_and_how_many_places_wait(jobs: Client, board: Board) -> None:
    board.announce(agents=10)
    await jobs.limits.jobs.set(kind="test.echo", max_running=1)
    for tenant in ("a", "b", "c"):
        board.submit(tenant=tenant)

    (status,) = await jobs.limits.jobs.list()
    assert (status.running, status.held, status.next_at) == (1, 2, None)


async def test_it_tells_when_a_rate_lets_the_next_begin(jobs: Client, board: Board) -> None:
    board.announce(agents=10)
    await jobs.limits.jobs.set(kind="test.echo", rate="1/h")
    board.submit_many(2)

    (status,) = await jobs.limits.jobs.list()
    assert status.next_at is not None
    assert status.held == 1
