"""`backdesk approve`, `deny`, `answer` and `resolve`: a person decides, and the job goes on."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from backdesk.cli.options.login import login_name
from backdesk.client import Job
from tests.cli.conftest import Cli, begin, finish
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.workers import Fleet


def waiting(fleet: Fleet, kind: str, request: dict[str, Any], **options: Any) -> Job:
    job = fleet.jobs.submit(kind, request, **options)
    eventually(lambda: fleet.board.state(job.id) == "waiting", what=f"{kind} to wait")
    return job


@pytest.mark.parametrize(("command", "approved", "told"), [("approve", True, "approved"), ("deny", False, "denied")])
def test_an_approval_is_given_or_refused(command: str, approved: bool, told: str, on_fleet: Cli, fleet: Fleet) -> None:
    job = waiting(fleet, "test.approval", {})
    answer = on_fleet(command, job.id, "--by", "kim", "--note", "seen the invoice")

    assert answer.code == 0
    assert answer.out.splitlines() == [f"{told} {job.id}", f"follow it: backdesk watch {job.id}"]
    assert job.result(PATIENCE_S) == {"value": [approved, "kim", "seen the invoice"]}


def test_whoever_is_logged_in_says_so(on_fleet: Cli, fleet: Fleet) -> None:
    job = waiting(fleet, "test.approval", {})
    document = on_fleet("approve", job.id, "--json").document

    assert document == {"job_id": job.id, "answered": True, "by": getpass.getuser()}
    assert job.result(PATIENCE_S)["value"][1] == getpass.getuser()


def test_a_system_that_knows_no_login_name_is_no_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise OSError("no such user")

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert login_name() == ""


@pytest.mark.parametrize(("choices", "said"), [("tea coffee", "coffee"), ("free", "water, please")])
def test_a_question_is_answered_by_a_choice_or_in_words(choices: str, said: str, on_fleet: Cli, fleet: Fleet) -> None:
    job = waiting(fleet, "test.question", {"text": choices})

    assert on_fleet("answer", job.id, said).code == 0
    assert job.result(PATIENCE_S) == {"value": said}


def test_one_of_several_is_named(on_fleet: Cli, fleet: Fleet) -> None:
    job = waiting(fleet, "test.two_approvals", {})
    unclear = on_fleet("approve", job.id, "--json")

    assert (unclear.code, unclear.document["error"]["code"]) == (2, "ask_unknown")
    assert "approval 'first', approval 'second'" in unclear.document["error"]["message"]
    assert on_fleet("approve", job.id, "--ask", "second").code == 0
    assert on_fleet("approve", job.id).code == 0
    assert job.result(PATIENCE_S) == {"value": "both"}


def test_a_step_that_was_done_gets_its_result(on_fleet: Cli, fleet: Fleet, home: Path) -> None:
    (home / "result.json").write_text('"ch_7"')
    job = waiting(fleet, "test.unsafe", {})

    assert on_fleet("resolve", job.id, "done", "--result", "@result.json").code == 0
    assert job.result(PATIENCE_S) == {"value": "ch_7"}


def test_a_step_is_repeated(on_fleet: Cli, fleet: Fleet, tmp_path: Path) -> None:
    flag = tmp_path / "line-is-back"
    job = waiting(fleet, "test.unsafe", {"flag": str(flag)})
    flag.touch()

    assert on_fleet("resolve", job.id, "repeat").code == 0
    assert job.result(PATIENCE_S) == {"value": "charged at last"}


def test_a_step_that_failed_ends_the_job(on_fleet: Cli, fleet: Fleet) -> None:
    job = waiting(fleet, "test.unsafe", {})

    assert on_fleet("resolve", job.id, "fail", "--by", "kim", "--note", "no money").code == 0
    shown = on_fleet("dead", "show", job.id).out
    assert "[step_failed] step 'charge' was declared failed by kim: no money" in shown
    assert "unknown" in shown


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["approve"], "ask_unknown", "it waits for question 'what'"),
        (["answer", "milk"], "invalid_request", "none of the choices: tea, coffee"),
        (["resolve", "maybe"], "invalid_request", "must be one of done, repeat, fail"),
        (["resolve", "repeat", "--result", "1"], "invalid_request", "goes with 'done'"),
        (["resolve", "done", "--result", "{broken"], "invalid_request", "is no JSON"),
    ],
)
def test_what_cannot_be_an_answer_is_refused(
    words: list[str], code: str, sentence: str, on_fleet: Cli, fleet: Fleet
) -> None:
    job = waiting(fleet, "test.question", {"text": "tea coffee"})
    answer = on_fleet(words[0], job.id, *words[1:], "--json")

    assert (answer.code, answer.document["error"]["code"]) == (2, code)
    assert sentence in answer.document["error"]["message"]
    fleet.jobs.cancel(job.id)


def test_a_job_that_waits_for_nobody_says_where_it_is(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {})
    job.result(PATIENCE_S)
    answer = on_fleet("approve", job.id)

    assert answer.code == 2
    assert f"job {job.id} is succeeded; only a job that waits can be answered" in answer.err


def test_a_watch_stays_through_the_wait_and_tells_the_answer(fleet: Fleet, tmp_path: Path) -> None:
    words = ["submit", "test.approval", "--text", "order 7", "--watch", "--job-id", "watched-through"]
    process = begin(*words, cwd=tmp_path, BACKDESK_REDIS_URL=fleet.url)
    eventually(
        lambda: (
            fleet.redis.exists(fleet.board.keys.job("watched-through"))
            and fleet.board.state("watched-through") == "waiting"
        )
    )
    fleet.jobs.approve("watched-through", by="kim", note="fine")
    answer = finish(process)
    lines = [line.split(maxsplit=1)[1] for line in answer.out.splitlines()[1:8]]

    assert answer.code == 0
    assert [line.split()[0] for line in lines] == [
        *("queued", "started", "waiting", "answered", "queued", "started", "succeeded")
    ]
    assert lines[2].split(maxsplit=1)[1] == (
        "for approval refund: May order 7 be refunded? → backdesk approve|deny watched-through"
    )
    assert lines[3].split(maxsplit=1)[1] == "refund: approve by kim (fine)"
    assert lines[4].endswith(", resumed")
