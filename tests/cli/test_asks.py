"""`backdesk asks`: what jobs ask of people, and how to answer it."""

from __future__ import annotations

from tests.cli.conftest import Cli
from tests.support.eventually import eventually
from tests.support.workers import Fleet


def waiting(fleet: Fleet, kind: str, tenant: str) -> str:
    job_id = fleet.jobs.submit(kind, {}, tenant=tenant).id
    eventually(lambda: fleet.board.state(job_id) == "waiting", what=f"{kind} to wait")
    return job_id


def test_each_is_shown_with_the_command_that_answers_it(on_fleet: Cli, fleet: Fleet) -> None:
    job_id = waiting(fleet, "test.approval", "asks-shown")
    lines = on_fleet("asks", "--tenant", "asks-shown").out.splitlines()

    assert lines[0].split() == ["job", "kind", "tenant", "asked", "time"]
    assert lines[1].startswith(job_id)
    assert "approval" in lines[2]
    assert lines[2].endswith("(order: 10003, cents: 1250)")
    assert lines[3].strip() == f"backdesk approve|deny {job_id}"
    assert on_fleet("approve", job_id).code == 0
    assert on_fleet("asks", "--tenant", "asks-shown").out == "nothing is asked of people\n"


def test_a_page_tells_how_to_go_on(on_fleet: Cli, fleet: Fleet) -> None:
    job_ids = [waiting(fleet, "test.approval", "asks-paged") for _ in range(3)]
    paged = ("asks", "--tenant", "asks-paged", "--limit", "2")
    first = on_fleet(*paged, "--json").document
    assert [each["job_id"] for each in first["asks"]] == job_ids[:2]
    assert on_fleet(*paged).out.splitlines()[-1] == f"go on: --cursor {first['cursor']}"

    rest = on_fleet(*paged, "--cursor", first["cursor"], "--json").document
    assert ([each["job_id"] for each in rest["asks"]], rest["cursor"]) == (job_ids[2:], None)


def test_what_is_no_cursor_is_refused(on_fleet: Cli) -> None:
    refused = on_fleet("asks", "--cursor", "?", "--json")
    assert (refused.code, refused.document["error"]["code"]) == (2, "invalid_request")
    assert "begin without one" in refused.document["error"]["message"]
