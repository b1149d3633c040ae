"""Quotas of tenants: what has not ended is counted, in jobs and bytes; a submit over the quota is refused with it."""

from __future__ import annotations

from typing import Any

import pytest

from backdesk.worker.errors import QuotaExceeded
from backdesk.worker.model.job import EVERY_TENANT
from backdesk.worker.model.tenancy import TenantSettings, tenant_scope
from backdesk.worker.store.jobs import SubmitCode
from backdesk.worker.store.upkeep import BATCH
from backdesk.worker.submit.admission import check_taken
from tests.support.board import Board, Clock


def allow(board: Board, tenant: str, **quotas: Any) -> None:
    settings = TenantSettings(**quotas)
    board.run(board.transitions.configure(tenant_scope(tenant), settings.policy, tenant, settings.stored))


def send(board: Board, job_id: str, **fields: Any) -> tuple[SubmitCode, str]:
    return board.run(board.transitions.submit([board.job(job_id, **fields)]))[0]


def backlog(board: Board, tenant: str = "acme") -> tuple[int, int]:
    jobs, size = board.client.hmget(board.keys.backlog(tenant), "jobs", "bytes")
    return int(jobs or 0), int(size or 0)


def audit(board: Board) -> list[tuple[str, int, int]]:
    return [each for _ in range(20) for each in board.run(board.transitions.audit())]


REQUEST = {"text": "hello"}
SIZE = len(b'{"text":"hello"}')


def test_a_job_over_the_quota_is_refused_until_another_has_ended(board: Board) -> None:
    allow(board, "acme", max_jobs=2)
    for job_id in ("a", "b"):
        board.submit(job_id)
    assert send(board, "c") == (SubmitCode.OVER_QUOTA, "max_jobs 2 2")
    assert not board.find("c")
    assert send(board, "other", tenant="globex")[0] is SubmitCode.CREATED
    assert send(board, "a") == (SubmitCode.EXISTING, "a"), "what is there is found"
    board.succeed(board.start("a"))
    assert send(board, "c")[0] is SubmitCode.CREATED


def test_bytes_are_limited_too(board: Board) -> None:
    allow(board, "acme", max_bytes=2 * SIZE)
    board.submit("a")
    assert send(board, "b", request={"text": "hello!"}) == (SubmitCode.OVER_QUOTA, f"max_bytes {SIZE} {2 * SIZE}")
    assert send(board, "c")[0] is SubmitCode.CREATED


def test_the_refusal_names_quota_use_and_limit(board: Board) -> None:
    with pytest.raises(QuotaExceeded, match=r"'acme' has 5 jobs .* may have 4 \(max_jobs\)") as error:
        check_taken(board.job("a"), SubmitCode.OVER_QUOTA, "max_jobs 5 4")
    assert (error.value.quota, error.value.used, error.value.limit) == ("max_jobs", 5, 4)


def test_a_job_that_is_too_large_for_the_quota_by_itself_is_not_told_to_wait() -> None:
    assert "raise the quota" in str(QuotaExceeded("acme", "max_bytes", 0, 100))


@pytest.mark.parametrize(
    ("own", "every", "taken"), [(None, 1, 1), (2, 1, 2), ("none", 1, 3), (None, "none", 3), (0, None, 0)]
)
def test_a_tenants_own_quota_goes_before_that_of_every_tenant(board: Board, own: Any, every: Any, taken: int) -> None:
    if every is not None:
        allow(board, EVERY_TENANT, max_jobs=every)
    if own is not None:
        allow(board, "acme", max_jobs=own)
    assert [send(board, str(n))[0] for n in range(3)].count(SubmitCode.CREATED) == taken


def test_without_a_setting_that_of_the_deployment_holds(board: Board) -> None:
    board.transitions._settings = board.settings.model_copy(update={"max_tenant_jobs": 1})
    board.submit("a")
    assert send(board, "b") == (SubmitCode.OVER_QUOTA, "max_jobs 1 1")


def test_jobs_that_a_job_calls_are_counted_and_never_refused(board: Board) -> None:
    allow(board, "acme", max_jobs=1)
    claim = board.start(board.submit("a"))
    assert board.call(claim, "one", "child")[0] is SubmitCode.CREATED
    assert backlog(board) == (2, 2 * SIZE)


def test_every_end_makes_room_and_the_last_leaves_nothing(board: Board, clock: Clock) -> None:
    for job_id in ("a", "b", "c", "d"):
        board.submit(job_id, start_by_ms=clock() + 1000 if job_id == "d" else None)
    assert backlog(board) == (4, 4 * SIZE)
    board.succeed(board.start("a"))
    board.fail(board.start("b"))
    board.cancel("c")
    assert backlog(board) == (1, SIZE)
    clock.advance(1)
    board.expire()
    assert not board.client.exists(board.keys.backlog("acme"))


@pytest.mark.parametrize("wrong", [{"jobs": 7, "bytes": 1}, {"jobs": 1, "bytes": 10**15}, {}])
def test_a_count_that_is_wrong_is_put_right(board: Board, clock: Clock, wrong: dict[str, int]) -> None:
    for job_id in ("a", "b"):
        board.submit(job_id)
    board.succeed(board.start("a"))
    board.client.delete(board.keys.backlog("acme"))
    if wrong:
        board.client.hset(board.keys.backlog("acme"), mapping=wrong)  # type: ignore[arg-type]  # numbers are as good
    clock.advance(1)
    assert audit(board) == [("acme", 1, SIZE)]
    assert backlog(board) == (1, SIZE)


def test_after_a_clock_that_is_set_back_many_jobs_are_counted_when_it_has_come_past_them(
    board: Board, clock: Clock
) -> None:
    for _ in range(20):
        board.submit_many(100)
    board.client.hset(board.keys.backlog("acme"), "jobs", 7)
    clock.advance(-60)
    assert audit(board) == []
    assert backlog(board)[0] == 7
    clock.advance(61)
    assert [jobs for _, jobs, _ in audit(board)] == [2000]


def test_a_count_in_parts_is_exact_though_jobs_come_and_go(board: Board, clock: Clock) -> None:
    ids: list[str] = []
    for _ in range(2 * BATCH // 50 + 1):
        ids += board.submit_many(50)
        clock.advance(0.01)
    assert board.run(board.transitions.audit()) == []
    assert board.client.hexists(board.keys.backlog("acme"), "seen_to")
    for job_id in (ids[0], ids[-1]):
        board.cancel(job_id)
    ids += board.submit_many(3)
    clock.advance(1)
    assert audit(board) == [], "nothing was wrong"
    assert backlog(board)[0] == len(ids) - 2
