"""Calls that are made as one: claims and ends of jobs that come together, each with an answer of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import redis
from redis.exceptions import ResponseError

from backdesk.worker.model.job import Claim, JobState, Refused, Succeeded, Usage
from backdesk.worker.store.groups import MOST_JOINED, joined
from backdesk.worker.store.scripts import Call, Script
from backdesk.worker.store.wire import Wire
from tests.support.board import Board

#: Returns of each share its double; a share that is no number fails the script.
DOUBLE = Script("double", "local r = {} for i = 2, #ARGV do r[#r + 1] = ARGV[i] * 2 end return r")


@pytest.fixture
def wire(client: redis.Redis) -> Iterator[Wire]:
    wire = Wire(client)
    yield wire
    wire.close()


def double(value: str, *, of: str = "all") -> Call[int]:
    return Call(DOUBLE, (of, value), lambda answers: int(answers[0]), share=1)


def made(client: redis.Redis, wire: Wire, calls: Sequence[Call[Any]]) -> tuple[list[Any], int]:
    """The answers, and how many scripts Redis ran for them."""
    client.config_resetstat()
    answers = wire.exchange(calls)
    return answers, client.info("commandstats")["cmdstat_evalsha"]["calls"]


def test_calls_that_are_alike_but_for_their_share_are_one_script(client: redis.Redis, wire: Wire) -> None:
    calls = [double("1"), double("2", of="others"), double("3"), double("4")]
    assert made(client, wire, calls) == ([2, 4, 6, 8], 2)


def test_no_script_is_given_more_than_so_many(client: redis.Redis, wire: Wire) -> None:
    answers, scripts = made(client, wire, [double(str(number)) for number in range(2 * MOST_JOINED + 1)])
    assert (answers, scripts) == ([2 * number for number in range(2 * MOST_JOINED + 1)], 3)


def test_calls_of_other_scripts_stand_alone() -> None:
    alone: Call[Any] = Call(Script("alone", "return 1"), ("all",), int)
    assert [list(group.calls) for group in joined([alone, double("1"), alone, double("2")])] == [[0], [1, 3], [2]]


def test_an_error_of_one_is_told_to_its_caller_alone(wire: Wire) -> None:
    first, failed, last = wire.exchange([double("1"), double("no number"), double("3")])
    assert (first, last) == (2, 6)
    assert isinstance(failed, ResponseError)


def test_scripts_that_were_flushed_are_loaded_again(client: redis.Redis, wire: Wire) -> None:
    assert wire.exchange([double("1"), double("2")]) == [2, 4]
    client.script_flush()
    assert wire.exchange([double("3"), double("4")]) == [6, 8]


def test_calls_whose_answers_nobody_reads_on_leave_none_to_those_after_them(wire: Wire) -> None:
    answers = wire.answers([double("1"), double("2", of="others"), double("3")])
    assert next(answers) == (0, 2)
    answers.close()
    assert wire.exchange([double("4"), double("5", of="others")]) == [8, 10]


def test_an_end_that_fails_leaves_the_counts_of_its_neighbours_right(
    board: Board, client: redis.Redis, wire: Wire
) -> None:
    claims = [board.start(board.submit(tenant, tenant=tenant)) for tenant in ("a", "b", "c")]
    ends = [board.transitions.end(claim, Succeeded(b"1"), Usage()) for claim in claims]
    client.rename(board.keys.job("b"), "aside")
    client.set(board.keys.job("b"), "changed by hand")
    first, failed, last = wire.exchange(ends)
    assert (first, last, isinstance(failed, ResponseError)) == (True, True, True)
    client.rename("aside", board.keys.job("b"))
    assert client.hget(board.keys.flow, "queue agents") == b"1"
    assert wire.exchange([ends[1]]) == [True]


def test_a_fleet_claims_and_ends_jobs_together(board: Board, client: redis.Redis, wire: Wire) -> None:
    board.announce(agents=4)
    ids = board.submit_many(4)
    calls = [board.transitions.claim(job_id, "worker-1", f"fence-{job_id}") for job_id in [*ids, "unknown"]]
    (*claims, refused), scripts = made(client, wire, calls)
    assert scripts == 1
    assert refused == Refused(None)
    assert [claim.job_id for claim in claims if isinstance(claim, Claim)] == ids
    claims[0] = replace(claims[0], fence="of another attempt")
    ends = [board.transitions.end(claim, Succeeded(b"1"), Usage()) for claim in claims]
    assert made(client, wire, ends) == ([False, True, True, True], 1)
    assert [board.state(job_id) for job_id in ids] == [JobState.RUNNING, *[JobState.SUCCEEDED] * 3]
