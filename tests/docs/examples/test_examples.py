"""The examples of docs/tasks.md, docs/conversations.md, docs/service_limits.md and docs/quality.md, run."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from backdesk.agents.desk import Desk
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.memory.calls import MemoryCalls
from backdesk.worker.model.job import Succeeded, Usage
from backdesk.worker.settings import Settings
from tests.support.board import Board
from tests.support.memory import Memory
from tests.support.workers import ROOT


def example(which: int | str, monkeypatch: pytest.MonkeyPatch, page: str = "tasks.md") -> Any:
    monkeypatch.setattr("backdesk.worker.attempt.task.REGISTRY", dict(REGISTRY))
    names: dict[str, Any] = {"__name__": "example"}
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    code = blocks[which] if isinstance(which, int) else next(block for block in blocks if which in block)
    exec(code, names)  # noqa: S102 - our own page
    return SimpleNamespace(**names)


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    return Board(client, settings)


@pytest.mark.parametrize("write", [0, 1, 3])
async def test_the_example_of_a_body_gets_through_a_crash(write: int, monkeypatch: pytest.MonkeyPatch) -> None:
    page = example(0, monkeypatch)
    sent = await Memory(dies_after=write).finish(page.invoice, page.Invoice(customer="Ada", cents=4200))
    assert sent.number.endswith("-0042")


async def test_the_example_of_a_body_does_not_send_a_letter_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    page = example(0, monkeypatch)
    memory, request = Memory(dies_after=2), page.Invoice(customer="Ada", cents=4200)
    assert await memory.attempt(page.invoice, request) is None
    assert await memory.attempt(page.invoice, request) is None
    assert [ask.facts["step"] for ask in memory.asks] == ["letter"]


async def test_the_example_of_a_body_waits_for_approval(monkeypatch: pytest.MonkeyPatch) -> None:
    page = example(0, monkeypatch)
    memory, request = Memory(), page.Invoice(customer="Ada", cents=200_000)
    assert await memory.attempt(page.invoice, request) is None
    assert memory.asks[0].facts == {"customer": "Ada", "cents": 200_000}
    memory.answer(decision="deny", note="too much")
    assert (await memory.attempt(page.invoice, request)).number == "denied: too much"


async def test_the_example_of_a_conversation_goes_on_from_job_to_job(monkeypatch: pytest.MonkeyPatch) -> None:
    page = example(0, monkeypatch, "conversations.md")
    request = page.Said(text="hello", conversation_id="c-17")
    answers = [(await Memory(f"job-{number}").finish(page.echoes, request)).text for number in (1, 2)]
    assert answers == ["hello, for the 1. time", "hello, for the 2. time"]


def test_the_example_of_notes_reads_them(
    board: Board, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BACKDESK_REDIS_URL", settings.url)
    entry = b'{"job_id":"job-1","kind":"demo.invoice","data":{"order":10003}}'
    board.run(MemoryCalls(settings).note("acme", "price_match", entry))
    example("client.notes(", monkeypatch)
    assert capsys.readouterr().out.endswith("acme job-1 demo.invoice {'order': 10003}\n")


async def test_the_example_of_measures_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    page = example(2, monkeypatch, "analytics.md")
    memory = Memory()
    await memory.finish(page.import_rows, page.Import(rows=["a", " ", "b", ""]))
    assert memory.usage.measures == {"rows_read": 4.0, "empty_share": 0.5}


def test_the_example_of_analytics_tells_of_each_tenant(
    board: Board, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BACKDESK_REDIS_URL", settings.url)
    claim = board.start(board.submit(kind="support.request"))
    board.finish(claim, Succeeded(b"{}"), Usage(measures={"quality": 0.9}))
    example(0, monkeypatch, "analytics.md")
    assert capsys.readouterr().out == "acme 1 0.0 0.9\n"


def test_the_example_of_the_minutes_tells_of_each_step(
    board: Board, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BACKDESK_REDIS_URL", settings.url)
    board.succeed(board.start(board.submit()))
    example(1, monkeypatch, "analytics.md")
    told = [line.split()[2:4] for line in capsys.readouterr().out.splitlines()]
    assert (len(told) in {25, 26}, told.count(["1", "0.0"]), told.count(["0", "None"])) == (True, 1, len(told) - 1)


async def test_the_example_of_a_tool_asks_about_large_vouchers(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    page = example("def give_voucher", monkeypatch)
    assert [await page.give_voucher.consent(desk, euros) is None for euros in (20, 21)] == [True, False]
    assert await page.give_voucher(desk, 5) == "job-1:voucher/5"


def test_the_example_of_limits_sets_them(
    client: redis.Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BACKDESK_REDIS_URL", settings.url)
    example(0, monkeypatch, "service_limits.md")
    assert [line.split(" requests")[0] for line in capsys.readouterr().out.splitlines()] == [
        "openai/gpt-4o-mini",
        "tenant *",
    ]
    assert set(client.hkeys("backdesk:resource-limits")) == {b"openai/gpt-4o-mini", b"tenant *"}


async def test_the_example_of_a_limited_task_translates(monkeypatch: pytest.MonkeyPatch) -> None:
    page = example(1, monkeypatch, "service_limits.md")
    translated = await Memory().finish(page.translate_page, page.Page(text="hello"))
    assert translated == page.Translation(text="HELLO")


def test_the_example_of_a_gate_prints_what_the_page_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example(1, monkeypatch, "quality.md")
    (shown,) = re.findall(r"```text\n(.*?)```", (ROOT / "docs" / "quality.md").read_text(), re.DOTALL)
    assert capsys.readouterr().out == shown
