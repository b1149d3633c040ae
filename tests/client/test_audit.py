"""The audit log has who did what, the newest first, and what is many pushes out nothing that is rare."""

from __future__ import annotations

import pytest
import redis

from backdesk.client import InvalidRequest
from backdesk.client.operations import audit
from backdesk.worker.model.audit import AuditEntry, Part
from tests.support.clients import Client


async def test_entries_come_back_the_newest_first_over_all_parts(jobs: Client) -> None:
    written = [AuditEntry(part=part, by=f"{part}{n}") for n in range(3) for part in Part]
    for entry in written:
        await jobs.audit.add([entry])
    listed = await jobs.audit.list()
    assert sorted(each.by for each in listed) == sorted(each.by for each in written)
    times = [each.at for each in listed if each.at]
    assert times == sorted(times, reverse=True)
    assert [each.by for each in await jobs.audit.list(part=Part.ACTIONS)] == ["actions2", "actions1", "actions0"]


@pytest.mark.parametrize("looked_at", [3, 1000])
async def test_pages_go_on_without_a_gap_or_a_double(
    jobs: Client, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr(audit, "LOOKED_AT", looked_at)
    await jobs.audit.add([AuditEntry(part=[*Part][n % 3], by=str(n)) for n in range(17)])
    seen, cursor = list[str](), None
    for _ in range(100):
        page = await jobs.audit.list(limit=4, cursor=cursor)
        seen += [each.by for each in page]
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(seen, key=int) == [str(n) for n in range(17)]


async def test_what_is_many_pushes_out_nothing_of_another_part(jobs: Client) -> None:
    await jobs.audit.add([AuditEntry(by="ada", action="POST /v1/keys")], keep=100)
    await jobs.audit.add([AuditEntry(part=Part.REFUSALS) for _ in range(5000)], keep=100)
    assert [each.by for each in await jobs.audit.list(part=Part.ACTIONS)] == ["ada"]
    assert len(await jobs.audit.list(part=Part.REFUSALS, limit=1000)) < 1000


async def test_a_tenant_is_shown_its_own(jobs: Client) -> None:
    await jobs.audit.add([AuditEntry(by="a", tenant="acme"), AuditEntry(by="b", tenant="other"), AuditEntry(by="c")])
    assert [each.by for each in await jobs.audit.list(tenant="acme")] == ["a"]


async def test_a_cursor_of_ones_own_making_is_refused(jobs: Client, client: redis.Redis) -> None:
    for cursor in ("x", "actions.x", "actions.1-", "actions", "nothing.1-1"):
        with pytest.raises(InvalidRequest):
            await jobs.audit.list(cursor=cursor)
