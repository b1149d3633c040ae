"""`backdesk watch`, `show`, `list` and `kinds`: what a deployment knows, for people and for programs."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, Field
from rich.console import Console

from backdesk.agents.contract import AgentRequest, AgentResult
from backdesk.cli.output import Output
from backdesk.cli.views.jobs import show_jobs
from backdesk.client import Job
from backdesk.kinds.contracts import KINDS
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.job import JobState
from tests.cli.conftest import Announce, Cli
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.kinds import Text
from tests.support.workers import Fleet


def test_watch_tells_what_has_happened_and_ends_with_the_job(on_fleet: Cli, fleet: Fleet) -> None:
    fleet.jobs.submit("test.steps", {"n": 3}, job_id="ended").result(PATIENCE_S)
    whole, rest = on_fleet("watch", "ended", "--json"), on_fleet("watch", "ended", "--after", "4", "--json")

    assert whole.code == rest.code == 0
    assert [event["seq"] for event in whole.documents] == [1, 2, 3, 4, 5, 6]
    assert rest.documents == whole.documents[4:]


def test_watch_beyond_the_end_of_a_job_shows_no_event(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {})
    job.result(PATIENCE_S)

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
    assert on_fleet("watch", later.id, "--for", "0.2").code == 4
    later.cancel()
    assert on_fleet("watch", later.id).code == 1


def test_show_is_the_record(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.count", {"n": 1}, tenant="acme", metadata={"from": "mail"})
    job.result(PATIENCE_S)
    document, shown = on_fleet("show", job.id, "--json").document, on_fleet("show", job.id)

    assert document["id"] == job.id
    assert document["usage"]["requests"] == 2
    assert document["events"] == 3
    assert "log" not in document
    for told in (job.id, "acme", "succeeded", "2 model requests, 30 + 0 tokens", '"from": "mail"', "took"):
        assert told in shown.out


def test_show_prints_the_log_when_asked(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.steps", {"n": 2})
    job.result(PATIENCE_S)
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
        fleet.jobs.submit("test.echo", {}, tenant="lister", job_id=f"listed-{number}").result(PATIENCE_S)
    fleet.jobs.submit("test.sleep", {}, tenant="lister", job_id="listed-later", delay=3600)

    def ids(*words: str) -> list[str]:
        return [record["id"] for record in on_fleet("list", "--tenant", "lister", *words, "--json").document["jobs"]]

    assert ids() == ["listed-later", "listed-2", "listed-1", "listed-0"]
    assert ids("--limit", "1") == ["listed-later"]
    assert ids("--state", "succeeded", "--limit", "2") == ["listed-2", "listed-1"]
    assert ids("--kind", "test.sleep") == ["listed-later"]
    lines = on_fleet("list", "--tenant", "lister").out.splitlines()
    assert lines[0].split()[:4] == ["id", "kind", "tenant", "state"]
    assert lines[1].split()[:4] == ["listed-later", "test.sleep", "lister", "scheduled"]


def test_list_goes_on_behind_a_page(on_fleet: Cli, fleet: Fleet) -> None:
    for number in range(3):
        fleet.jobs.submit("test.sleep", {}, tenant="paged", job_id=f"paged-{number}", delay=3600)
    words = ("list", "--tenant", "paged", "--limit", "2")
    first = on_fleet(*words, "--json").document

    assert [each["id"] for each in first["jobs"]] == ["paged-2", "paged-1"]
    assert on_fleet(*words).out.splitlines()[-1] == f"go on: --cursor {first['cursor']}"
    rest = on_fleet(*words, "--cursor", first["cursor"], "--json").document
    assert ([each["id"] for each in rest["jobs"]], rest["cursor"], rest["complete"]) == (["paged-0"], None, True)


def test_rows_tell_what_a_job_is_about_and_nothing_more(on_fleet: Cli, fleet: Fleet) -> None:
    request = {"text": "a word for ada@example.com"}
    fleet.jobs.submit("test.sleep", request, tenant="rows", job_id="row-1", delay=3600)
    words = ("list", "--tenant", "rows", "--fields", "row")

    (row,) = on_fleet(*words, "--json").document["jobs"]
    assert (row["id"], row["subject"], "request" in row) == ("row-1", "a word for [masked-email]", False)
    assert "a word for [masked-email]" in on_fleet(*words).out


def test_a_record_that_cannot_be_read_is_listed_and_shown_with_the_reason(on_fleet: Cli, fleet: Fleet) -> None:
    fleet.jobs.submit("test.echo", {}, tenant="by-hand").result(PATIENCE_S)
    broken = fleet.jobs.submit("test.echo", {}, tenant="by-hand")
    broken.result(PATIENCE_S)
    fleet.redis.hset(fleet.board.keys.job(broken.id), "request", b"[" * 250)

    listed, shown = on_fleet("list", "--tenant", "by-hand"), on_fleet("show", broken.id)
    assert listed.out.count("succeeded") == 2
    assert "UNREADABLE: request cannot be read: recursion limit exceeded" in listed.out
    assert "cannot be read" in shown.out
    told = {
        each["id"]: each["unreadable"] for each in on_fleet("list", "--tenant", "by-hand", "--json").document["jobs"]
    }
    assert told.pop(broken.id)["request"]["text"] == "[" * 200
    assert [*told.values()] == [{}]


def test_an_empty_list_says_so(on_fleet: Cli) -> None:
    assert on_fleet("list", "--tenant", "nobody", "--json").document["jobs"] == []
    assert "no jobs fit" in on_fleet("list", "--tenant", "nobody").out


def waiting(fleet: Fleet, job: Job) -> Job:
    eventually(lambda: fleet.board.state(job.id) == "waiting", what=f"{job.id} to wait")
    return job


def test_show_tells_what_is_asked_and_how_to_answer(on_fleet: Cli, fleet: Fleet) -> None:
    job = waiting(fleet, fleet.jobs.submit("test.approval", {"text": "order 10003"}))
    shown, document = on_fleet("show", job.id).out, on_fleet("show", job.id, "--json").document

    assert "approval refund: May order 10003 be refunded? (59 min left, then: deny)" in shown
    for line in ("order: 10003", "cents: 1250", f"backdesk approve {job.id}", f"backdesk deny {job.id}"):
        assert f"    {line}\n" in shown
    assert document["asks"][0]["facts"] == {"order": 10003, "cents": 1250}


@pytest.mark.parametrize(
    ("kind", "text", "commands"),
    [
        ("test.question", "tea it's", ["answer ID tea", "answer ID 'it'\"'\"'s'"]),
        ("test.question", "free", ['answer ID "YOUR ANSWER"']),
        ("test.two_approvals", "", ["approve ID --ask first", "deny ID --ask second"]),
    ],
)
def test_the_commands_shown_are_those_that_answer(
    kind: str, text: str, commands: list[str], on_fleet: Cli, fleet: Fleet
) -> None:
    job = waiting(fleet, fleet.jobs.submit(kind, {"text": text}))
    shown = on_fleet("show", job.id).out

    for command in commands:
        assert f"    backdesk {command.replace('ID', job.id)}\n" in shown


def test_show_names_the_family(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.parent", {})
    job.result(PATIENCE_S)
    (child,) = on_fleet("show", job.id, "--json").document["children"]

    assert f"child     {child}\n" in on_fleet("show", job.id).out
    assert f"parent    {job.id}\n" in on_fleet("show", child).out


def test_show_lists_the_attempts_and_how_many_may_fail(on_fleet: Cli, fleet: Fleet) -> None:
    limits: dict[str, Any] = {"timeout": 30, "start_by": 600, "expires": 3600}
    job = fleet.jobs.submit("test.busy", {"n": 9}, retry={"attempts": 3, "base_s": 0.01}, **limits)
    assert on_fleet("watch", job.id).code == 1
    shown = on_fleet("show", job.id).out
    table = shown[shown.index("attempt  worker") :].splitlines()[1:4]

    assert [line.split()[0] for line in table] == ["1", "2", "3"]
    assert all(line.split()[2:4] == ["failed", "busy"] for line in table)
    for told in ("3 of 3 allowed", "rate_limit, severity medium, transient", "BD-", "30 s for an attempt"):
        assert told in shown
    assert "begins by" in shown
    assert "done by" in shown


def test_an_answer_of_a_fallback_is_clearly_marked(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.guess", {})
    watched, shown = on_fleet("watch", job.id), on_fleet("show", job.id)
    listed = on_fleet("list", "--kind", "test.guess")

    assert watched.code == 0
    assert "DEGRADED, by a fallback, after [model_down] nobody is there" in watched.out
    for answer in (watched, shown, listed):
        assert "a fallback answered in place of [model_down] nobody is there" in answer.out


def test_a_list_of_waiting_jobs_tells_what_each_asks(on_fleet: Cli, fleet: Fleet) -> None:
    job = waiting(fleet, fleet.jobs.submit("test.question", {"text": "free"}, tenant="asker"))
    header, line, ask = on_fleet("list", "--state", "waiting", "--tenant", "asker").out.splitlines()

    assert header.startswith("id ")
    assert line.startswith(job.id)
    assert ask == "  question what: What shall it be?"


def test_a_narrow_list_has_fewer_columns_and_whole_ids(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {}, tenant="narrow")
    job.result(PATIENCE_S)
    out = Output(as_json=False)
    out.console = Console(file=io.StringIO(), width=75)
    show_jobs([job.get()], out)

    assert isinstance(out.console.file, io.StringIO)
    header, line = out.console.file.getvalue().splitlines()
    assert header.split() == ["id", "kind", "state", "attempt", "age"]
    assert line.split()[:3] == [job.id, "test.echo", "succeeded"]


def test_kinds_lists_what_is_announced_and_no_sample_that_is_only_installed(on_fleet: Cli, announced: Announce) -> None:
    announced(KindContract.of("test.left", "agents", Text, Text))
    kinds = {kind["kind"]: kind for kind in on_fleet("kinds", "--json").document}
    shown = on_fleet("kinds").out

    assert kinds["test.echo"]["workers"] > 0
    assert kinds["test.echo"]["queue"] == "agents"
    assert "support.request" not in kinds
    assert kinds["test.left"]["workers"] == 0
    assert "test.tool  in queue tools\n" in shown
    assert "test.left  in queue agents (no live worker runs it)" in shown


def test_before_the_first_worker_kinds_says_how_to_start_one(cli: Cli, redis_server: EmbeddedRedis) -> None:
    assert "no worker has announced a kind yet; start one" in cli("kinds", url=redis_server.url).out
    error = cli("submit", "support.request", "--message", "hi", "--json", url=redis_server.url).document["error"]
    assert (error["code"], "none has announced any kind so far" in error["message"]) == ("unknown_kind", True)


def test_kinds_of_one_kind_shows_its_fields_and_schemas(on_fleet: Cli, announced: Announce) -> None:
    announced(KindContract.of("orders.audit", "tools", KINDS["orders.audit"].request, KINDS["orders.audit"].result))
    document, shown = on_fleet("kinds", "test.echo", "--json").document, on_fleet("kinds", "orders.audit").out

    assert document["description"] == "Give back what was asked."
    assert document["request_schema"]["properties"]["text"]["type"] == "string"
    assert document["result_schema"]["title"] == "Text"
    assert "--orders-per-chunk" in shown
    assert "Orders read in one transaction." in shown
    unknown = on_fleet("kinds", "test.nothing", "--json")
    assert (unknown.code, unknown.document["error"]["code"]) == (2, "unknown_kind")


class _Slip(BaseModel):
    order: int = Field(description="The number of the order.")
    reason: str | None = None


def test_kinds_of_one_kind_shows_what_its_result_has_and_the_fields_of_a_structured_answer(
    on_fleet: Cli, announced: Announce
) -> None:
    announced(KindContract.of("demo.return", "agents", AgentRequest, AgentResult[_Slip]))
    told = on_fleet("kinds", "demo.return").out
    rows = {line.split()[0]: line.split()[1:] for line in told.partition("  result")[2].splitlines() if line.strip()}
    assert rows["answer"][:1] == ["string"]
    assert rows["output"][:1] == ["object"]
    assert rows["output.order"][:3] == ["integer", "The", "number"]
    assert rows["output.reason"] == ["string"]


@pytest.fixture
def slow_tenant(fleet: Fleet) -> Iterator[str]:
    """A tenant whose jobs begin once an hour."""
    fleet.jobs.tenants.set("slow", rate="1/h")
    yield "slow"
    for record in fleet.jobs.list(tenant="slow", state=JobState.QUEUED):
        fleet.jobs.cancel(record.id)
    fleet.jobs.tenants.remove("slow")


def test_a_job_that_a_limit_holds_is_shown_as_limited_with_the_moment(on_fleet: Cli, slow_tenant: str) -> None:
    words = ["submit", "test.echo", "--text", "x", "--tenant", slow_tenant, "--json"]
    on_fleet(*words)
    ids = [on_fleet(*words).document["job_id"] for _ in range(2)]
    listed = on_fleet("list", "--tenant", slow_tenant).out.splitlines()

    assert [line.split()[3] for line in listed if line.startswith(ids[1])] == ["limited"]
    assert re.search(r"by the rate of tenant slow, until \d\d:\d\d:\d\d, in 1 h, 1 of its", "\n".join(listed))
    assert "limited" in on_fleet("show", ids[0]).out
    record = on_fleet("show", ids[0], "--json").document
    assert (record["state"], record["ahead"]) == ("queued", 0)
    assert (record["limited"]["scope"], record["limited"]["reason"]) == ("tenant slow", "rate")
    watched = on_fleet("watch", ids[0], "--for", "0.1")
    assert watched.code == 4
    assert watched.out.startswith("limited: by the rate of tenant slow, until ")
    assert {each["id"] for each in on_fleet("list", "--state", "queued", "--json").document["jobs"]} >= {*ids}
