"""The command tool as an agent has it: on the files of a message, by one line."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from backdesk.agents import Agent, AgentRequest, AgentResult, Call, Reply, Say, Situation, agent_task, answer
from backdesk.platform.deployment import deployment
from backdesk.platform.tool_settings import settings_of
from backdesk.testing import Bench, sandbox, scripted
from backdesk.tools import SandboxLimits, command_tool
from backdesk.tools.isolation import levels
from backdesk.tools.isolation.launch import Level
from backdesk.tools.isolation.levels import level_in_words
from backdesk.worker import TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.errors import ConfigurationError

LOG = b"09:00 up\n09:30 error: disk full\n10:00 up\n"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.delitem(REGISTRY, "command.clerk", raising=False)
    clerk = Agent("clerk", "You read logs.", tools=(command_tool("look"),))

    @agent_task("command.clerk")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, clerk, request)

    settings_of.cache_clear()
    with Bench() as bench, sandbox():
        yield bench
    settings_of.cache_clear()
    REGISTRY.pop("command.clerk", None)


def ask(bench: Bench, *arguments: str, program: str = "grep", tenant: str = "default") -> Any:
    log = bench.attach(LOG, "log.txt", tenant=tenant)
    with scripted(Call("look", {"program": program, "arguments": list(arguments)}), Say("Read.")) as model:
        job = bench.run("command.clerk", {"message": "What broke?", "attachments": [log]}, tenant=tenant)
    assert job.result.answer == "Read."
    return model.requests[1].replies_of("look")[0].data


def test_an_agent_searches_the_files_of_a_message(bench: Bench) -> None:
    found = ask(bench, "-n", "error", "log.txt")
    assert (found["output"], found["exit_code"], found["stopped"]) == ("2:09:30 error: disk full\n", 0, None)
    assert found["level"] == level_in_words()
    assert found["command"] == ["grep", "-n", "--", "error", "log.txt"]


def test_a_command_that_is_not_allowed_is_refused_with_what_is(bench: Bench) -> None:
    assert ask(bench, program="rm") == {"refused": "'rm' is not run here; there are ls, cat, grep, echo."}
    assert "grep is not run with -R; it may have -A -B" in ask(bench, "-R", "x")["refused"]
    assert ask(bench, "../x", program="cat")["refused"].startswith("'../x': no path leads out of the folder")


def test_tenants_see_their_own_files(bench: Bench) -> None:
    assert ask(bench, program="ls", tenant="acme")["output"] == "log.txt\n"
    with scripted(Call("look", {"program": "ls", "arguments": []}), Say("Read.")) as model:
        bench.run("command.clerk", {"message": "What is there?"}, tenant="other")
    assert model.requests[1].replies_of("look")[0].data["output"] == ""


def test_it_is_told_how_a_command_ended(bench: Bench) -> None:
    log = bench.attach(LOG, "log.txt")
    with scripted(Call("look", {"program": "cat", "arguments": ["log.txt", "none"]}), Say("Read.")):
        job = bench.run("command.clerk", {"message": "What broke?", "attachments": [log]})
    summary = job.tool_calls[0].summary
    assert summary is not None
    assert summary.startswith("exit 1, ")
    assert summary.endswith(f"({level_in_words()})")


def test_a_command_is_run_again_after_a_crash_and_brings_the_same(bench: Bench) -> None:
    def rule(situation: Situation) -> Reply:
        if not situation.replies:
            return (Call("look", {"program": "cat", "arguments": ["log.txt"]}),)
        return Say(situation.replies[-1].data["output"])

    log = bench.attach(LOG, "log.txt")
    for after in itertools.count():
        with scripted(rule=rule):
            job = bench.submit("command.clerk", {"message": "What broke?", "attachments": [log]})
            died = bench.lose(job, after=after)
            bench.go_on(job)
        assert "disk full" in job.result.answer
        assert folders() == [], "which each attempt removes, or the next one"
        if not died:
            break


def test_the_folder_goes_with_the_end_of_the_job_however_that_is(bench: Bench) -> None:
    ask(bench, "-n", "error", "log.txt")
    assert folders() == []
    seen: list[str] = []

    def rule(situation: Situation) -> Reply:
        if not situation.replies:
            return (Call("look", {"program": "ls", "arguments": []}),)
        seen.extend(folders())
        raise RuntimeError("the model is gone")

    with scripted(rule=rule):
        job = bench.run("command.clerk", {"message": "What is there?"}, retry={"attempts": 1})
    assert job.state == "failed"
    assert len(seen) == 1
    assert folders() == []


def folders() -> list[str]:
    return [str(path) for path in (deployment().settings.data_dir / "sandbox").glob("*/*")]


def test_a_folder_holds_no_more_than_it_may(bench: Bench) -> None:
    tool = command_tool("small", limits=SandboxLimits(folder_mb=0))
    clerk = Agent("clerk", "You read logs.", tools=(tool,))
    REGISTRY.pop("command.clerk")

    @agent_task("command.clerk")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, clerk, request)

    log = bench.attach(LOG, "log.txt")
    with scripted(Call("small", {"program": "ls", "arguments": []}), Say("Read.")) as model:
        bench.run("command.clerk", {"message": "What broke?", "attachments": [log]})
    said = model.requests[1].replies_of("small")[0].data["output"]
    assert said == "log.txt is left out: the folder holds 0 MB\n"


def test_below_the_least_level_nothing_is_run_and_the_job_says_what_to_do(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for level in (Level.landlock, Level.bubblewrap):
        monkeypatch.setitem(levels._tried, level, "not on this machine")
    with scripted(Call("look", {"program": "echo", "arguments": ["said"]}), Say("I could not look.")):
        job = bench.run("command.clerk", {"message": "What broke?"})
    assert job.state == "failed"
    assert "BACKDESK_SANDBOX_LEAST=landlock asks: bubblewrap: not on this machine" in str(job.error)


def test_a_program_that_is_not_known_cannot_be_declared() -> None:
    with pytest.raises(ConfigurationError, match="knows no program 'rm', only ls, cat, grep, echo"):
        command_tool(programs=("ls", "rm"))


def test_a_worker_that_declares_it_loads_no_library_of_isolation() -> None:
    program = "import sys; from backdesk.tools import command_tool; command_tool(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"py_landlock", "pyseccomp", "pydantic_ai", "openai"} & set(loaded)
