"""The Lua files: their headers tell the truth, and they name and count as Python does."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from datetime import UTC, datetime
from importlib.resources import files
from inspect import signature
from typing import Any

import pytest
import redis

from backdesk.worker.failure import Failure
from backdesk.worker.model.job import ACTIVE, PENDING, TERMINAL, TRANSITIONS, Claim, HandedOver, JobState
from backdesk.worker.store.calls import text
from backdesk.worker.store.jobs import NewJob
from backdesk.worker.store.keys import CHANNELS, Keys, named
from backdesk.worker.store.scripts import Call, Script, load_script, run, run_apart
from tests.support.board import NOON_MS, Board, question

ROOMS = ("backdesk.worker.store", "backdesk.worker.memory")


def texts(folder: str) -> dict[str, str]:
    entries = (entry for room in ROOMS for entry in (files(room) / folder).iterdir())
    return {entry.name.removesuffix(".lua"): entry.read_text() for entry in entries if entry.name.endswith(".lua")}


SCRIPTS, SHARED = texts("lua"), texts("lua/shared")


def evaluate(client: redis.Redis, part: str, code: str, *argv: str | int) -> Any:
    """Run code behind one of the included files."""
    script = Script("under-test", f"{load_script(part).text}\n{code}")
    return run(client, Call(script, argv, lambda reply: reply))


# Calls


def test_calls_made_apart_are_answered_though_somebody_has_flushed_the_scripts(board: Board) -> None:
    calls = [board.transitions.prune(), board.transitions.relist()]
    for _ in range(2):
        board.client.script_flush()
        assert run_apart(board.client, calls) == [0, 0]
        assert run_apart(board.client, calls) == [0, 0]


def test_of_calls_made_apart_one_that_fails_gives_its_error_and_the_others_their_answers(board: Board) -> None:
    board.client.set(board.keys.forgetting, "by hand")
    failed, relisted = run_apart(board.client, [board.transitions.prune(), board.transitions.relist()])
    assert (type(failed), relisted) == (redis.ResponseError, 0)
    board.client.delete(board.keys.forgetting)


# Headers


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_header_says_purpose_arguments_answer_and_atomicity_in_this_order(name: str) -> None:
    header = re.match(r"(?:--.*\n)+", SCRIPTS[name])
    assert header is not None
    assert header[0].startswith(f"-- {name.capitalize()}: ")
    assert re.findall(r"^-- (ARGV|Returns|Atomic)\b", header[0], re.MULTILINE) == ["ARGV", "Returns", "Atomic"]


@pytest.mark.parametrize("name", sorted(SHARED))
def test_a_shared_file_is_one_that_others_include(name: str) -> None:
    assert any(f"\n--!include {name}\n" in text for text in [*SCRIPTS.values(), *SHARED.values()])


def test_a_job_is_submitted_with_exactly_what_the_script_takes_of_it() -> None:
    assert load_script("submit").signature.item == tuple(field.name for field in fields(NewJob))


def test_a_part_that_two_others_include_is_there_once() -> None:
    assert load_script("claim").text.count("function our.load_job") == 1


# Names


def test_lua_builds_the_names_that_python_builds(client: redis.Redis) -> None:
    keys = Keys("desk-2")
    expected: dict[str, str] = {}
    for name in named():
        value = getattr(keys, name)
        built = value if isinstance(value, str) else value(*"abc"[: len(signature(value).parameters)])
        expected[f"{name}_{'channel' if name in CHANNELS else 'key'}"] = built
    calls = [name if isinstance(named()[key(name)], property) else f"{name}('a', 'b', 'c')" for name in expected]
    answers = evaluate(client, "keys", f"return {{{', '.join(calls)}}}", "desk-2", "")
    assert [answer.decode() for answer in answers] == list(expected.values())


def test_a_channel_is_documented_as_one() -> None:
    assert {name for name, member in named().items() if str(member.__doc__).startswith("Channel")} == CHANNELS


def test_a_python_that_strips_docstrings_builds_the_same_scripts() -> None:
    program = (
        "from backdesk.worker.store.scripts import load_script; print(load_script.__doc__, load_script('finish').sha)"
    )
    told = subprocess.run([sys.executable, "-OO", "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["None", load_script("finish").sha]


def key(name: str) -> str:
    """The member of `Keys` that a name in Lua stands for."""
    return name.rpartition("_")[0]


# Time

MOMENTS = [
    "1970-01-01T00:00:00.000",
    "1999-12-31T23:59:59.999",
    "2000-02-29T12:30:15.007",
    "2000-03-01T00:00:00.000",
    "2023-02-28T23:59:59.999",
    "2024-02-29T00:00:00.001",
    "2024-12-31T23:59:59.999",
    "2026-11-20T22:11:00.450",
    "2038-01-19T03:14:08.000",
    "2100-02-28T23:59:59.999",
    "2100-03-01T00:00:00.000",
    "2400-02-29T06:07:08.090",
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_lua_writes_a_moment_as_python_does(client: redis.Redis, moment: str) -> None:
    ms = round(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1000)
    answer: bytes = evaluate(client, "clock", "return iso(tonumber(ARGV[3]))", "backdesk", "", ms)
    assert answer.decode() == f"{moment}Z"


def test_without_a_clock_of_the_test_the_time_is_the_servers(client: redis.Redis) -> None:
    seconds, _ = client.time()
    now_ms = int(evaluate(client, "clock", "return whole(now)", "backdesk", ""))
    assert 0 <= now_ms - seconds * 1000 < 60_000


def test_a_test_can_set_the_time(client: redis.Redis) -> None:
    assert int(evaluate(client, "clock", "return whole(now)", "backdesk", NOON_MS)) == NOON_MS


# States


def test_every_state_is_either_active_or_terminal() -> None:
    assert set(JobState) == ACTIVE | TERMINAL
    assert set() == ACTIVE & TERMINAL


def test_a_terminal_state_is_final_and_an_active_one_is_not() -> None:
    assert TRANSITIONS.keys() == ACTIVE


def test_a_job_that_has_not_begun_can_be_withdrawn_and_can_expire() -> None:
    assert all({JobState.CANCELLED, JobState.EXPIRED} <= TRANSITIONS[state] for state in PENDING)


def test_every_state_can_be_reached() -> None:
    assert set().union(*TRANSITIONS.values()) == set(JobState)


@pytest.mark.parametrize("state", sorted(JobState))
def test_every_transition_that_the_scripts_make_is_legal(client: redis.Redis, board: Board, state: JobState) -> None:
    """Each script is offered a job in this state, in time and late; what it does must be in the table."""
    for offer in OFFERS:
        for seconds in (0, 2, 6, 60):
            client.flushall()
            job_id = PREPARED[state](board)
            assert board.state(job_id) is state
            board.clock.advance(seconds)
            offer(board, job_id)
            after = board.state(job_id)
            assert after is state or after in TRANSITIONS.get(state, ()), f"{offer.__name__}: {state} -> {after}"


def _scheduled(board: Board) -> str:
    return board.submit(run_at_ms=board.clock() + 1000, expires_at_ms=board.clock() + 5000)


def _queued(board: Board) -> str:
    return board.submit(expires_at_ms=board.clock() + 5000)


def _running(board: Board) -> str:
    return board.start(_queued(board)).job_id


def _waiting(board: Board) -> str:
    claim = board.start(_queued(board))
    assert board.wait(claim, question("sure", within_s=1))
    return claim.job_id


def _ended(*, well: bool) -> Any:
    def prepare(board: Board) -> str:
        claim = board.start(_queued(board))
        assert board.succeed(claim) if well else board.fail(claim)
        return claim.job_id

    return prepare


def _cancelled(board: Board) -> str:
    job_id = _queued(board)
    board.run(board.transitions.cancel(job_id, "no use"))
    return job_id


def _expired(board: Board) -> str:
    job_id = _queued(board)
    board.clock.advance(6)
    board.run(board.transitions.expire())
    return job_id


def _steered(board: Board) -> str:
    taker = board.start(board.submit(conversation="c"))
    job_id = board.submit(conversation="c", when_busy="steer", expires_at_ms=board.clock() + 5000)
    board.run(board.transitions.steer(taker, [job_id]))
    return job_id


PREPARED: dict[JobState, Any] = {
    JobState.SCHEDULED: _scheduled,
    JobState.QUEUED: _queued,
    JobState.RUNNING: _running,
    JobState.WAITING: _waiting,
    JobState.SUCCEEDED: _ended(well=True),
    JobState.FAILED: _ended(well=False),
    JobState.CANCELLED: _cancelled,
    JobState.EXPIRED: _expired,
    JobState.STEERED: _steered,
}


def _claim(board: Board, job_id: str) -> None:
    board.claim(job_id)


def _cancel(board: Board, job_id: str) -> None:
    board.run(board.transitions.cancel(job_id, "no use"))


def _promote(board: Board, job_id: str) -> None:
    board.run(board.transitions.promote())


def _expire(board: Board, job_id: str) -> None:
    board.run(board.transitions.expire())


def _reap(board: Board, job_id: str) -> None:
    board.reap()


def _submit_again(board: Board, job_id: str) -> None:
    board.run(board.transitions.submit([board.job(job_id)]))


def _reject(board: Board, job_id: str) -> None:
    board.run(board.transitions.reject(job_id, "test.echo", "acme", Failure(code="x", message="x")))


def _claims(board: Board, job_id: str) -> list[Claim]:
    """That of the last attempt, if there was one, and one that was never made."""
    last = text(board.client.hget(board.keys.job(job_id), "fence") or b"")
    return [Claim(job_id, "test.echo", "acme", "agents", 1, fence, b"", {}, None, 0) for fence in ("never", last)]


def _finish(board: Board, job_id: str) -> None:
    for claim in _claims(board, job_id):
        board.emit(claim, "note")
        board.succeed(claim)
        board.fail(claim)


def _leave(board: Board, job_id: str) -> None:
    for claim in _claims(board, job_id):
        board.retry(claim)
        board.finish(claim, HandedOver())
        board.wait(claim, question())


def _answer(board: Board, job_id: str) -> None:
    board.answer(job_id, "sure")


def _answer_with_failure(board: Board, job_id: str) -> None:
    board.settle(job_id, "sure", b"", Failure(code="x", message="x"))


def _redeliver(board: Board, job_id: str) -> None:
    for unknown_kind in (False, True):
        board.run(board.transitions.redeliver(job_id, unknown_kind=unknown_kind))


OFFERS = [_claim, _cancel, _promote, _expire, _reap, _submit_again, _reject, _finish, _leave, _answer]
OFFERS += [_answer_with_failure, _redeliver]
