"""`backdesk watch`, `show`, `list`, `cancel` and `kinds`: what a deployment knows, for people and for programs."""

from __future__ import annotations

import pytest

from tests.producers.cli.conftest import Cli
from tests.support.workers import Fleet


def test_watch_tells_what_has_happened_and_ends_with_the_job(on_fleet: Cli, fleet: Fleet) -> None:
    fleet.jobs.submit("test.steps", {"n": 3}, job_id="ended").result(10)
    whole, rest = on_fleet("watch", "ended", "--json"), on_fleet("watch", "ended", "--after", "4", "--json")

    assert whole.code == rest.code == 0
    assert [event["seq"] for event in whole.documents] == [1, 2, 3, 4, 5, 6]
    assert rest.documents == whole.documents[4:]


def test_watch_beyond_the_end_of_a_job_shows_no_event(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {})
    job.result(10)

    for after in ("3", "500"):
        answer = on_fleet("watch", job.id, "--after", after, "--json")
        assert (answer.code, answer.out) == (0, "")


def test_watch_follows_a_job_that_runs(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.ticking", {"n": 10})
    answer = on_fleet("watch", job.id)

    assert answer.code == 0
    assert "tick 9" in answer.out
    assert answer.out.index("tick 9") < answer.out.index("succeeded in")


def test_watch_ends_as_the_job_did(on_fleet: Cli, fleet: Fleet) -> None:
    failed = fleet.jobs.submit("test.end", {"text": "task_error"})
    later = fleet.jobs.submit("test.echo", {}, delay=3600)

    assert on_fleet("watch", failed.id).code == 1
    assert on_fleet("watch", later.id, "--timeout", "0.2").code == 4
    later.cancel()
    assert on_fleet("watch", later.id).code == 1


def test_show_is_the_record(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.count", {"n": 1}, tenant="acme", metadata={"from": "mail"})
    job.result(10)
    document, shown = on_fleet("show", job.id, "--json").document, on_fleet("show", job.id)

    assert document["id"] == job.id
    assert document["usage"]["requests"] == 2
    assert document["events"] == 3
    assert "log" not in document
    for told in (job.id, "acme", "succeeded", "2 model requests, 30 + 0 tokens", '"from": "mail"', "took"):
        assert told in shown.out


def test_show_prints_the_log_when_asked(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.steps", {"n": 2})
    job.result(10)
    document, shown = on_fleet("show", job.id, "--events", "--json").document, on_fleet("show", job.id, "--events")

    assert [event["type"] for event in document["log"]] == ["queued", "started", "progress", "progress", "succeeded"]
    assert "50% step 1" in shown.out


def test_show_tells_why_a_job_failed(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.end", {"text": "task_error"})

    assert on_fleet("watch", job.id).code == 1
    answer = on_fleet("show", job.id)
    assert answer.code == 0
    assert "[no_stock] there is none left" in answer.out


def test_text_of_strangers_cannot_steer_the_terminal(on_fleet: Cli, fleet: Fleet) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J[bold]text"
    answer = on_fleet("submit", "test.echo", "--text", evil, "--watch", "--job-id", "evil")
    shown = on_fleet("show", "evil", "--events")

    assert "\x1b" not in answer.out + shown.out
    assert "[bold]text" in shown.out


@pytest.mark.parametrize("words", [["show"], ["watch"], ["cancel"], ["watch", "--json"]])
def test_a_job_that_is_not_there_is_exit_code_2(words: list[str], on_fleet: Cli) -> None:
    answer = on_fleet(*words, "never-there")

    assert answer.code == 2
    assert "no job 'never-there'" in answer.out + answer.err


def test_list_finds_by_tenant_state_and_kind(on_fleet: Cli, fleet: Fleet) -> None:
    for number in range(3):
        fleet.jobs.submit("test.echo", {}, tenant="lister", job_id=f"listed-{number}").result(10)
    fleet.jobs.submit("test.sleep", {}, tenant="lister", job_id="listed-later", delay=3600)

    def ids(*words: str) -> list[str]:
        return [record["id"] for record in on_fleet("list", "--tenant", "lister", *words, "--json").document]

    assert ids() == ["listed-later", "listed-2", "listed-1", "listed-0"]
    assert ids("--limit", "1") == ["listed-later"]
    assert ids("--state", "succeeded", "--limit", "2") == ["listed-2", "listed-1"]
    assert ids("--kind", "test.sleep") == ["listed-later"]
    lines = on_fleet("list", "--tenant", "lister").out.splitlines()
    assert lines[0].split()[:4] == ["id", "kind", "tenant", "state"]
    assert lines[1].split()[:4] == ["listed-later", "test.sleep", "lister", "scheduled"]


def test_an_empty_list_says_so(on_fleet: Cli) -> None:
    assert on_fleet("list", "--tenant", "nobody", "--json").document == []
    assert "no jobs fit" in on_fleet("list", "--tenant", "nobody").out


def test_cancel_withdraws_a_job_that_has_not_begun(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {}, delay=3600)
    answer = on_fleet("cancel", job.id, "--reason", "changed my mind", "--json")

    assert answer.document == {"job_id": job.id, "state": "cancelled"}
    assert on_fleet("cancel", job.id).out == f"cancelled {job.id}\n"
    error = job.get().error
    assert error is not None
    assert error.message == "changed my mind"


def test_a_job_that_has_ended_cannot_be_cancelled(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {})
    job.result(10)
    answer = on_fleet("cancel", job.id, "--json")

    assert (answer.code, answer.document["error"]["code"]) == (2, "not_cancellable")


def test_kinds_lists_what_is_announced_and_what_is_installed(on_fleet: Cli) -> None:
    kinds = {kind["kind"]: kind for kind in on_fleet("kinds", "--json").document}
    shown = on_fleet("kinds").out

    assert kinds["test.echo"]["announced"] is True
    assert kinds["test.echo"]["queue"] == "agents"
    assert kinds["support.request"]["announced"] is False
    assert "test.tool  in queue tools" in shown
    assert "support.request  in queue agents (installed here, but no worker has announced it)" in shown


def test_kinds_of_one_kind_shows_its_fields_and_schemas(on_fleet: Cli) -> None:
    document, shown = on_fleet("kinds", "test.echo", "--json").document, on_fleet("kinds", "orders.audit").out

    assert document["description"] == "Give back what was asked."
    assert document["request_schema"]["properties"]["text"]["type"] == "string"
    assert document["result_schema"]["title"] == "Text"
    assert "--orders-per-chunk" in shown
    assert "Orders read in one transaction." in shown
    unknown = on_fleet("kinds", "test.nothing", "--json")
    assert (unknown.code, unknown.document["error"]["code"]) == (2, "unknown_kind")
