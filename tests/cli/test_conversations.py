"""`backdesk conversations`: listed, shown in full to people and programs, erased."""

from __future__ import annotations

import pytest
import redis

from backdesk.worker.settings import Settings
from tests.cli.conftest import Cli
from tests.client.test_conversations import part, say
from tests.support.board import Board


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    return Board(client, settings)


@pytest.fixture
def on_board(cli: Cli, settings: Settings) -> Cli:
    """Runs a command on the Redis of the board."""
    return lambda *words: cli(*words, url=settings.url)


def test_a_conversation_is_shown_as_who_said_what(on_board: Cli, board: Board) -> None:
    say(board, part("user-prompt", content="Where is 10003?\nI am Ada."), part("text", content="On its \x1b[31mway."))
    shown = on_board("conversations", "show", "c-1", "--tenant", "acme")

    assert shown.code == 0
    assert "customer:\n  Where is 10003?\n  I am Ada.\nagent:\n  On its way.\n" in shown.out
    assert "2 messages in 1 turns" in shown.out
    assert "cust-3" in shown.out


def test_a_turn_by_which_a_person_takes_the_conversation_over_names_them(on_board: Cli, board: Board) -> None:
    job_id = say(board, facts={"with_person": {"case": "E-000001", "by": "ada"}})
    assert f"job {job_id}, with ada\n" in on_board("conversations", "show", "c-1", "--tenant", "acme").out


def test_a_program_gets_the_messages_as_they_are_kept(on_board: Cli, board: Board) -> None:
    message = part("user-prompt", content="Where is 10003?")
    job_id = say(board, message)
    document = on_board("conversations", "show", "c-1", "--tenant", "acme", "--json").document

    assert [(turn["job_id"], turn["messages"]) for turn in document["turns"]] == [(job_id, [message])]
    assert document["head"]["messages"] == 1


def test_the_conversations_of_a_tenant_are_listed(on_board: Cli, board: Board) -> None:
    say(board, "hello", conversation="c-1")
    say(board, "hello", conversation="c-2")
    lines = on_board("conversations", "list", "--tenant", "acme").out.splitlines()
    assert lines[0].split() == ["conversation", "customer", "turns", "messages", "last", "turn"]
    assert {line.split()[0] for line in lines[1:]} == {"c-1", "c-2"}
    document = on_board("conversations", "list", "--tenant", "acme", "--json").document
    assert [(each["conversation_id"], each["owner"]) for each in document] == [("c-2", "cust-3"), ("c-1", "cust-3")]
    assert "no conversations of tenant default" in on_board("conversations", "list").out


def test_a_conversation_is_forgotten_once(on_board: Cli, board: Board) -> None:
    say(board, "hello")
    assert on_board("conversations", "forget", "c-1", "--tenant", "acme").out == (
        "forgot conversation c-1 of tenant acme\n"
    )
    again = on_board("conversations", "forget", "c-1", "--tenant", "acme")
    assert (again.code, again.err.startswith("Error: no conversation 'c-1' of tenant 'acme'")) == (2, True)


def test_a_conversation_that_is_not_there_has_a_code(on_board: Cli) -> None:
    answer = on_board("conversations", "show", "c-1", "--json")
    assert (answer.code, answer.document["error"]["code"]) == (2, "conversation_not_found")
