"""What a tenant may have: which kinds, with which priority, and whether it has to be set up first."""

from __future__ import annotations

from typing import Any

import redis

from backdesk.worker.model.job import EVERY_TENANT
from backdesk.worker.model.tenancy import TenantSettings, tenant_scope
from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import SubmitCode
from tests.support.board import Board, Clock


def submit_one(board: Board, job_id: str, **fields: Any) -> tuple[SubmitCode, str]:
    ((code, found),) = board.run(board.transitions.submit([board.job(job_id, **fields)]))
    return code, found


def set_up(board: Board, tenant: str, **settings: Any) -> None:
    made = TenantSettings(**settings)
    board.run(board.transitions.configure(tenant_scope(tenant), made.policy, tenant, made.stored))


def test_a_tenant_has_jobs_of_the_kinds_that_it_may_have(board: Board) -> None:
    set_up(board, "acme", kinds=("test.echo", "test.sleep"))
    assert submit_one(board, "a")[0] is SubmitCode.CREATED
    assert submit_one(board, "b", kind="test.tool") == (SubmitCode.FORBIDDEN, "kind")
    assert submit_one(board, "c", kind="test.tool", tenant="globex")[0] is SubmitCode.CREATED
    assert board.find("b") is None


def test_what_a_tenant_has_not_set_is_as_for_every_tenant_and_none_is_explicitly_no_limit(board: Board) -> None:
    set_up(board, EVERY_TENANT, kinds=("test.echo",), priority=2)
    set_up(board, "acme", priority=8)
    set_up(board, "globex", kinds="none")
    for tenant, kind, code in [
        ("acme", "test.echo", SubmitCode.CREATED),
        ("acme", "test.tool", SubmitCode.FORBIDDEN),
        ("globex", "test.tool", SubmitCode.CREATED),
        ("initech", "test.tool", SubmitCode.FORBIDDEN),
    ]:
        assert submit_one(board, f"{tenant}-{kind}", tenant=tenant, kind=kind, priority=None)[0] is code
    board.submit("x", tenant="initech", priority=None)
    priorities = {job_id: board.record(job_id).priority for job_id in ("acme-test.echo", "globex-test.tool", "x")}
    assert priorities == {"acme-test.echo": 8, "globex-test.tool": 2, "x": 2}


def test_a_priority_that_is_given_stands_above_the_tenants(board: Board) -> None:
    set_up(board, "acme", priority=8)
    assert board.record(board.submit("a", priority=1)).priority == 1
    assert board.record(board.submit("b", priority=0)).priority == 0


def test_tenants_that_were_not_set_up_can_be_refused(client: redis.Redis, settings: Settings, clock: Clock) -> None:
    board = Board(client, settings.model_copy(update={"require_tenant": True}), clock)
    set_up(board, EVERY_TENANT, priority=3)
    assert submit_one(board, "a") == (SubmitCode.FORBIDDEN, "tenant")
    set_up(board, "acme")
    assert submit_one(board, "a") == (SubmitCode.CREATED, "a")
    board.run(board.transitions.configure(tenant_scope("acme"), "", "acme"))
    assert submit_one(board, "b") == (SubmitCode.FORBIDDEN, "tenant")
    assert submit_one(board, "a") == (SubmitCode.EXISTING, "a")


def test_a_tenant_that_is_removed_leaves_no_settings(board: Board, client: redis.Redis) -> None:
    set_up(board, "acme", weight=2, tokens_per_day=1000)
    assert client.hgetall(board.keys.tenant("acme"))[b"tokens_per_day"] == b"1000"
    assert board.run(board.transitions.configure(tenant_scope("acme"), "", "acme"))
    assert not client.exists(board.keys.tenant("acme"), board.keys.policy)
