"""`backdesk dead`: look at dead letters, do them again, forget them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backdesk.worker.failure import Failure
from tests.cli.conftest import Cli, environment, written_to
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.workers import Fleet


@pytest.fixture
def tenant(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[str]:
    """A tenant of this test alone, so that filters find its jobs and no other's."""
    name = f"t{abs(hash(request.node.name)) % 10**9}"
    yield name
    fleet.jobs.dead.drop([record.id for record in fleet.jobs.dead.list(tenant=name, all=True, limit=1000)])


def die(fleet: Fleet, tenant: str, count: int = 1, **options: Any) -> list[str]:
    jobs = fleet.jobs.submit_many("test.end", [{"text": "task_error"}] * count, tenant=tenant, **options)
    for job in jobs:
        eventually(lambda job_id=job.id: fleet.board.state(job_id) == "failed")  # type: ignore[misc]  # a default binds it
    return [job.id for job in jobs]


def test_dead_letters_are_listed_with_their_errors(on_fleet: Cli, fleet: Fleet, tenant: str) -> None:
    (dead,) = die(fleet, tenant)
    filters = ["--tenant", tenant, "--kind", "test.end", "--code", "no_stock", "--since", "1h"]
    listed = on_fleet("dead", "list", *filters, "--category", "unknown").out.splitlines()

    assert listed[1].startswith(dead)
    assert listed[2] == "  [no_stock] there is none left"
    assert [record["id"] for record in on_fleet("dead", "list", *filters, "--json").document["jobs"]] == [dead]
    assert on_fleet("dead", "list", *filters, "--category", "network").out == "no dead letters fit\n"


def test_show_tells_why_and_what_was_finished(on_fleet: Cli, fleet: Fleet, tmp_path: Path) -> None:
    job = fleet.jobs.submit("test.stepwise", {"n": 1, "flag": str(tmp_path / "flag")}, metadata={"ticket": 7})
    eventually(lambda: job.get().done)
    shown, document = on_fleet("dead", "show", job.id), on_fleet("dead", "show", job.id, "--json").document
    squeezed = " ".join(shown.out.split())

    assert "[broken] the second step cannot be done" in squeezed
    assert "step first done idempotent" in squeezed
    assert '"ticket": 7' in squeezed
    assert "started attempt 1 by agents-1@test" in squeezed
    assert f"do it again: backdesk dead replay {job.id}" in squeezed
    assert document["memory"][0]["key"] == "first"
    assert [event["type"] for event in document["log"]] == ["queued", "started", "step", "failed"]


def test_show_of_another_job_says_where_to_look(on_fleet: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {})
    job.result(PATIENCE_S)
    answer = on_fleet("dead", "show", job.id)

    assert answer.code == 2
    assert f"no dead letter; see it with: backdesk show {job.id}" in answer.err


@pytest.mark.parametrize(("begin", "words"), [("checkpoint", "first second"), ("start", "first first second")])
def test_a_replay_goes_on_from_the_checkpoint_or_from_the_start(
    begin: str, words: str, on_fleet: Cli, fleet: Fleet, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    job = fleet.jobs.submit("test.stepwise", {"n": 1, "flag": str(flag)})
    eventually(lambda: job.get().done)
    (tmp_path / "flag.mended").touch()
    document = on_fleet("dead", "replay", job.id, "--from", begin, "--json").document

    assert (document["origin"], document["created"]) == (job.id, True)
    fleet.jobs.result(document["job_id"], PATIENCE_S)
    assert flag.read_text().split() == words.split()
    assert f"replayed as  {document['job_id']}" in on_fleet("show", job.id).out
    assert job.id in on_fleet("show", document["job_id"]).out
    again = on_fleet("dead", "replay", job.id)
    assert again.out == f"was replayed before: {job.id} as {document['job_id']}\n"


def test_a_replay_may_have_another_request(on_fleet: Cli, fleet: Fleet, tenant: str, home: Path) -> None:
    (dead,) = die(fleet, tenant)
    (home / "mended.json").write_text('{"text": "exception"}')
    refused = on_fleet("dead", "replay", dead, "--request", '{"text": 5}', "--json")
    answer = on_fleet("dead", "replay", dead, "--request", "@mended.json", "--json")

    assert (refused.code, list(refused.document["error"]["fields"])) == (2, ["text"])
    assert fleet.jobs.get(answer.document["job_id"]).request == {"text": "exception"}


def test_what_filters_find_is_replayed_once(on_fleet: Cli, fleet: Fleet, tenant: str) -> None:
    dead = die(fleet, tenant, 3)
    answer = on_fleet("dead", "replay", "--tenant", tenant, "--json")

    assert answer.code == 0
    assert sorted(document["origin"] for document in answer.documents) == sorted(dead)
    assert all(fleet.jobs.get(document["job_id"]).origin == document["origin"] for document in answer.documents)
    assert not {*dead} & {record.id for record in fleet.jobs.dead.list(tenant=tenant)}


def test_a_replay_that_is_refused_holds_up_no_other(on_fleet: Cli, fleet: Fleet, tenant: str) -> None:
    (dead,) = die(fleet, tenant)
    failure = Failure(code="invalid_request", message="is no JSON")
    fleet.board.run(fleet.board.transitions.reject(f"{tenant}-rejected", "test.echo", tenant, failure))
    answer = on_fleet("dead", "replay", f"{tenant}-rejected", dead, "--json")
    refused, done = answer.documents

    assert answer.code == 2
    assert refused["error"]["code"] == "not_replayable"
    assert "there is no request to repeat; give one" in refused["error"]["message"]
    assert done["origin"] == dead


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["replay"], "say which: give ids, or a filter"),
        (["drop"], "say which: give ids, or a filter"),
        (["drop", "a", "--kind", "b"], "not both"),
        (["replay", "--kind", "test.end", "--request", "{}"], "--request is for one job"),
        (["replay", "a", "--from", "middle"], "'checkpoint', 'start'"),
        (["list", "--since", "soon"], "neither a length of time"),
        (["list", "--category", "bad"], "'validation'"),
        (["show", "never-there"], "no job 'never-there'"),
        (["replay", "never-there"], "no job 'never-there'"),
    ],
)
def test_bad_usage_is_one_sentence(words: list[str], sentence: str, on_fleet: Cli) -> None:
    answer = on_fleet("dead", *words)

    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert sentence in answer.err


def test_dropped_dead_letters_are_gone(on_fleet: Cli, fleet: Fleet, tenant: str) -> None:
    first, *rest = die(fleet, tenant, 3)

    assert on_fleet("dead", "drop", first, "never-there", "--json").document == {"dropped": 1}
    assert on_fleet("dead", "drop", "--tenant", tenant).out == "dropped 2\n"
    assert on_fleet("show", rest[0]).code == 2


def test_replayed_ones_are_dropped_only_when_that_is_said(on_fleet: Cli, fleet: Fleet, tenant: str) -> None:
    (dead,) = die(fleet, tenant)
    replay = fleet.jobs.dead.replay(dead)
    eventually(lambda: replay.get().done)

    assert on_fleet("dead", "drop", "--tenant", tenant, "--json").document == {"dropped": 1}
    assert fleet.jobs.get(dead).replayed_as == replay.id
    assert on_fleet("dead", "drop", "--tenant", tenant, "--all", "--json").document == {"dropped": 1}


def test_at_a_terminal_a_bulk_command_asks_first(fleet: Fleet, tenant: str, tmp_path: Path) -> None:
    die(fleet, tenant, 2)
    code, screen = typed(fleet, tmp_path, "n\n", "dead", "drop", "--tenant", tenant)
    assert (code, "Drop 2 dead letters? [y/N]" in screen, "nothing was done" in screen) == (1, True, True)
    code, screen = typed(fleet, tmp_path, "y\n", "dead", "replay", "--tenant", tenant)
    assert (code, "Replay 2 dead letters? [y/N]" in screen, "replayed 2 of 2" in screen) == (0, True, True)
    code, screen = typed(fleet, tmp_path, "", "dead", "drop", "--tenant", tenant, "--all", "--yes")
    assert (code, "[y/N]" in screen) == (0, False)


def typed(fleet: Fleet, folder: Path, text: str, *words: str) -> tuple[int, str]:
    """Run a command at a terminal at which somebody types; returns its exit code and what it wrote."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "backdesk.cli", *words]
    env = environment(BACKDESK_REDIS_URL=fleet.url, TERM="xterm")
    process = subprocess.Popen(command, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, text.encode())
    screen = written_to(ours)
    return process.wait(PATIENCE_S), " ".join(screen.split())


def test_json_can_be_asked_for_before_any_of_the_words(cli: Cli, fleet: Fleet) -> None:
    words = [["--json", "dead", "list"], ["dead", "--json", "list"], ["dead", "list", "--json"]]
    documents = [cli(*each, "--tenant", "nobody", url=fleet.url).document for each in words]

    assert [each["jobs"] for each in documents] == [[], [], []]
