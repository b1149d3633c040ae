"""Tenants as clients set and see them: only what is given changes, and what applies tells where it is from."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from backdesk.worker.errors import InvalidRequest, QuotaExceeded
from backdesk.worker.model.tenancy import TenantSettings, read_policy, tenant_scope
from backdesk.worker.store.calls import text
from tests.support.board import Board
from tests.support.clients import Client


async def applied(jobs: Client, name: str = "acme") -> dict[str, tuple[Any, str]]:
    return {field: (each.value, each.origin) for field, each in (await jobs.tenants.get(name)).settings.items()}


async def test_only_what_is_given_changes(jobs: Client) -> None:
    await jobs.tenants.set("acme", weight=3, max_running=20, rate="60/m", burst=10, cost_per_day_usd="5.00")
    changed = await jobs.tenants.set("acme", weight=4, kinds=["test.echo"], priority=6)

    kept = TenantSettings(weight=4, max_running=20, rate="60/m", burst=10, cost_per_day_usd=Decimal("5.00"))
    assert changed == kept.model_copy(update={"kinds": ("test.echo",), "priority": 6})


async def test_without_any_setting_a_tenant_is_made_known(jobs: Client, board: Board) -> None:
    assert not (await jobs.tenants.get("acme")).own
    await jobs.tenants.set("acme")
    assert (await jobs.tenants.get("acme")).own
    assert board.client.hgetall(board.keys.tenant("acme")) == {b"name": b"acme"}


async def test_what_a_tenant_has_not_is_that_of_every_tenant_or_built_in(jobs: Client) -> None:
    await jobs.tenants.set("*", max_running=50, weight=2)
    await jobs.tenants.set("acme", weight=3, tokens_per_day=1000)
    its = await applied(jobs)

    assert its["weight"] == (3.0, "own")
    assert its["tokens_per_day"] == (1000, "own")
    assert its["max_running"] == (50, "every_tenant")
    assert its["rate"] == (None, "built_in")
    assert its["priority"] == (5, "built_in")
    assert its["on_budget"] == ("fail", "built_in")


async def test_none_is_no_limit_of_its_own_and_default_is_that_of_every_tenant(jobs: Client) -> None:
    await jobs.tenants.set("*", max_running=50, kinds=["test.echo"])
    await jobs.tenants.set("acme", max_running="none", kinds="none")
    assert (await applied(jobs))["max_running"] == (None, "own")
    assert (await applied(jobs))["kinds"] == (None, "own")
    await jobs.tenants.set("acme", max_running="default")
    assert (await applied(jobs))["max_running"] == (50, "every_tenant")


@pytest.mark.parametrize("rate", ["none", "default"])
async def test_a_burst_goes_with_its_rate(jobs: Client, rate: str) -> None:
    await jobs.tenants.set("*", rate="1/s", burst=5)
    await jobs.tenants.set("acme", rate="2/s")
    assert (await applied(jobs))["burst"] == (1, "built_in"), "not that of the other rate"
    await jobs.tenants.set("acme", burst=7)
    assert (await applied(jobs))["burst"] == (7, "own")
    assert (await jobs.tenants.set("acme", rate=rate)).burst is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("weight", 0),
        ("weight", 1001),
        ("weight", "none"),
        ("weight", float("nan")),
        ("max_running", -1),
        ("max_running", 1.5),
        ("max_running", True),
        ("rate", "60"),
        ("rate", "6/y"),
        ("rate", "0/m"),
        ("rate", "999999/s"),
        ("burst", 0),
        ("burst", 3),
        ("tokens_per_day", 0),
        ("cost_per_day_usd", "-1"),
        ("cost_per_day_usd", "0.00000001"),
        ("on_budget", "panic"),
        ("kinds", []),
        ("kinds", ["two words"]),
        ("kinds", "test.echo"),
        ("priority", 10),
    ],
)
async def test_a_wrong_value_is_refused_by_the_name_of_its_field(jobs: Client, field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await jobs.tenants.set("acme", **{field: value})
    assert caught.value.field == field
    assert not (await jobs.tenants.get("acme")).own


@pytest.mark.parametrize("name", ["", "a b", "a:b", "-a", "a" * 129, None])
async def test_a_wrong_name_is_refused(jobs: Client, name: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await jobs.tenants.set(name, weight=2)
    assert caught.value.field == "tenant"


async def test_of_many_who_change_one_tenant_none_undoes_what_another_did(jobs: Client) -> None:
    changes: dict[str, Any] = {"weight": 3, "max_running": 7, "rate": "9/s", "tokens_per_day": 11, "priority": 1}
    await asyncio.gather(*(jobs.tenants.set("acme", **{field: value}) for field, value in changes.items()))

    its = await applied(jobs)
    assert {field: its[field][0] for field in changes} == changes


def test_a_policy_made_from_another_than_is_in_force_is_not_set(board: Board) -> None:
    scope, first, second = tenant_scope("acme"), TenantSettings(weight=2).policy, TenantSettings(weight=3).policy
    assert board.run(board.transitions.configure(scope, first, "acme", origin=""))
    assert board.run(board.transitions.configure(scope, second, "acme", origin="")) is None
    assert board.run(board.transitions.configure(scope, first, "acme", origin="")), "repeated after a lost answer"
    raw = board.client.hget(board.keys.policy, scope)
    assert raw is not None
    assert read_policy(text(raw)) == {"weight": 2.0}


async def test_removing_it_leaves_its_jobs_alone(jobs: Client, board: Board) -> None:
    await jobs.tenants.set("acme", max_running=0)
    job_id = board.submit()
    assert await jobs.tenants.remove("acme")
    assert not await jobs.tenants.remove("acme")
    assert board.state(job_id) == "queued"
    assert board.delivered() == [job_id], "nothing holds it any more"
    assert not board.client.exists(board.keys.tenant("acme"))


async def test_it_tells_what_a_tenant_has_going_on(jobs: Client, board: Board) -> None:
    board.announce(agents=10)
    await jobs.tenants.set("acme", max_running=2)
    ids = board.submit_many(5)
    board.start(ids[0])
    board.submit(tenant="other")

    status = await jobs.tenants.get("acme")
    assert (status.running, status.queued, status.limited) == (2, 3, 3)
    assert status.spent is not None
    assert status.spent.tokens == 0


async def test_many_over_the_quota_are_refused_with_it(jobs: Client, board: Board) -> None:
    board.announce()
    await jobs.tenants.set("acme", max_jobs=2)
    with pytest.raises(QuotaExceeded) as error:
        await jobs.submit_many("test.echo", [{"text": str(n)} for n in range(3)], tenant="acme")
    assert (error.value.quota, error.value.used, error.value.limit) == ("max_jobs", 2, 2)
    assert (await jobs.tenants.get("acme")).jobs == 2


async def test_those_set_up_and_those_with_jobs_are_listed_by_name(jobs: Client, board: Board) -> None:
    await jobs.tenants.set("zeta", weight=2)
    await jobs.tenants.set("*", weight=3)
    board.submit(tenant="acme")

    found, more = await jobs.tenants.list()
    assert [(each.tenant, each.own) for each in found] == [("*", True), ("acme", False), ("zeta", True)]
    assert more == 0
    found, more = await jobs.tenants.list(limit=1)
    assert (len(found), more) == (1, 2)
