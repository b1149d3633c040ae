"""`backdesk prompt show`: what agents are told, and what was sent for a job, to people and programs."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.events import EventDraft
from backdesk.worker.model.job import Claim
from backdesk.worker.model.prompt import AnnouncedPrompt
from backdesk.worker.model.sent import SentLog, digest_of
from backdesk.worker.settings import Settings
from tests.cli.conftest import Cli
from tests.support.board import Board

PROMPT = "You are a clerk. " + "Be kind. " * 40
TOOLS = [{"type": "function", "function": {"name": "look_up", "description": "Look up.", "parameters": {}}}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"number":17}'}}
ASKED: dict[str, Any] = {
    "model": "m",
    "stream": False,
    "tools": TOOLS,
    "messages": [
        {"role": "system", "content": f"{PROMPT}Today is Monday."},
        {"role": "user", "content": "Where is \x1b[31m17?"},
    ],
}
AGAIN = ASKED | {
    "messages": [
        *ASKED["messages"],
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "in Hamburg"},
    ]
}


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    return Board(client, settings)


@pytest.fixture
def on_board(cli: Cli, settings: Settings) -> Cli:
    """Runs a command on the Redis of the board."""
    return lambda *words: cli(*words, url=settings.url)


def send(board: Board, claim: Claim, *bodies: dict[str, Any]) -> None:
    """Have an attempt send requests to a model."""
    kept: list[EventDraft] = []
    texts: dict[str, str] = {}

    def keep(entry: bytes, named: Any) -> None:
        kept.append(EventDraft("", entry))
        texts.update(named)

    log = SentLog(keep)
    for number, body in enumerate(bodies, 1):
        log.add(f"1.{number}", body, agent="clerk", model="m", prompt=digest_of(PROMPT), shared=PROMPT)
    for digest, text in texts.items():
        board.run(board.transitions.text(digest, text))
    board.run(board.transitions.emit(claim, 0, kept))


def test_all_requests_of_a_job_are_shown_in_their_order(on_board: Cli, board: Board) -> None:
    claim = board.start(board.submit("job-1"))
    send(board, claim, ASKED, AGAIN)
    board.succeed(claim)
    shown = on_board("prompt", "show", "test.echo", "--job", "job-1").out
    assert f'request 1.1 of clerk to m, prompt {digest_of(PROMPT)}\nmodel="m", stream=false\nsystem:\n' in shown
    assert "Today is Monday.\nuser:\n  Where is 17?\ntools:\n" in shown.replace("\\x1b[31m", "")
    assert '"name": "look_up"' in shown
    assert 'assistant calls look_up (call_1):\n  {"number":17}\ntool call_1:\n  in Hamburg\n' in shown
    assert shown.endswith("tools: as in the request before\n")


def test_of_a_message_in_parts_the_texts_are_shown_as_such_and_the_rest_as_it_is(on_board: Cli, board: Board) -> None:
    parts = [{"type": "text", "text": "Look\nat this"}, {"type": "image_url", "image_url": "[image, 70 bytes]"}]
    claim = board.start(board.submit("job-1"))
    send(board, claim, {"model": "m", "messages": [{"role": "user", "content": parts}]})
    board.succeed(claim)
    shown = on_board("prompt", "show", "test.echo", "--job", "job-1").out
    assert 'user:\n  Look\n  at this\n  {"type": "image_url", "image_url": "[image, 70 bytes]"}\n' in shown


def test_a_program_gets_the_requests_as_they_were_sent(on_board: Cli, board: Board) -> None:
    send(board, board.start(board.submit("job-1")), ASKED, AGAIN)
    document = on_board("prompt", "show", "test.echo", "--job", "job-1", "--json").document
    assert [each["body"] for each in document] == [ASKED, AGAIN]
    assert [each["call_id"] for each in document] == ["1.1", "1.2"]


def test_what_cannot_be_shown_is_said(on_board: Cli, board: Board) -> None:
    claim = board.start(board.submit("job-1"))
    show = ("prompt", "show", "test.echo", "--job", "job-1")
    assert on_board(*show).out == "job-1 has sent nothing to a model\n"
    board.emit(claim, "model_called", data={"call_id": "1.1", "agent": "clerk", "model": "m"})
    assert "not whole: what was sent is not kept" in on_board(*show).out
    assert (
        "job-1 is a job of kind test.echo, not of other.kind"
        in on_board("prompt", "show", "other.kind", "--job", "job-1").err
    )
    assert "nothing was sent for an agent 'triage', only for clerk" in on_board(*show, "--agent", "triage").err
    assert on_board("prompt", "show", "test.echo", "--job", "nowhere").code == 2


def test_the_prompts_of_a_kind_are_those_that_its_workers_announce(on_board: Cli, board: Board) -> None:
    base = AnnouncedPrompt("clerk", "clerk", "0123456789ab", PROMPT, "base", 0.75)
    brief = AnnouncedPrompt("clerk", "brief", "ba9876543210", "Be brief.", "brief", 0.25)
    contract = KindContract(kind="test.echo", queue="agents", prompts=(base.facts, brief.facts))
    board.client.hset(board.keys.kinds, "test.echo", contract.model_dump_json())
    board.run(board.transitions.text(base.facts.text, PROMPT))
    shown = on_board("prompt", "show", "test.echo").out
    assert f"clerk: clerk@0123456789ab, variant base, 75% of conversations\n{PROMPT.strip()}" in shown
    assert "clerk: brief@ba9876543210, variant brief, 25% of conversations\nits text (" in shown
    assert "test.echo has no agent 'x'; it has clerk" in on_board("prompt", "show", "test.echo", "--agent", "x").err
    document = on_board("prompt", "show", "test.echo", "--json").document
    assert [each["instructions"] for each in document] == [PROMPT, None]


def test_a_kind_that_names_no_agents_says_how_to(on_board: Cli, board: Board) -> None:
    board.client.hset(board.keys.kinds, "test.echo", KindContract(kind="test.echo", queue="agents").model_dump_json())
    assert "agent_task(..., agents=TEAM)" in on_board("prompt", "show", "test.echo").out
