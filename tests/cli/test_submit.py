"""`backdesk submit`: fields and options in, a job out, refusals with the field and the reason."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.retry import RetryPolicy
from tests.cli.conftest import Announce, Cli
from tests.support.eventually import PATIENCE_S
from tests.support.kinds import Text
from tests.support.workers import Fleet


def test_fields_are_options_and_the_job_runs(on_fleet: Cli, fleet: Fleet) -> None:
    answer = on_fleet("submit", "test.echo", "--text", "grüße", "--json")

    assert answer.code == 0
    assert answer.document["created"] is True
    assert fleet.jobs.result(answer.document["job_id"], PATIENCE_S) == {"text": "grüße"}


def test_files_are_attached_and_named_by_the_request(on_fleet: Cli, home: Path) -> None:
    (home / "log.txt").write_bytes(b"It broke.")
    more = ("--request", '{"message": "Look", "attachments": [{"url": "https://example.com/a.png"}]}')
    answer = on_fleet("submit", "test.talk", *more, "--attach", "log.txt", "--wait", "--json")
    assert [each["name"] for each in answer.document["request"]["attachments"][1:]] == ["log.txt"]
    assert answer.document["result"]["answer"].endswith(" It comes with log.txt, 9 bytes.")


def test_a_file_is_saved_for_a_person_and_overwrites_none(on_fleet: Cli, fleet: Fleet, home: Path) -> None:
    log = fleet.jobs.attachments.add(b"It burns.", "log.txt", tenant="acme").id or ""
    save = ("attachment", log, "--to", "copy.txt")
    assert on_fleet(*save, "--tenant", "acme").out == "saved copy.txt: text/plain, 9 bytes\n"
    assert (home / "copy.txt").read_bytes() == b"It burns."
    again, other = on_fleet(*save, "--tenant", "acme"), on_fleet(*save)
    assert (again.code, "copy.txt cannot be written: File exists" in again.err) == (2, True)
    assert (other.code, "'default' has no file att-" in other.err) == (2, True)


def test_a_kind_that_takes_no_files_is_given_none(on_fleet: Cli, home: Path) -> None:
    (home / "log.txt").write_bytes(b"It broke.")
    answer = on_fleet("submit", "test.echo", "--text", "x", "--attach", "log.txt")
    assert answer.code == 2
    assert "attach: test.echo takes no files: its request has no field attachments" in answer.err


def test_people_are_told_how_to_follow_it(on_fleet: Cli) -> None:
    answer = on_fleet("submit", "test.echo", "--job-id", "to-follow")

    assert answer.out.splitlines() == ["submitted to-follow", "follow it: backdesk watch to-follow"]


def test_a_job_that_no_live_worker_can_run_says_so(on_fleet: Cli, announced: Announce) -> None:
    announced(KindContract.of("test.left", "agents", Text, Text))
    told = "no live worker runs this kind; start one: BACKDESK_TASK_MODULES=… backdesk worker agents"
    answer = on_fleet("submit", "test.left", "--json", "--job-id", "left")

    assert (answer.code, answer.document["warning"]) == (0, told)
    assert answer.err.strip() == f"it waits: {told}"
    assert told in on_fleet("show", "left").out
    assert told in on_fleet("list", "--kind", "test.left").out
    assert on_fleet("submit", "test.echo", "--json").document["warning"] is None
    on_fleet("cancel", "left")


def test_every_option_reaches_the_job(on_fleet: Cli, fleet: Fleet) -> None:
    before = datetime.now(UTC)
    options = ["--tenant", "acme", "--priority", "9", "--delay", "2h", "--expires", "1d", "--idempotency-key", "k1"]
    answer = on_fleet(
        "submit", "test.sleep", "--n", "0.5", *options, "--metadata", '{"from": "mail"}', "--job-id", "all-options"
    )
    record = fleet.jobs.get("all-options")

    assert answer.code == 0
    assert (record.tenant, record.priority, record.state) == ("acme", 9, "scheduled")
    assert (record.idempotency_key, record.metadata) == ("k1", {"from": "mail"})
    assert record.request["n"] == 0.5
    assert record.run_at is not None
    assert timedelta(0) <= record.run_at - before - timedelta(hours=2) < timedelta(minutes=1)
    assert record.expires_at is not None
    assert timedelta(0) <= record.expires_at - before - timedelta(days=1) < timedelta(minutes=1)


def test_limits_and_retries_reach_the_job(on_fleet: Cli, fleet: Fleet) -> None:
    before = datetime.now(UTC)
    moment = before.replace(microsecond=0) + timedelta(days=365)
    limits = [
        "--timeout",
        "90s",
        "--start-within",
        "1h",
        "--attempts",
        "7",
        "--retry",
        '{"base_s": 0.5, "jitter": false}',
        "--slots",
        "2",
    ]
    on_fleet("submit", "test.echo", *limits, "--job-id", "limited")
    on_fleet("submit", "test.echo", "--start-by", moment.isoformat(), "--attempts", "2", "--job-id", "limited-2")
    record, second = fleet.jobs.get("limited"), fleet.jobs.get("limited-2")

    assert (record.timeout_s, record.slots) == (90, 2)
    assert "takes 2 slots" in on_fleet("show", "limited").out
    assert record.retry == RetryPolicy(attempts=7, base_s=0.5, jitter=False)
    assert record.start_by is not None
    assert timedelta(0) <= record.start_by - before - timedelta(hours=1) < timedelta(minutes=1)
    assert (second.retry, second.start_by) == (RetryPolicy(attempts=2), moment)


def test_a_moment_postpones_it_too(on_fleet: Cli, fleet: Fleet) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)
    in_paris = moment.astimezone(timezone(timedelta(hours=1))).isoformat()
    on_fleet("submit", "test.echo", "--at", in_paris, "--job-id", "at-a-moment")

    assert fleet.jobs.get("at-a-moment").run_at == moment


def test_the_same_key_finds_the_same_job(on_fleet: Cli) -> None:
    words = ["submit", "test.echo", "--text", "once", "--idempotency-key", "only-once"]
    first, second = on_fleet(*words, "--json").document, on_fleet(*words, "--json").document

    assert second == {"job_id": first["job_id"], "created": False, "warning": None}
    assert on_fleet(*words, "--watch").code == 0
    conflict = on_fleet("submit", "test.echo", "--text", "other", "--idempotency-key", "only-once", "--json")
    assert (conflict.code, conflict.document["error"]["code"]) == (2, "idempotency_conflict")


@pytest.mark.parametrize("form", ["text", "file", "stdin"])
def test_a_whole_request_comes_as_text_from_a_file_or_from_standard_input(
    form: str, on_fleet: Cli, fleet: Fleet, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"text": f"by {form}"})
    (home / "request.json").write_text(body)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(body.encode())))
    source = {"text": body, "file": "@request.json", "stdin": "-"}[form]
    answer = on_fleet("submit", "test.echo", "--request", source, "--wait", "--json")

    assert answer.code == 0
    assert answer.document["result"] == {"text": f"by {form}"}


def test_waiting_gives_the_record(on_fleet: Cli) -> None:
    answer = on_fleet("submit", "test.echo", "--wait")

    assert answer.code == 0
    assert "succeeded in" in answer.out
    assert '"text": "hello"' in answer.out


@pytest.mark.parametrize("stay", [(), ("--wait",), ("--watch",)])
def test_a_key_whose_job_is_forgotten_is_said_to_be_used(on_fleet: Cli, fleet: Fleet, stay: tuple[str, ...]) -> None:
    key = f"used-up{''.join(stay)}"
    words = ("submit", "test.end", "--text", "task_error", "--idempotency-key", key, "--key-ttl", "1h")
    first = on_fleet(*words, "--wait", "--json").document["id"]
    fleet.jobs.dead.drop([first])
    answer = on_fleet(*words, *stay, "--json")

    assert (answer.code, answer.document["error"]["code"]) == (2, "job_forgotten")
    assert first in answer.document["error"]["message"]


def test_nothing_is_streamed_for_a_command_that_only_waits(on_fleet: Cli, fleet: Fleet) -> None:
    words = ("--text", "one two three", "--delay", "0.5", "--wait", "--job-id", "only-waits")
    answer = on_fleet("submit", "test.tokens", *words, "--json")

    assert (answer.code, answer.document["state"]) == (0, "succeeded")
    assert "token" not in {event.type for event in fleet.jobs.events("only-waits")}


def test_watching_shows_a_line_an_event_from_the_first_on(on_fleet: Cli) -> None:
    answer = on_fleet("submit", "test.tokens", "--text", "one two three", "--watch", "--job-id", "watched")
    lines = answer.out.splitlines()

    assert answer.code == 0
    assert lines[0] == "submitted watched"
    assert [line.split()[1] for line in lines[1:5]] == ["queued", "started", "token", "succeeded"]
    assert lines[3].endswith("one two three")


def test_watching_as_json_gives_an_object_a_line_without_a_gap(on_fleet: Cli) -> None:
    events = on_fleet("submit", "test.steps", "--n", "20", "--watch", "--json").documents

    assert [event["seq"] for event in events] == list(range(1, 24))
    assert [events[0]["type"], events[1]["type"], events[-1]["type"]] == ["queued", "started", "succeeded"]


def test_a_job_that_fails_is_exit_code_1(on_fleet: Cli) -> None:
    for stay in ("--watch", "--wait"):
        answer = on_fleet("submit", "test.end", "--text", "task_error", stay)

        assert answer.code == 1
        assert "[no_stock] there is none left" in answer.err

    failed = on_fleet("submit", "test.end", "--text", "task_error", "--wait", "--json")
    assert (failed.code, failed.document["error"]["code"]) == (1, "no_stock")


@pytest.mark.parametrize("stay", ["--watch", "--wait"])
def test_a_job_that_goes_on_for_longer_is_exit_code_4(stay: str, on_fleet: Cli) -> None:
    answer = on_fleet("submit", "test.echo", "--delay", "1h", stay, "--for", "0.2s")

    assert answer.code == 4
    assert "has no result after 0.2 s; it goes on" in answer.err


@pytest.mark.parametrize(
    ("words", "field", "reason"),
    [
        (["test.eco"], "kind", "no worker has announced 'test.eco' yet; did you mean test.echo"),
        (["nothing"], "kind", "start one, with the module of the kind in its BACKDESK_TASK_MODULES; announced are "),
        (["test.echo", "--txet", "hi"], "request", "--txet is no option and no field"),
        (["test.sleep", "--n", "long"], "n", "'long' is no number"),
        (["test.echo", "--request", '{"text": 5}'], "text", "is not of type 'string'"),
        (["test.echo", "--request", '{"other": 5}'], "other", "is no"),
        (["test.echo", "--request", "{broken"], "request", "is no JSON"),
        (["test.echo", "--request", "@missing.json"], "request", "missing.json cannot be read"),
        (["test.echo", "--request", "{}", "--text", "a"], "request", "not both"),
        (["test.echo", "--delay", "soon"], "delay", "no length of time"),
        (["test.echo", "--at", "soon"], "at", "no moment"),
        (["test.echo", "--expires", "never"], "expires", "neither"),
        (["test.echo", "--expires", "2001-01-01"], "expires", "in the past"),
        (["test.echo", "--for", "x"], "for", "no length of time"),
        (["test.echo", "--timeout", "x"], "timeout", "no length of time"),
        (["test.echo", "--timeout", "0"], "timeout", "must be more than nothing"),
        (["test.echo", "--slots", "1001"], "slots", "from 1 to 1000"),
        (["test.echo", "--start-by", "2001-01-01"], "start_by", "in the past"),
        (["test.echo", "--start-within", "soon"], "start_by", "neither"),
        (["test.echo", "--attempts", "0"], "retry.attempts", "greater than or equal to 1"),
        (["test.echo", "--retry", "[1]"], "retry", "must be a JSON object"),
        (["test.echo", "--retry", '{"base_s": -1}'], "retry.base_s", "greater than 0"),
        (["test.echo", "--retry", '{"wait": 1}'], "retry.wait", "not permitted"),
        (["test.echo", "--metadata", "[1]"], "metadata", "must be a JSON object"),
        (["test.echo", "--priority", "11"], "priority", "0 to 9"),
        (["test.echo", "--tenant", "a b"], "tenant", "letters, digits"),
        (["test.echo", "--job-id", ""], "job_id", "must not be empty"),
        (["test.echo", "--job-id", "a b"], "job_id", "letters, digits"),
        (["support.request"], "kind", "no worker has announced 'support.request' yet"),
    ],
)
def test_a_refusal_names_the_field_and_the_reason(words: list[str], field: str, reason: str, on_fleet: Cli) -> None:
    answer = on_fleet("submit", *words)
    error = on_fleet("submit", *words, "--json").document["error"]

    assert (answer.code, answer.out) == (2, "")
    assert f"Error: {field}: " in answer.err
    assert reason in error["fields"][field]


def test_the_help_of_a_kind_lists_its_fields(on_fleet: Cli, cli: Cli) -> None:
    assert "--n <number>" in on_fleet("submit", "test.sleep", "--help").out
    unknown, unreached = on_fleet("submit", "support.request", "--help"), cli("submit", "test.sleep", "--help")
    assert unknown.code == unreached.code == 0
    assert "The fields of support.request are not known: kind: no worker has announced" in unknown.err
    assert "The fields of test.sleep are not known: no Redis" in unreached.err


@pytest.fixture
def talk(request: pytest.FixtureRequest) -> str:
    """The name of a conversation, or a key, of this test alone."""
    return f"c{abs(hash(request.node.name)) % 10**9}"


def test_jobs_of_a_conversation_run_one_after_the_other(on_fleet: Cli, fleet: Fleet, talk: str) -> None:
    words = ["submit", "test.sleep", "--conversation", talk, "--tenant", "talker", "--json"]
    first = on_fleet(*words, "--n", "20").document["job_id"]
    second = on_fleet(*words, "--n", "0").document["job_id"]

    assert f"behind job {first} of its conversation" in on_fleet("list", "--tenant", "talker").out
    assert f"behind job {first} of its conversation" in on_fleet("show", second).out
    assert on_fleet("show", second, "--json").document["behind"] == first
    refused = on_fleet(*words, "--n", "0", "--when-busy", "reject")
    assert (refused.code, refused.document["error"]["code"]) == (2, "conversation_busy")
    assert first in refused.document["error"]["message"]
    interrupting = on_fleet(*words, "--n", "0", "--when-busy", "interrupt", "--wait")
    assert interrupting.document["state"] == "succeeded"
    assert fleet.jobs.get(first).state == "cancelled"


def test_a_conversation_is_one_thing_whichever_option_names_it(on_fleet: Cli, talk: str) -> None:
    words = ["submit", "test.chat", "--text", "hi", "--wait", "--json"]
    for option in ("--conversation", "--conversation-id"):
        record = on_fleet(*words, option, talk).document
        assert (record["conversation"], record["result"]["conversation_id"]) == (talk, talk)
    refused = on_fleet(*words, "--conversation", talk, "--conversation-id", "another").document["error"]
    assert refused["code"] == "invalid_request"
    assert "'another' in the request" in refused["fields"]["conversation_id"]


def test_a_key_may_last_only_while_its_job_goes_on(on_fleet: Cli, talk: str) -> None:
    words = ["submit", "test.echo", "--text", "x", "--idempotency-key", talk, "--key-while-active", "--wait", "--json"]

    assert on_fleet(*words).document["id"] != on_fleet(*words).document["id"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--when-busy", "reject"], "when_busy: is about a conversation_id; give one"),
        (["--conversation", "c", "--when-busy", "panic"], "must be one of enqueue, reject, interrupt"),
        (["--key-ttl", "10m"], "idempotency_ttl: is about an idempotency_key; give one"),
        (["--key-ttl", "soon", "--idempotency-key", "k"], "key_ttl: 'soon' is no length of time"),
        (["--key-while-active"], "idempotency_while_active: is about an idempotency_key; give one"),
    ],
)
def test_options_about_what_is_not_there_are_refused(on_fleet: Cli, words: list[str], reason: str) -> None:
    answer = on_fleet("submit", "test.echo", "--text", "x", *words)

    assert answer.code == 2
    assert reason in answer.err


def test_without_a_priority_a_job_has_its_tenants(on_fleet: Cli, fleet: Fleet) -> None:
    fleet.jobs.tenants.set("first-class", priority=8)
    words = ["submit", "test.echo", "--text", "x", "--tenant", "first-class", "--wait", "--json"]

    assert on_fleet(*words).document["priority"] == 8
    assert on_fleet(*words, "--priority", "2").document["priority"] == 2
    fleet.jobs.tenants.remove("first-class")


# A job for each line


def written(folder: Path, *lines: str) -> str:
    path = folder / "requests.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_each_line_of_a_file_is_a_job_and_a_repeat_makes_none(on_fleet: Cli, fleet: Fleet, tmp_path: Path) -> None:
    path = written(tmp_path, '{"text": "one"}', "", '{"text": "two"}')
    words = ["submit", "test.echo", "--each", path, "--batch", "lines", "--tenant", "acme"]
    told = on_fleet(*words, "--json").documents
    assert [(each["line"], each["created"]) for each in told] == [(1, True), (3, True)]
    assert [fleet.jobs.result(each["job_id"], PATIENCE_S) for each in told] == [{"text": "one"}, {"text": "two"}]
    assert fleet.jobs.get(told[0]["job_id"]).tenant == "acme"
    written(tmp_path, '{"text": "one"}', "", '{"text": "two"}', '{"text": "three"}')
    assert on_fleet(*words).out.splitlines() == ["submitted 1 of test.echo; 2 were there already"]


def test_lines_can_come_from_standard_input(on_fleet: Cli, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b'{"text": "piped"}\r\n')))
    (told,) = on_fleet("submit", "test.echo", "--each", "-", "--json").documents
    assert fleet.jobs.result(told["job_id"], PATIENCE_S) == {"text": "piped"}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (['{"text": "good"}', "", '{"text": 7}'], "line 3: text: "),
        (['{"text": "good"}', "{", "nonsense"], "line 3: is no JSON"),
        (['{"text": "good", "odd": 1}'], "line 1: odd: "),
        ([""], "has no lines: write one request a line, as JSON"),
    ],
)
def test_a_wrong_line_is_named_and_no_job_is_written(
    on_fleet: Cli, fleet: Fleet, tmp_path: Path, lines: list[str], reason: str
) -> None:
    before = fleet.jobs.list(limit=1)
    answer = on_fleet("submit", "test.echo", "--each", written(tmp_path, *lines), "--batch", "wrong")
    assert (answer.code, answer.out) == (2, "")
    assert reason in " ".join(answer.err.split())
    assert [job.id for job in fleet.jobs.list(limit=1)] == [job.id for job in before]


def test_another_file_under_the_name_of_a_batch_is_refused_with_the_line(
    on_fleet: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in ("JOBS_A_CALL", "CALLS_A_TRIP", "JOBS_A_TRIP"):
        monkeypatch.setattr(f"backdesk.client.operations.jobs.{size}", 1)
    words = ["submit", "test.echo", "--batch", "changed", "--each"]
    on_fleet(*words, written(tmp_path, '{"text": "one"}', '{"text": "two"}'))
    answer = on_fleet(*words, written(tmp_path, '{"text": "one"}', '{"text": "other"}'))
    assert answer.code == 2
    assert "line 2: the batch 'changed' has another request there" in " ".join(answer.err.split())
    assert "1 of 2 jobs are known to be written" in answer.err
    assert "writes the rest" not in answer.err  # it would be refused again


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--each", "missing.jsonl"], "missing.jsonl cannot be read: No such file"),
        (["--batch", "b"], "give their requests by --each FILE"),
        (["--for", "5m"], "for: is how long the command stays"),
        (["--each", "-", "--watch"], "watch: is for one job alone"),
        (["--each", "-", "--job-id", "one"], "job_id: is for one job alone"),
        (["--each", "-", "--request", "{}"], "request: is for one job alone"),
        (["--each", "-", "--text", "hello"], "--text cannot be given beside them"),
    ],
)
def test_what_does_not_go_together_is_refused(on_fleet: Cli, words: list[str], reason: str) -> None:
    answer = on_fleet("submit", "test.echo", *words)
    assert (answer.code, answer.out) == (2, "")
    assert reason in " ".join(answer.err.split())


def test_a_batch_that_broke_off_says_how_far_it_came_and_is_repeated(
    on_fleet: Cli, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.jobs.tenants.set("small", max_jobs=1100)
    path = written(tmp_path, *(f'{{"text": "{number}"}}' for number in range(1500)))
    words = ["submit", "test.echo", "--each", path, "--batch", "large", "--tenant", "small", "--delay", "1h"]
    answer = on_fleet(*words)
    assert answer.code == 2
    assert "1,000 of 1,500 jobs are known to be written; the same command again writes the rest" in answer.err
    fleet.jobs.tenants.set("small", max_jobs=2000)
    again = on_fleet(*words, "--json").documents
    assert len({each["job_id"] for each in again}) == len(again) == 1500
    assert sum(each["created"] for each in again) <= 500
    for each in again:
        fleet.jobs.cancel(each["job_id"])
