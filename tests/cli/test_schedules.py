"""`backdesk schedules`: jobs that are submitted again and again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.workers import Fleet


@pytest.fixture
def name(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a schedule of this test alone."""
    made = f"s{abs(hash(request.node.name)) % 10**9}"
    yield made
    fleet.jobs.schedules.remove(made)


NIGHTLY = ["--cron", "30 3 * * MON-FRI", "--timezone", "Europe/Berlin"]


def test_a_schedule_is_added_once(on_fleet: Cli, name: str) -> None:
    added = on_fleet("schedules", "add", name, "test.echo", *NIGHTLY)

    assert added.code == 0
    assert added.out.splitlines()[0] == f"added {name}"
    assert "03:30:00 CE" in added.out.splitlines()[1]
    assert on_fleet("schedules", "add", name, "test.echo", *NIGHTLY).out.startswith(f"unchanged: {name}\n")


def test_another_definition_needs_to_be_meant(on_fleet: Cli, name: str) -> None:
    on_fleet("schedules", "add", name, "test.echo", *NIGHTLY)
    refused = on_fleet("schedules", "add", name, "test.echo", "--every", "1h", "--json")
    replaced = on_fleet("schedules", "add", name, "test.echo", "--every", "1h", "--replace")

    assert (refused.code, refused.document["error"]["code"]) == (2, "schedule_exists")
    assert replaced.out.startswith(f"replaced {name}\n")


def test_everything_about_it_can_be_said(on_fleet: Cli, name: str, home: Path) -> None:
    (home / "request.json").write_text('{"text": "from a file"}')
    options = [
        "--request",
        "@request.json",
        "--tenant",
        "acme",
        "--priority",
        "7",
        "--timeout",
        "5m",
        "--expires",
        "1h",
        "--slots",
        "2",
    ]
    options += ["--start-within", "10m", "--attempts", "3", "--metadata", '{"team": "x"}', "--missed", "skip"]
    options += ["--overlap", "skip", "--starts", "2026-01-01T09:00", "--ends", "2099-01-01", "--paused"]
    document = on_fleet("schedules", "add", name, "test.echo", *NIGHTLY, *options, "--json").document

    expected = {
        "added": True,
        "replaced": False,
        "name": name,
        "kind": "test.echo",
        "request": {"text": "from a file"},
        "cron": "30 3 * * MON-FRI",
        "timezone": "Europe/Berlin",
        "tenant": "acme",
        "priority": 7,
        "timeout_s": 300,
        "expires_s": 3600,
        "start_by_s": 600,
        "slots": 2,
        "metadata": {"team": "x"},
        "missed": "skip",
        "overlap": "skip",
        "starts": "2026-01-01T08:00:00Z",
        "paused": True,
        "fired": 0,
        "last_job": None,
    }
    assert {key: document[key] for key in expected} == expected
    assert document["retry"]["attempts"] == 3
    shown = " ".join(on_fleet("schedules", "show", name).out.split())
    for words in ("next paused", "time-out 5 min", "begins within 10 min", "done within 1 h", "3 attempts may fail"):
        assert words in shown
    assert '"text": "from a file"' in shown


@pytest.mark.parametrize(
    ("words", "field", "reason"),
    [
        ([], "cron", "give either a cron expression or an interval"),
        (["--cron", "61 * * * *"], "cron", "its minute cannot be read"),
        (["--cron", "0 9 * *"], "cron", "has 4 fields"),
        (["--cron", "@daily", "--timezone", "Mars/Olympus"], "timezone", "is not known"),
        (["--every", "0"], "every", "between one second and ten years"),
        (["--every", "500ms"], "every", "is no length of time"),
        (["--every=-5m"], "every", "is no length of time"),
        (["--every", "1h", "--starts", "soon"], "starts", "is no moment"),
        (["--every", "1h", "--ends", "2020-01-01"], "ends", "it would never fire"),
        (["--every", "1h", "--missed", "twice"], "missed", "must be one of once, skip"),
        (["--every", "1h", "--overlap", "queue"], "overlap", "must be one of allow, skip"),
        (["--every", "1h", "--expires", "2030-01-01"], "expires", "is no length of time"),
        (["--every", "1h", "--request", '{"text": 5}'], "text", "string"),
        (["--every", "1h", "--request", "@nowhere.json"], "request", "nowhere.json cannot be read"),
        (["--every", "1h", "--priority", "10"], "priority", "from 0 to 9"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(
    words: list[str], field: str, reason: str, on_fleet: Cli, name: str
) -> None:
    answer = on_fleet("schedules", "add", name, "test.echo", *words, "--json")

    assert (answer.code, list(answer.document["error"]["fields"])) == (2, [field])
    assert reason in answer.document["error"]["message"]
    assert on_fleet("schedules", "show", name).code == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["add", "x", "no.such.kind", "--every", "1h"], "no worker has announced 'no.such.kind' yet"),
        (["add", "two words", "test.echo", "--every", "1h"], "name: 'two words' must be"),
        (["show", "nope"], "no schedule 'nope'"),
        (["pause", "nope"], "no schedule 'nope'"),
        (["resume", "nope"], "no schedule 'nope'"),
        (["remove", "nope"], "no schedule 'nope'"),
        (["run", "nope"], "no schedule 'nope'"),
    ],
)
def test_bad_usage_is_one_sentence(words: list[str], sentence: str, on_fleet: Cli) -> None:
    answer = on_fleet("schedules", *words)

    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert sentence in answer.err


def test_the_list_tells_when_each_fires_and_what_became_of_the_last_job(on_fleet: Cli, fleet: Fleet, name: str) -> None:
    on_fleet("schedules", "add", name, "test.echo", "--every", "1s", "--tenant", name)
    eventually(lambda: fleet.jobs.schedules.get(name).last_state == "succeeded", what="the end of a job")
    on_fleet("schedules", "pause", name)
    record = fleet.jobs.schedules.get(name)
    listed = on_fleet("schedules", "list", "--tenant", name)
    header, row, notes = listed.out.splitlines()

    assert header.split() == ["name", "kind", "tenant", "next", "last"]
    assert row.split()[:5] == [name, "test.echo", name, "paused", "succeeded"]
    assert notes.startswith(f"  every 1 s; last job {record.last_job}")
    (document,) = on_fleet("schedules", "list", "--tenant", name, "--json").document
    assert (document["name"], document["last_job"], document["paused"]) == (name, record.last_job, True)
    assert datetime.fromisoformat(document["next_at"]) == record.next_at


def test_where_there_is_no_schedule_the_list_says_how_to_add_one(on_fleet: Cli) -> None:
    answer = on_fleet("schedules", "list", "--tenant", "nobody")

    assert answer.out == "no schedules; add one with: backdesk schedules add NAME KIND --every 1h\n"


def test_a_firing_that_is_refused_is_shown(on_fleet: Cli, fleet: Fleet, name: str) -> None:
    on_fleet("schedules", "add", name, "test.echo", "--every", "1s", "--tenant", name, "--paused")
    definition = fleet.redis.hget(fleet.board.keys.schedules, name)
    assert isinstance(definition, bytes)
    changed = definition.replace(b"test.echo", b"test.gone")
    fleet.redis.hset(fleet.board.keys.schedules, name, changed)
    on_fleet("schedules", "resume", name)
    eventually(lambda: fleet.jobs.schedules.get(name).error, what="a firing that is refused")

    assert "\n  kind: no worker has announced 'test.gone' yet" in on_fleet("schedules", "list", "--tenant", name).out
    shown = " ".join(on_fleet("schedules", "show", name).out.split())
    assert "error kind: no worker has announced 'test.gone' yet" in shown
    assert "refused" in shown


def test_it_is_paused_resumed_and_removed(on_fleet: Cli, name: str) -> None:
    on_fleet("schedules", "add", name, "test.echo", *NIGHTLY)

    assert on_fleet("schedules", "pause", name).out == f"paused {name}\n"
    assert on_fleet("schedules", "show", name, "--json").document["paused"]
    assert on_fleet("schedules", "resume", name).out.startswith(f"resumed {name}\nnext: 2")
    assert not on_fleet("schedules", "show", name, "--json").document["paused"]
    assert on_fleet("schedules", "remove", name, "--json").document == {"removed": name}
    assert on_fleet("schedules", "remove", name).code == 2


def test_it_is_run_out_of_turn(on_fleet: Cli, fleet: Fleet, name: str) -> None:
    on_fleet("schedules", "add", name, "test.echo", *NIGHTLY, "--request", '{"text": "now"}')
    answer = on_fleet("schedules", "run", name, "--json")

    assert fleet.jobs.result(answer.document["job_id"], PATIENCE_S) == {"text": "now"}
    assert on_fleet("schedules", "run", name).out.startswith("submitted ")
