"""Tools on real servers of MCP: a list of what is allowed, the ledger, and people in place of elicitations."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import httpcore2
import pytest

from backdesk.agents import Agent, AgentRequest, AgentResult, McpServer, agent_task, answer, tool
from backdesk.agents.desk import Desk
from backdesk.agents.remote.connection import Connection
from backdesk.platform.network import AsyncioBackend
from backdesk.testing import Bench, BenchJob, Call, Say, sandbox, scripted
from backdesk.worker import TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.errors import ConfigurationError, TaskError
from backdesk.worker.model.asks import AskType
from tests.support.mcp_server import Board, serving
from tests.support.workers import ROOT

KIND = "test.mcp"
PUBLIC = "93.184.215.14"


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def url(board: Board) -> Iterator[str]:
    with serving(board) as url:
        yield url


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench, sandbox():
        yield bench
    REGISTRY.pop(KIND, None)


def kind(*servers: McpServer, **options: Any) -> None:
    """Register a kind of one agent with tools on servers."""
    clerk = Agent("clerk", "You look after parcels.", mcp=servers, **options)

    @agent_task(KIND)
    async def body(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, clerk, request)


def parcels(url: str, *tools: str, **options: Any) -> McpServer:
    return McpServer("parcels", tools=tools, url=url, private=True, **options)


def ask(bench: Bench) -> BenchJob:
    return bench.run(KIND, {"message": "My parcel, please."})


def test_a_remote_tool_is_called_as_one_of_the_agents_own(bench: Bench, url: str, board: Board) -> None:
    kind(parcels(url, "look_up", pure=("look_up",)))
    with scripted(Call("look_up", {"number": 7}), Say("It is in Hamburg.")) as model:
        job = ask(bench)
    assert job.result.answer == "It is in Hamburg."
    assert [(each.name, each.outcome, each.summary) for each in job.tool_calls] == [
        ("look_up", "success", "place: Hamburg")
    ]
    assert model.requests[1].replies_of("look_up")[0].data == {"place": "Hamburg"}
    assert board.calls == ["look_up 7"]


def test_an_agent_sees_what_its_card_lists_and_nothing_else(bench: Bench, url: str, board: Board) -> None:
    kind(parcels(url, "look_up"))
    with scripted(Call("secret_door", {}), Say("I cannot do that.")) as model:
        assert ask(bench).result.answer == "I cannot do that."
    assert {"look_up"} == set(model.requests[0].tools)
    assert board.calls == []


def test_arguments_that_do_not_fit_come_back_to_the_model(bench: Bench, url: str, board: Board) -> None:
    kind(parcels(url, "send"))
    with scripted(Call("send", {"number": "seven"}), Call("send", {"number": 7}), Say("Sent.")):
        assert ask(bench).result.answer == "Sent."
    assert board.calls == ["send 7"]


def test_what_a_server_fails_with_is_told_to_the_model(bench: Bench, url: str) -> None:
    kind(parcels(url, "lose"))
    with scripted(Call("lose", {"number": 7}), Say("It is lost.")) as model:
        assert ask(bench).result.answer == "It is lost."
    assert "parcel 7 is lost" in model.requests[1].replies_of("lose")[0].data["error"]


def test_killed_at_each_write_no_finished_call_is_made_again_and_one_in_doubt_is_put_before_a_person(
    bench: Bench, url: str, board: Board
) -> None:
    kind(parcels(url, "look_up", "send", pure=("look_up",)))
    asked = 0
    for after in itertools.count():
        board.calls.clear()
        with scripted(rule=_look_up_and_send):
            job = bench.submit(KIND, {"message": "My parcel, please."})
            died = bench.lose(job, after=after)
            if bench.go_on(job).state == "waiting":
                asked += 1
                assert [each.type for each in job.asks] == [AskType.OUTCOME]
                sent = "send 7" in board.calls
                bench.resolve(job, "done" if sent else "repeat", "parcel 7 is sent" if sent else None)
        assert job.result.answer == "It is sent."
        assert board.calls.count("send 7") == 1
        assert board.calls.count("look_up 7") <= 2
        if not died:
            break
    assert asked == 1


def _look_up_and_send(now: Any) -> Any:
    if not now.replies_of("look_up"):
        return (Call("look_up", {"number": 7}),)
    return Say("It is sent.") if now.replies_of("send") else (Call("send", {"number": 7}),)


# --- what a server asks ---


@pytest.mark.parametrize("legacy", [False, True])
def test_what_a_server_asks_in_the_midst_of_a_call_waits_for_a_person(
    bench: Bench, url: str, board: Board, legacy: bool
) -> None:
    kind(parcels(url, "refund", legacy=legacy))
    with scripted(Call("refund", {"number": 7}), Say("It is refunded.")):
        job = ask(bench)
        assert [(each.type, each.prompt) for each in job.asks] == [(AskType.APPROVAL, "Refund parcel 7?")]
        assert board.calls == []
        bench.approve(job)
    assert job.result.answer == "It is refunded."
    assert board.calls == ["refund 7"]


@pytest.mark.parametrize("how", ["denied", "in time"])
def test_what_nobody_agrees_to_is_not_done(bench: Bench, url: str, board: Board, how: str) -> None:
    kind(parcels(url, "refund"))
    with scripted(Call("refund", {"number": 7}), Say("It is not refunded.")) as model:
        job = ask(bench)
        if how == "denied":
            bench.deny(job)
        else:
            bench.advance(timedelta(days=30))
            bench.go_on(job)
    assert job.result.answer == "It is not refunded."
    said = model.requests[-1].replies_of("refund")[0].data
    assert said == f"not refunded: {'decline' if how == 'denied' else 'cancel'}"
    assert board.calls == []


def test_a_text_that_a_server_asks_for_is_a_question(bench: Bench, url: str) -> None:
    kind(parcels(url, "order"))
    with scripted(Call("order", {}), Say("Ordered.")) as model:
        job = ask(bench)
        assert [(each.type, each.prompt) for each in job.asks] == [(AskType.QUESTION, "Which colour?")]
        bench.answer(job, "red")
    assert job.result.answer == "Ordered."
    assert model.requests[-1].replies_of("order")[0].data == "ordered in red"


def test_a_server_that_asks_by_a_request_of_its_own_is_spoken_to_in_the_old_way(bench: Bench, url: str) -> None:
    kind(parcels(url, "paint", legacy=True))
    with scripted(Call("paint", {}), Say("Painted.")) as model:
        bench.answer(ask(bench), "blue")
    assert model.requests[-1].replies_of("paint")[0].data == "painted blue"


def test_a_call_that_fails_as_the_server_cannot_ask_says_what_to_do(bench: Bench, url: str) -> None:
    kind(parcels(url, "paint"))
    with scripted(Call("paint", {}), Say("Painted.")):
        (outcome,) = ask(bench).asks
    assert "Give its McpServer legacy=True" in outcome.facts["error"]


# --- which servers ---


def test_a_command_speaks_on_its_standard_streams_and_gets_what_its_card_names(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCELS_TOKEN", "t-1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = (sys.executable, "-m", "tests.support.mcp_server")
    kind(McpServer("parcels", tools=("token",), command=command, env=("PARCELS_TOKEN", "PYTHONPATH")))
    with scripted(Call("token", {}), Say("Done.")) as model:
        assert ask(bench).result.answer == "Done."
    assert model.requests[-1].replies_of("token")[0].data == "t-1"


def test_a_secret_is_sent_with_each_request_and_shown_nowhere(
    bench: Bench, url: str, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARCELS_KEY", "s3cr3t-value")
    kind(parcels(url, "look_up", secret="PARCELS_KEY"))
    with scripted(Call("look_up", {"number": 7}), Say("Done.")):
        job = ask(bench)
    assert set(board.tokens) == {"Bearer s3cr3t-value"}
    assert not any("s3cr3t" in str(event.data) for event in job.events)


def test_a_secret_that_is_not_there_fails_the_job_with_its_name(bench: Bench, url: str) -> None:
    kind(parcels(url, "look_up", secret="PARCELS_KEY"))
    with scripted():
        error = ask(bench).error
    assert error is not None
    assert "PARCELS_KEY" in error.message


def test_an_address_in_a_private_network_is_refused_unless_the_card_says_so(bench: Bench, url: str) -> None:
    kind(McpServer("parcels", tools=("look_up",), url=url))
    with scripted():
        error = ask(bench).error
    assert error is not None
    assert error.code == "mcp_private_address"


@pytest.mark.parametrize("legacy", [False, True])
async def test_a_name_that_means_a_private_machine_a_moment_later_is_not_followed_there(
    url: str, board: Board, monkeypatch: pytest.MonkeyPatch, legacy: bool
) -> None:
    connected: list[str] = []
    asked = itertools.count()

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        return [PUBLIC] if next(asked) == 0 else ["127.0.0.1"]

    async def connect_tcp(_self: Any, host: str, *_args: Any, **_options: Any) -> Any:
        connected.append(host)
        raise httpcore2.ConnectError("the tests stay at home")

    monkeypatch.setattr(AsyncioBackend, "connect_tcp", connect_tcp)
    server = McpServer("parcels", tools=("look_up",), url=url.replace("127.0.0.1", "rebinding.example"), legacy=legacy)
    for _ in range(2):
        with pytest.raises(TaskError) as caught:
            await Connection(server, nobody, 5, rebinding).tools()
    assert caught.value.code == "mcp_private_address"
    assert connected == [PUBLIC]


async def test_what_is_connected_to_is_the_address_that_was_looked_up(url: str, board: Board) -> None:
    asked: list[str] = []

    async def here(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    server = parcels(url.replace("127.0.0.1", "localhost"), "look_up", pure=("look_up",))
    connection = Connection(server, nobody, 5, here)
    assert await connection.call("look_up", {"number": 7}, "key") == {"place": "Hamburg"}
    await connection.close()
    assert set(asked) == {"localhost"}


async def nobody(_key: str, _params: Any) -> Any:
    raise AssertionError("nobody is asked")


def test_the_machine_s_own_services_are_refused_whatever_the_card_says(bench: Bench, url: str) -> None:
    kind(parcels("http://169.254.169.254/mcp", "look_up"))
    with scripted():
        error = ask(bench).error
    assert error is not None
    assert error.code == "mcp_private_address"


def test_a_server_that_is_away_is_tried_again(bench: Bench, url: str) -> None:
    kind(parcels("http://127.0.0.1:9/mcp", "look_up"))
    with scripted():
        job = ask(bench)
    assert job.error is not None
    assert (job.error.code, job.error.transient) == ("mcp_unreachable", True)
    assert job.record.attempt > 1


def test_a_tool_that_the_server_does_not_have_fails_the_job(bench: Bench, url: str) -> None:
    kind(parcels(url, "fly"))
    with scripted():
        error = ask(bench).error
    assert error is not None
    assert error.code == "mcp_tool_missing"
    assert "fly" in error.message


@tool("pure")
async def look_up(desk: Desk, number: int) -> str:
    """Look up where a parcel is."""
    return "here"


def test_two_tools_of_one_name_are_refused(bench: Bench, url: str) -> None:
    kind(parcels(url, "look_up"), tools=(look_up,))
    with scripted():
        error = ask(bench).error
    assert error is not None
    assert "look_up" in error.message


@pytest.mark.parametrize(
    ("card", "why"),
    [
        ({"tools": ("a",)}, "either a url or a command"),
        ({"tools": ("a",), "url": "http://x", "command": ("y",)}, "either a url or a command"),
        ({"tools": ("a",), "url": "ftp://x"}, "http or https"),
        ({"tools": (), "url": "http://x"}, "list of the tools"),
        ({"tools": ("a",), "url": "http://x", "pure": ("b",)}, "does not list: b"),
        ({"tools": ("a",), "command": ("y",), "secret": "S"}, "env"),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(card: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        McpServer("parcels", **card)
