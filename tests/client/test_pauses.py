"""Pauses: nothing of a kind, a queue, a tenant or a service begins, and what was set before holds again afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from backdesk.worker.errors import InvalidRequest, JobNotFound
from backdesk.worker.model.asks import Pausing, pause_of
from backdesk.worker.model.job import JobState
from backdesk.worker.model.service import BreakerState
from tests.support.board import Board, question
from tests.support.clients import Client

SCOPES = [
    ({"kind": "test.echo"}, "kind test.echo"),
    ({"kind": "test.echo", "tenant": "acme"}, "tenant acme kind test.echo"),
    ({"queue": "agents"}, "queue agents"),
    ({"tenant": "acme"}, "tenant acme"),
]


@pytest.mark.parametrize(("what", "scope"), SCOPES)
async def test_no_job_begins_while_it_is_paused_and_all_do_afterwards(
    jobs: Client, board: Board, what: dict[str, str], scope: str
) -> None:
    board.announce(agents=10)
    status = await jobs.pauses.begin(**what, by="ada", note="the ledger is moved")
    waiting = [board.submit(tenant="acme") for _ in range(3)]
    assert board.delivered() == []
    assert (status.scope, status.by, status.note) == (scope, "ada", "the ledger is moved")
    assert await jobs.pauses.list() == [status]

    assert await jobs.pauses.end(**what)
    assert sorted(board.delivered()) == sorted(waiting)
    assert await jobs.pauses.list() == []
    assert not await jobs.pauses.end(**what)


@pytest.mark.parametrize(("what", "scope"), SCOPES[:3])
async def test_a_limit_that_was_set_before_holds_again_also_one_that_was_changed_meanwhile(
    jobs: Client, board: Board, what: dict[str, str], scope: str
) -> None:
    board.announce(agents=10)
    await jobs.limits.jobs.set(**what, max_running=5, rate="60/m")
    await jobs.pauses.begin(**what)
    await jobs.limits.jobs.set(**what, max_running=2, rate="default")
    for _ in range(4):
        board.submit(tenant="acme")
    assert board.delivered() == []

    await jobs.pauses.end(**what)
    assert len(board.delivered()) == 2
    (status,) = await jobs.limits.jobs.list()
    assert (status.scope, status.limits.max_running, status.limits.paused) == (scope, 2, None)


async def test_a_tenant_keeps_its_settings_and_one_that_had_none_has_none_again(jobs: Client) -> None:
    await jobs.tenants.set("acme", weight=3.0, max_running=4)
    for name in ("acme", "stranger"):
        await jobs.pauses.begin(tenant=name)
        assert (await jobs.tenants.get(name)).paused
        await jobs.pauses.end(tenant=name)
    acme, stranger = await jobs.tenants.get("acme"), await jobs.tenants.get("stranger")
    assert (acme.paused, acme.settings["weight"].value, acme.settings["max_running"].value) == (None, 3.0, 4)
    # One that was not set up must not be so by a pause: a deployment may refuse the jobs of such.
    assert (stranger.paused, stranger.own) == (None, False)


async def test_a_pause_of_a_tenant_that_was_only_made_known_leaves_it_known(jobs: Client) -> None:
    await jobs.tenants.set("acme")
    await jobs.pauses.begin(tenant="acme")
    await jobs.pauses.end(tenant="acme")
    assert (await jobs.tenants.get("acme")).own


@pytest.mark.parametrize("what", [{"kind": "test.echo"}, {"service": "openai/gpt-4o"}])
async def test_paused_again_it_keeps_its_since(jobs: Client, what: dict[str, str]) -> None:
    first = await jobs.pauses.begin(**what, by="ada")
    again = await jobs.pauses.begin(**what, by="bob", note="still")
    assert (again.since, again.by, again.note) == (first.since, "bob", "still")
    assert await jobs.pauses.list() == [again]


async def test_removing_the_limits_of_a_scope_ends_its_pause(jobs: Client) -> None:
    await jobs.pauses.begin(kind="test.echo")
    assert await jobs.limits.jobs.remove(kind="test.echo")
    assert await jobs.pauses.list() == []


async def test_a_service_is_kept_from_being_called_until_it_is_resumed(jobs: Client) -> None:
    status = await jobs.pauses.begin(service="openai/gpt-4o", by="ada")
    (breaker,) = await jobs.breakers.list()
    assert (breaker.state, breaker.by_hand) == (BreakerState.OPEN, True)
    assert [(each.scope, each.by) for each in await jobs.pauses.list()] == [(status.scope, "ada")]

    assert await jobs.pauses.end(service="openai/gpt-4o")
    assert (await jobs.breakers.list())[0].state is BreakerState.CLOSED
    assert await jobs.pauses.list() == []


async def test_a_breaker_that_was_opened_or_closed_by_hand_is_told_as_it_is(jobs: Client) -> None:
    await jobs.breakers.open("openai/gpt-4o")
    assert [each.scope for each in await jobs.pauses.list()] == ["service openai/gpt-4o"]
    await jobs.pauses.begin(service="openai/gpt-4o")
    await jobs.breakers.close("openai/gpt-4o")
    assert await jobs.pauses.list() == []


async def test_what_a_pause_said_of_a_service_is_not_said_of_a_breaker_that_is_opened_later(jobs: Client) -> None:
    await jobs.pauses.begin(service="openai/gpt-4o", by="ada", note="the key is changed")
    await jobs.breakers.close("openai/gpt-4o")
    await jobs.breakers.open("openai/gpt-4o")
    (status,) = await jobs.pauses.list()
    assert (status.by, status.note) == ("", "")


async def test_a_job_says_that_it_waits_for_a_pause(jobs: Client, board: Board) -> None:
    board.announce(agents=10)
    await jobs.pauses.begin(kind="test.echo")
    held = (await jobs.get(board.submit())).limited
    assert held is not None
    assert (held.scope, held.reason) == ("kind test.echo", "paused")


async def test_an_overview_tells_what_is_paused(jobs: Client) -> None:
    await jobs.pauses.begin(queue="tools", note="new machines")
    await jobs.pauses.begin(service="openai/gpt-4o")
    seen = await jobs.overview()
    assert [(each.scope, each.note) for each in seen.pauses] == [
        ("queue tools", "new machines"),
        ("service openai/gpt-4o", ""),
    ]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "scope"),
        ({"kind": "test.echo", "queue": "agents"}, "scope"),
        ({"kind": "a b"}, "kind"),
        ({"tenant": "a b"}, "tenant"),
        ({"tenant": "*"}, "tenant"),
        ({"tenant": "*", "kind": "test.echo"}, "tenant"),
        ({"service": "openai/gpt-4o", "kind": "test.echo"}, "service"),
        ({"queue": "agents", "note": "x" * 501}, "note"),
    ],
)
async def test_what_cannot_be_paused_is_refused(jobs: Client, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await jobs.pauses.begin(**given)
    assert caught.value.field == field
    assert await jobs.pauses.list() == []


async def test_one_job_is_paused_and_goes_on(jobs: Client, board: Board) -> None:
    claim = board.start(board.submit("a"))
    assert await jobs.pause("a", by="ada", note="not now") is JobState.RUNNING
    assert await jobs.pause("a") is JobState.RUNNING, "once is enough"
    board.wait(claim, pause_of(1, Pausing(by="ada", note="not now").model_dump_json()))
    assert await jobs.pause("a") is JobState.WAITING
    (ask,) = (await jobs.get("a")).asks
    assert (ask.facts, ask.choices) == ({"by": "ada", "note": "not now"}, ["resume"])

    assert await jobs.resume("a", by="bob")
    assert board.state("a") is JobState.QUEUED
    assert not await jobs.resume("a")
    assert board.start("a").pausing == ""


async def test_a_pause_that_has_not_come_about_is_taken_back(jobs: Client, board: Board) -> None:
    board.submit("a")
    await jobs.pause("a")
    assert await jobs.resume("a")
    assert board.start("a").pausing == ""


async def test_a_question_is_not_answered_by_going_on(jobs: Client, board: Board) -> None:
    board.wait(board.start(board.submit("a")), question())
    assert not await jobs.resume("a")
    assert board.state("a") is JobState.WAITING


async def test_what_has_ended_or_is_unknown_is_not_paused(jobs: Client, board: Board) -> None:
    board.succeed(board.start(board.submit("a")))
    for refused in (jobs.pause("a"), jobs.resume("a")):
        with pytest.raises(InvalidRequest, match="has ended: it is succeeded"):
            await refused
    for unknown in (jobs.pause("b"), jobs.resume("b")):
        with pytest.raises(JobNotFound):
            await unknown
    with pytest.raises(InvalidRequest, match="by"):
        await jobs.pause("a", by="x" * 201)
