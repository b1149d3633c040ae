"""What a worker tells of itself, and the one report on it: in the store, in a file, on a port."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backdesk.worker.model.health import FILE_STALE_S, HealthReport, WorkerFacts, read_report, reasons_against
from backdesk.worker.services.probes import FileProbe, HttpProbe
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.faults import refusing
from tests.support.ports import hold
from tests.support.workers import Fleet, Worker

WELL = WorkerFacts(name="agents@test", slots={"agents": 4}, lease_s=8)


def but(**changes: Any) -> WorkerFacts:
    return WELL.model_copy(update=changes)


# The report


@pytest.mark.parametrize(
    "facts",
    [
        WELL,
        but(loop_lag_s=7.9, ticked_s=4.9, renewed_s=7.9),
        but(consumed_s=3600.0),
        but(draining=True, consuming=False, ticked_s=60.0),
        but(lease_s=0.5, renewed_s=5.0),
    ],
)
def test_a_worker_is_well_while_nothing_speaks_against_it(facts: WorkerFacts) -> None:
    assert reasons_against(facts) == []


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (but(loop_lag_s=8.1), "loop stuck: it has not answered for 8.1 s"),
        (but(ticked_s=5.1), "consuming stopped: Celery's loop has not turned for 5.1 s"),
        (but(consuming=False), "consuming stopped: deliveries stand in its queues while it has free slots"),
        (but(renewed_s=8.1), "leases cannot be renewed: the store was last reached 8.1 s ago"),
        (but(draining=True, renewed_s=9.0), "leases cannot be renewed: the store was last reached 9.0 s ago"),
    ],
)
def test_what_speaks_against_a_worker_is_told(facts: WorkerFacts, reason: str) -> None:
    assert reasons_against(facts) == [reason]


def test_everything_that_speaks_against_a_worker_is_told() -> None:
    assert len(reasons_against(but(loop_lag_s=60, consuming=False, renewed_s=60))) == 3


# The file


def test_the_file_holds_the_verdict_and_goes_when_the_worker_stops(tmp_path: Path) -> None:
    probe = FileProbe(tmp_path / "health.json", lambda: but(loop_lag_s=60))
    probe.write()
    document = json.loads((tmp_path / "health.json").read_text())
    assert (document["healthy"], document["worker"]["name"]) == (False, "agents@test")
    assert document["reasons"][0].startswith("loop stuck")
    probe.stop()
    assert [*tmp_path.iterdir()] == []


def written(folder: Path, *, at: float) -> Path:
    path = folder / "health.json"
    path.write_text(HealthReport.of(WELL, at).model_dump_json())
    return path


def test_a_fresh_file_is_believed(tmp_path: Path) -> None:
    assert read_report(written(tmp_path, at=1000), now=1000 + FILE_STALE_S).healthy


def test_an_old_file_tells_of_a_worker_that_is_gone_or_frozen(tmp_path: Path) -> None:
    report = read_report(written(tmp_path, at=1000), now=1000 + FILE_STALE_S + 1)
    assert not report.healthy
    assert "gone or frozen" in report.reasons[0]


@pytest.mark.parametrize("text", [None, "", "{}", "half a docum"])
def test_a_file_that_is_missing_or_broken_is_no_good_sign(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "health.json"
    if text is not None:
        path.write_text(text)
    report = read_report(path, now=1000)
    assert (report.healthy, report.worker, len(report.reasons)) == (False, None, 1)


# The port


def ask(port: int, path: str = "/health") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if answer.status in {200, 503} else body
    finally:
        connection.close()


@pytest.fixture
def facts() -> list[WorkerFacts]:
    return [WELL]


@pytest.fixture
def probe(facts: list[WorkerFacts]) -> Iterator[HttpProbe]:
    probe = HttpProbe("127.0.0.1", 0, lambda: facts[0], lambda: b"")
    probe.start()
    yield probe
    probe.stop()


def test_the_port_answers_by_status_and_tells_why(probe: HttpProbe, facts: list[WorkerFacts]) -> None:
    status, document = ask(probe.port)
    assert (status, document["healthy"], document["reasons"]) == (200, True, [])
    facts[0] = but(renewed_s=60)
    status, document = ask(probe.port)
    assert (status, document["healthy"]) == (503, False)
    assert document["reasons"][0].startswith("leases cannot be renewed")


def test_the_port_answers_nothing_else(probe: HttpProbe) -> None:
    assert ask(probe.port, "/")[0] == 404


def test_a_caller_that_says_nothing_does_not_hold_up_the_others(probe: HttpProbe) -> None:
    with socket.create_connection(("127.0.0.1", probe.port)):
        assert ask(probe.port)[0] == 200


# A real worker


@pytest.fixture
def port() -> Iterator[int]:
    with hold() as held:
        yield int(held.getsockname()[1])


@pytest.fixture
def asked(fleet_of_this_test: Fleet, tmp_path: Path, port: int) -> Worker:
    """A worker with both probes."""
    return fleet_of_this_test.start_worker(
        slots=2,
        BACKDESK_LEASE_S="1",
        BACKDESK_HEALTH_FILE=str(tmp_path / "health.json"),
        BACKDESK_HEALTH_PORT=str(port),
    )


def test_a_worker_whose_loop_is_blocked_is_not_well_until_it_answers_again(
    fleet_of_this_test: Fleet, asked: Worker, port: int, tmp_path: Path
) -> None:
    eventually(lambda: ask(port)[0] == 200, what="the first answer")
    eventually(lambda: read_report(tmp_path / "health.json", 0).healthy, what="the first report")
    fleet_of_this_test.jobs.submit("test.block_loop", {"n": 2.5})
    reasons = eventually(lambda: ask(port)[1]["reasons"], what="the report")
    assert reasons[0].startswith("loop stuck")
    eventually(lambda: ask(port)[0] == 200, what="its recovery")
    assert asked.stop() == 0
    assert not (tmp_path / "health.json").exists()


def test_a_worker_tells_what_it_runs_and_how_it_is(fleet: Fleet, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    job = fleet.jobs.submit("test.wait_for_file", {"flag": str(flag)})
    fleet.wait_until_running(job.id)
    eventually(lambda: fleet.jobs.workers()[0].running, what="the next announcement")
    agents, tools = fleet.jobs.workers()
    assert (agents.queues, agents.slots, agents.running) == (("agents",), {"agents": 4}, 1)
    assert ("test.echo" in agents.kinds, "test.tool" in agents.kinds) == (True, False)
    assert ("test.echo" in tools.kinds, "test.tool" in tools.kinds) == (False, True)
    assert (agents.host, agents.draining, agents.consuming) == (socket.gethostname(), False, True)
    assert agents.since is not None
    assert agents.consumed_s is not None
    assert tools.queues == ("tools",)
    eventually(lambda: not any(map(reasons_against, fleet.jobs.workers())), what="two workers that are well")
    flag.touch()
    job.result(timeout=PATIENCE_S)


def test_a_worker_that_cannot_write_to_the_store_says_since_when(
    fleet_of_this_test: Fleet, asked: Worker, port: int
) -> None:
    with refusing(fleet_of_this_test.url, "READONLY"):
        eventually(lambda: ask(port)[1]["worker"]["renewed_s"] > 3, what="the outage in its facts")
    eventually(lambda: ask(port)[1]["worker"]["renewed_s"] < 3, what="its recovery")
    assert asked.alive
