"""Submitting with a kind's models: what mypy infers (`assert_type` is checked by `make check`), and what comes back."""

from __future__ import annotations

from typing import Any, assert_type

import pytest
from pydantic import BaseModel

from backdesk.agents.contract import AgentRequest, AgentResult
from backdesk.client import AsyncJob, InvalidRequest, Job, JobClient, ResultMismatch, UnknownKind
from backdesk.platform.contract import KindModels
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.model.contract import KindContract
from tests.client.conftest import Connect
from tests.support.board import Board
from tests.support.clients import Client
from tests.support.eventually import PATIENCE_S
from tests.support.kinds import Number, Text, echo, echo_def

ECHO = KindModels("test.echo", "agents", Text, Text)
SUPPORT = KindModels("test.support", "agents", AgentRequest, AgentResult)


class Shouted(BaseModel):
    """A result that nobody gives."""

    loudness: int


def announce(board: Board, *kinds: KindModels[Any, Any]) -> None:
    """Say of kinds what workers that run them say."""
    board.client.hset(board.keys.kinds, mapping={k.kind: KindContract.of(*k).model_dump_json() for k in kinds})


async def test_a_function_with_task_is_a_kind_and_gives_its_model(on_fleet: Client) -> None:
    job = await on_fleet.submit(echo, Text(text="hi"))
    assert_type(job, AsyncJob[Text])
    assert await job.result(timeout=PATIENCE_S) == Text(text="hi")


async def test_a_contract_gives_its_model(on_fleet: Client) -> None:
    job = await on_fleet.submit(ECHO, Text(text="hi"))
    assert_type(job, AsyncJob[Text])
    assert await job.result(timeout=PATIENCE_S) == Text(text="hi")


async def test_what_a_worker_knows_of_a_kind_gives_its_model(on_fleet: Client) -> None:
    job = await on_fleet.submit(REGISTRY["test.echo"], {"text": "hi"})
    assert_type(job, AsyncJob[BaseModel])
    assert await job.result(timeout=PATIENCE_S) == Text(text="hi")


async def test_a_name_gives_json(on_fleet: Client) -> None:
    job = await on_fleet.submit("test.echo", {"text": "hi"})
    assert_type(job, AsyncJob[Any])
    assert await job.result(timeout=PATIENCE_S) == {"text": "hi"}


async def test_each_of_many_gives_its_model(on_fleet: Client) -> None:
    jobs = await on_fleet.submit_many(ECHO, [Text(text="one"), {"text": "two"}])
    assert_type(jobs, list[AsyncJob[Text]])
    assert [(await job.result(timeout=PATIENCE_S)).text for job in jobs] == ["one", "two"]


def test_the_blocking_client_infers_the_same(board: Board) -> None:
    announce(board, ECHO, ECHO._replace(kind="test.echo_def"), SUPPORT)
    with JobClient(settings=board.settings) as client:
        assert_type(client.submit(echo, Text()), Job[Text])
        assert_type(client.submit(echo_def, {"text": "hi"}), Job[Text])
        assert_type(client.submit(SUPPORT, AgentRequest(message="hi")), Job[AgentResult])
        assert_type(client.submit_many(ECHO, [Text()]), list[Job[Text]])


def test_a_request_of_another_kind_is_seen_by_the_type_checker_and_refused(board: Board) -> None:
    announce(board, SUPPORT)
    with JobClient(settings=board.settings) as client, pytest.raises(InvalidRequest, match="message"):
        client.submit(SUPPORT, Number())  # type: ignore[arg-type]  # as meant


async def test_the_model_that_workers_have_too_checks_requests(connected: Connect, board: Board) -> None:
    announce(board, ECHO)
    jobs = connected(checks={})
    assert (await jobs.get((await jobs.submit(ECHO, {})).id)).request == {"text": "hello"}
    with pytest.raises(InvalidRequest, match="text"):
        await jobs.submit(ECHO, {"text": 7})
    with pytest.raises(InvalidRequest, match=r"\[1\].text"):
        await jobs.submit_many(ECHO, [{}, {"text": 7}])


async def test_where_workers_have_another_model_theirs_counts(connected: Connect, board: Board) -> None:
    announce(board, KindModels("test.echo", "tools", Text, Text))
    jobs, older = connected(checks={}), KindModels("test.echo", "agents", Number, Text)
    with pytest.raises(InvalidRequest, match="n: is not a field of this kind"):
        await jobs.submit(older, Number(n=1))
    job = await jobs.submit(older, {"text": "hi"})
    assert (await jobs.get(job.id)).queue == "tools"


async def test_a_kind_that_no_worker_has_is_refused_by_its_contract_too(connected: Connect) -> None:
    with pytest.raises(UnknownKind, match=r"test\.echo"):
        await connected(checks={}).submit(ECHO, Text())


async def test_a_schedule_takes_a_kind_with_its_models(connected: Connect, board: Board) -> None:
    announce(board, ECHO)
    kept = await connected(checks={}).schedules.add("tick", echo, Text(text="hi"), every=60)
    assert (kept.record.kind, kept.record.request) == ("test.echo", {"text": "hi"})


async def test_what_is_no_kind_is_refused(jobs: Client) -> None:
    def undecorated(ctx: object, request: Text) -> Text:
        return request

    with pytest.raises(InvalidRequest, match="decorated with @task"):
        await jobs.submit(undecorated, Text())


async def test_a_result_that_the_model_does_not_fit_is_no_result_of_it(jobs: Client, board: Board) -> None:
    job = await jobs.submit(KindModels("test.echo", "agents", Text, Shouted), {}, job_id="a")
    board.succeed(board.start("a"), {"text": "HI"})
    with pytest.raises(ResultMismatch, match="no Shouted as it is known here: loudness") as caught:
        await job.result(timeout=PATIENCE_S)
    assert (caught.value.job_id, [*caught.value.fields]) == ("a", ["loudness"])
    assert await jobs.result("a") == {"text": "HI"}
