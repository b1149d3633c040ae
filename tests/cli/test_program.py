"""The command as a whole: its help, its errors, its exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backdesk.cli.errors import report_on
from backdesk.client.deployment import shown_url
from backdesk.worker.errors import NotPermitted, StoreFull, StoreUnavailable
from tests.cli.conftest import Cli, begin, environment, finish
from tests.support.eventually import PATIENCE_S
from tests.support.workers import Fleet

COMMANDS = [
    "demo",
    "up",
    "worker",
    "flower",
    "submit",
    "watch",
    "show",
    "list",
    "cancel",
    "kinds",
    "workers",
    "health",
    "doctor",
]
COMMANDS += ["approve", "deny", "answer", "resolve", "dead", "dead list", "dead show", "dead replay", "dead drop"]
COMMANDS += [f"schedules {word}" for word in ("add", "list", "show", "pause", "resume", "remove", "run")] + [
    "schedules"
]


COMMANDS += ["new", "new task"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_with_an_example_and_speaks_json(command: str, cli: Cli) -> None:
    answer = cli(*command.split(), "--help")

    assert answer.code == 0
    assert "For example:" in answer.out
    assert f"backdesk {command}" in answer.out.split("For example:")[1]
    assert "--json" in answer.out


def test_the_help_lists_the_commands_and_the_exit_codes(cli: Cli) -> None:
    answer = cli("--help")

    assert answer.code == 0
    assert all(command.split()[0] in answer.out for command in COMMANDS)
    assert "Exit codes: 0 success; 1 the job failed" in answer.out
    assert cli().out == answer.out


def test_the_version_is_told(cli: Cli) -> None:
    version = cli("--version").out.strip()

    assert version[0].isdigit()
    assert cli("--version", "--json").document == {"version": version}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nonsense"], "No such command 'nonsense'; see `backdesk --help`"),
        (["show"], "Missing argument 'ID'; see `backdesk show --help`"),
        (["list", "--limit", "0"], "Invalid value for '--limit'"),
        (["list", "--state", "lost"], "'scheduled', 'queued', 'running'"),
        (["submit", "--message", "hi"], "comes first"),
    ],
)
def test_bad_usage_is_one_sentence_and_exit_code_2(words: list[str], sentence: str, cli: Cli) -> None:
    answer = cli(*words)

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("Error: ")
    assert len(answer.err.splitlines()) == 1
    assert sentence in answer.err


def test_bad_usage_is_json_where_json_is_wished(cli: Cli) -> None:
    answer = cli("show", "--json")

    assert (answer.code, answer.err) == (2, "")
    assert answer.document["error"]["code"] == "usage"
    assert answer.document["error"]["fields"] == {}


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["show", "j"],
        ["watch", "j"],
        ["cancel", "j"],
        ["kinds"],
        ["dead", "list"],
        ["approve", "j"],
        ["dead", "replay", "j"],
        ["submit", "orders.audit", "--watch"],
    ],
)
def test_without_redis_every_command_says_what_it_tried_and_what_to_do(words: list[str], cli: Cli) -> None:
    answer = cli(*words)

    assert (answer.code, answer.out) == (3, "")
    assert len(answer.err.splitlines()) == 1
    assert "redis://127.0.0.1:1/0 (from BACKDESK_REDIS_URL)" in answer.err
    assert "start `backdesk up`, or set BACKDESK_REDIS_URL" in answer.err
    assert cli(*words, "--json").document["error"]["code"] == "no_connection"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreFull(90, 80), "store_full"),
        (NotPermitted("ada", ("GET backdesk:job:*",), "+get"), "not_permitted"),
        (StoreUnavailable("it is away"), "no_connection"),
    ],
)
def test_why_redis_serves_nobody_is_told_to_programs_by_a_code(error: StoreUnavailable, code: str) -> None:
    report = report_on(error)
    assert (report.exit_code, report.code, report.message) == (3, code, str(error))


def test_a_wrong_setting_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_LEASE_S", "soon")
    answer = cli("list")

    assert answer.code == 2
    assert "BACKDESK_LEASE_S" in answer.err


def test_a_password_is_never_shown(cli: Cli) -> None:
    assert shown_url("redis://me:secret@host:1/0") == "redis://me:***@host:1/0"
    assert shown_url("rediss://:secret@host:1/0?a=b") == "rediss://:***@host:1/0?a=b"
    answer = cli("list", url="redis://me:secret@127.0.0.1:1/0")

    assert "secret" not in answer.out + answer.err


def test_what_the_client_logs_is_a_warning_in_words(fleet: Fleet, tmp_path: Path) -> None:
    away = {"BACKDESK_REDIS_URL": fleet.url, "BACKDESK_ARCHIVE_URL": "postgresql://127.0.0.1:1/nowhere"}
    command = [sys.executable, "-m", "backdesk.cli", "list", "--state", "expired", "--json"]
    listed = subprocess.run(
        command, cwd=tmp_path, env=environment(**away), capture_output=True, text=True, timeout=60, check=True
    )
    assert listed.stderr.startswith("Warning: archive not read: the archive at postgresql")
    assert json.loads(listed.stdout)["jobs"] == []


def test_a_reader_that_goes_away_is_no_accident(fleet: Fleet, tmp_path: Path) -> None:
    command = f"{sys.executable} -m backdesk.cli kinds --json | head -c 1"
    piped = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env=environment(BACKDESK_REDIS_URL=fleet.url),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (piped.stdout, piped.stderr) == ("[", "")


@pytest.mark.parametrize("words", [["submit", "test.echo", "--delay", "1h", "--watch"], ["up", "--no-flower"]])
def test_ctrl_c_is_no_accident(words: list[str], fleet: Fleet, tmp_path: Path) -> None:
    process = begin(*words, cwd=tmp_path, BACKDESK_REDIS_URL=fleet.url)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    answer = finish(process)

    assert (answer.code, answer.err) == (0 if words[0] == "up" else 130, "")


def test_json_is_ascii_so_that_no_terminal_is_steered_by_it(cli: Cli, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.echo", {"text": "\u009b31m grün"})
    job.result(PATIENCE_S)
    answer = cli("show", job.id, "--json", url=fleet.url)

    assert answer.out.isascii()
    assert json.loads(answer.out)["result"] == {"text": "\u009b31m grün"}


def test_json_can_be_asked_for_before_the_command(cli: Cli, fleet: Fleet) -> None:
    assert cli("--json", "kinds", url=fleet.url).document == cli("kinds", "--json", url=fleet.url).document
