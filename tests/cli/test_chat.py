"""`backdesk chat`: a conversation by hand, and from a pipe as a script has it."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, environment, written_to
from tests.support.eventually import PATIENCE_S
from tests.support.workers import Fleet

TALK = ("chat", "test.talk", "--customer-id", "cust-3")


def types(monkeypatch: pytest.MonkeyPatch, *said: str) -> None:
    """Put lines into standard input, as a pipe does."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in said)))


def test_each_line_of_a_pipe_is_a_message_of_one_conversation(on_fleet: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "Hello", "Where is it?")
    first, second = on_fleet(*TALK, "--json").documents

    assert first["request"] == {"message": "Hello", "customer_id": "cust-3"}
    assert second["request"]["conversation_id"] == first["result"]["conversation_id"]


def test_an_earlier_conversation_goes_on(on_fleet: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "Hello again")
    assert on_fleet(*TALK, "--conversation", "c-17", "--json").document["request"]["conversation_id"] == "c-17"


def test_a_new_conversation_knows_nothing_of_the_one_before(on_fleet: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "Hello", "/new", "Hello")
    assert "conversation_id" not in on_fleet(*TALK, "--json").documents[1]["request"]


def test_who_tells_whom_one_talks_to_and_as_whom(on_fleet: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "Hello", "/who")
    told = on_fleet(*TALK)

    assert told.code == 0
    assert "You said 'Hello' for cust-3.\n" in told.out
    assert "  customer_id: cust-3\n" in told.out
    assert "  agent: talker\n" in told.out


def test_yes_and_no_decide_what_was_proposed_by_its_number(on_fleet: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "I want it", "/yes", "I want more", "/no")
    told = on_fleet(*TALK)

    assert told.code == 0
    assert "P-7 is confirmed.\n" in told.out
    assert "P-7 is declined.\n" in told.out


def test_a_file_goes_with_the_next_message_alone(on_fleet: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "my log.txt").write_bytes(b"It broke.")
    types(monkeypatch, "/attach my log.txt", "/attach https://example.com/a.png", "Look", "Well?")
    told = on_fleet(*TALK)

    assert told.code == 0
    assert "my log.txt: goes with the next message\n" in told.out
    sent = " It comes with my log.txt, 9 bytes. It comes with https://example.com/a.png, 0 bytes.\n"
    assert f"You said 'Look' for cust-3.{sent}" in told.out
    assert "You said 'Well?' for cust-3.\n" in told.out


def test_a_file_of_the_command_goes_with_the_first_message(
    on_fleet: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "log.txt").write_bytes(b"It broke.")
    types(monkeypatch, "Look", "Well?")
    first, second = on_fleet(*TALK, "--attach", "log.txt", "--json").documents
    assert [each["name"] for each in first["request"]["attachments"]] == ["log.txt"]
    assert "attachments" not in second["request"]


def test_what_is_no_file_is_told_and_the_chat_goes_on(
    on_fleet: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "tool.exe").write_bytes(b"MZ\x00\x01")
    types(monkeypatch, "/attach", "/attach none.png", "/attach tool.exe", "Hello")
    told = on_fleet(*TALK)

    assert told.code == 1
    assert "attach: name a file: /attach photo.png" in told.err
    assert "attachment: none.png cannot be read: No such file or directory" in told.err
    assert "attachment: tool.exe is of a type that is not taken; taken are PNG, JPEG, GIF and WebP" in told.err
    assert "You said 'Hello' for cust-3.\n" in told.out


def test_what_a_job_asks_of_a_person_is_answered_in_place(on_fleet: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "May I refund it?", "perhaps", "no", "May I then?", "yes")
    told = on_fleet(*TALK)

    assert told.code == 0
    assert "May I refund it?" in told.out
    assert "  order: 10003\n" in told.out
    assert told.out.index("You may not.") < told.out.index("You may.")


def test_where_nobody_answers_the_job_waits_and_the_command_that_answers_is_told(
    on_fleet: Cli, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    types(monkeypatch, "May I?")
    told = on_fleet(*TALK)

    assert told.code == 1
    job_id = told.out.rsplit("backdesk approve|deny ", 1)[1].strip()
    assert fleet.jobs.get(job_id).state == "waiting"
    fleet.jobs.cancel(job_id)


def test_a_refused_message_ends_no_chat(on_fleet: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "x" * 300, "/nonsense", "/yes", "Hello")
    told = on_fleet(*TALK)

    assert told.code == 1
    assert "message: " in told.err
    assert "/nonsense is none" in told.err
    assert "nothing is proposed" in told.err
    assert "You said 'Hello'" in told.out


def test_a_kind_without_words_is_refused(on_fleet: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "hello")
    told = on_fleet("chat", "test.echo")

    assert told.code == 2
    assert "test.echo is none that talks" in told.err


def test_the_fields_that_the_chat_fills_in_cannot_be_given(on_fleet: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch)
    assert on_fleet(*TALK, "--message", "hello").code == 2


def test_on_a_terminal_the_answer_stands_there_once_and_quit_leaves(fleet: Fleet, tmp_path: Path) -> None:
    screen, code = on_terminal(fleet, tmp_path, "Hello\n/quit\n")

    assert code == 0
    assert "default> " in screen
    assert screen.count("You said 'Hello'") == 1


def on_terminal(fleet: Fleet, folder: Path, keys: str) -> tuple[str, int]:
    """What a chat writes to a terminal on which these keys are pressed at once, and its exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "backdesk.cli", *TALK],
        cwd=folder,
        env=environment(BACKDESK_REDIS_URL=fleet.url, TERM="xterm-256color"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, keys.encode())
    screen = written_to(ours)
    return screen, process.wait(PATIENCE_S)
