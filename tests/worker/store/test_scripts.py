"""The Lua files: their headers tell the truth, and they name and count as Python does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest
import redis

from backdesk.worker.failure import Failure
from backdesk.worker.model.job import ACTIVE, PENDING, TERMINAL, TRANSITIONS, Claim, HandedOver, JobState
from backdesk.worker.settings import celery_queue
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.scripts import Call, Script, load_script, run
from tests.support.board import NOON_MS, Board, question

FOLDER = files("backdesk.worker.store") / "lua"
TEXTS = {
    entry.name.removesuffix(".lua"): entry.read_text() for entry in FOLDER.iterdir() if entry.name.endswith(".lua")
}
#: Files that others include; they read no arguments but the common ones.
PARTS = {"breaker", "budget", "clock", "dispatch", "ending", "events", "forget", "keys", "limits", "permission"}
PARTS |= {"history", "record", "service", "stats"}
#: What "common" stands for: the prefix, the clock, the idle window, the retention.
COMMON = 4
SCRIPTS = sorted(TEXTS.keys() - PARTS)


def header(name: str) -> dict[str, str]:
    """The header of a script: its purpose, and each of its labelled paragraphs."""
    comment = re.match(r"(?:--.*\n)+", TEXTS[name])
    assert comment is not None
    lines = [line.removeprefix("--").strip() for line in comment[0].splitlines() if not line.startswith("--!")]
    labels = re.split(r"\b(ARGV|Returns|Atomic)(?=[:. ])", " ".join(lines[1:]), maxsplit=3)
    return {"purpose": lines[0], **dict(zip(labels[1::2], labels[2::2], strict=True))}


def arguments(name: str) -> tuple[list[str], list[str]]:
    """The arguments that a header lists: those of the call, and those of each of its items."""
    text = re.sub(r"\([^)]*\)|\{[^}]*\}", "", header(name)["ARGV"].lstrip(": "))
    once, _, repeated = re.sub(r", as JSON with .*|as JSON with .*", "", text).partition("then for each")
    return _listed(once), _listed(repeated.partition(":")[2])


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def body(name: str) -> str:
    return re.sub(r"--.*", "", TEXTS[name])


def evaluate(client: redis.Redis, part: str, code: str, *argv: str | int) -> Any:
    """Run code behind one of the included files."""
    script = Script("under-test", f"{load_script(part).text}\n{code}")
    return run(client, Call(script, argv, lambda reply: reply))


# Headers


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_header_says_purpose_arguments_answer_and_atomicity_in_this_order(name: str) -> None:
    assert header(name)["purpose"].startswith(f"{name.capitalize()}: ")
    assert list(header(name)) == ["purpose", "ARGV", "Returns", "Atomic"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_header_begins_with_the_common_arguments(name: str) -> None:
    assert arguments(name)[0][0] == "common"


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_body_uses_exactly_the_arguments_of_its_header(name: str) -> None:
    once, repeated = arguments(name)
    used = {int(index) for index in re.findall(r"ARGV\[(\d+)\]", body(name))}
    assert used - {COMMON} == set(range(COMMON + 1, COMMON + len(once)))
    assert bool(repeated) == ("#ARGV" in body(name))


def test_submit_takes_as_many_values_a_job_as_its_header_lists(board: Board) -> None:
    _, repeated = arguments("submit")
    per_job = int(re.findall(r"local FIELDS = (\d+)", body("submit"))[0])
    one, two = (board.transitions.submit([board.job()] * count) for count in (1, 2))
    assert len(repeated) == per_job == len(two.arguments) - len(one.arguments)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_script_includes_only_files_that_exist(name: str) -> None:
    assert set(re.findall(r"--!include (\w+)", TEXTS[name])) <= PARTS


def test_a_part_that_two_others_include_is_there_once() -> None:
    assert load_script("claim").text.count("function our.job_key") == 1


# Names


def test_lua_builds_the_names_that_python_builds(client: redis.Redis) -> None:
    keys = Keys("desk-2")
    with_arguments: dict[str, tuple[Any, int]] = {
        "job_key": (keys.job, 1),
        "events_key": (keys.events, 1),
        "ledger_key": (keys.ledger, 1),
        "checkpoint_key": (keys.checkpoint, 1),
        "awaiting_key": (keys.awaiting, 1),
        "children_key": (keys.children, 1),
        "spent_key": (keys.spent, 1),
        "spent_day_key": (keys.spent_day, 2),
        "spenders_key": (keys.spenders, 1),
        "stats_key": (keys.stats, 3),
        "stats_of_day_key": (keys.stats_of_day, 1),
        "stranded_key": (keys.stranded, 1),
        "line_key": (keys.line, 3),
        "ready_key": (keys.ready, 2),
        "held_by_key": (keys.held_by, 1),
        "rate_key": (keys.rate, 1),
        "tenant_key": (keys.tenant, 1),
        "conversation_key": (keys.conversation, 2),
        "history_key": (keys.history, 2),
        "conversations_key": (keys.conversations, 1),
        "cache_key": (keys.cache, 2),
        "notes_key": (keys.notes, 2),
        "noted_key": (keys.noted, 1),
        "lane_key": (keys.lane, 1),
        "window_key": (keys.window, 1),
        "state_key": (keys.state, 1),
        "tenant_jobs_key": (keys.tenant_jobs, 1),
        "idempotency_key": (keys.idempotency, 2),
        "virtual_time_key": (keys.virtual_time, 1),
        "departed_key": (keys.departed, 1),
        "worker_key": (keys.worker, 1),
        "reservation_key": (keys.reservation, 1),
        "level_key": (keys.level, 1),
        "calls_key": (keys.calls, 1),
        "hold_key": (keys.hold, 1),
        "parked_key": (keys.parked, 1),
        "breaker_key": (keys.breaker, 1),
        "failures_key": (keys.failures, 1),
        "progress_channel": (keys.progress, 1),
        "tenant_channel": (keys.tenant_progress, 1),
        "schedule_key": (keys.schedule, 1),
    }
    expected = {name: build(*("abc"[:count])) for name, (build, count) in with_arguments.items()}
    expected |= {"parked_lines_key": keys.parked_lines, "service_limits_key": keys.service_limits}
    expected["breakers_channel"] = keys.breakers
    expected["celery_list"] = celery_queue(keys.prefix, "a")
    for name in (
        "leases",
        "due",
        "expiring",
        "stopping",
        "arrivals",
        "workers",
        "tenants",
        "slots",
        "leader",
        "kinds",
        "kinds_seen",
        "served",
        "buckets",
        "resources",
        "policy",
        "flow",
        "held",
        "limited",
        "maintenance",
        "schedules",
        "schedule_due",
    ):
        expected[f"{name}_key"] = getattr(keys, name)
    defined = re.findall(r"local (?:function )?(\w+_(?:key|channel|list))\b", TEXTS["keys"])
    calls = [f"{name}('a', 'b', 'c')" if f"function {name}" in TEXTS["keys"] else name for name in defined]
    answers = evaluate(client, "keys", f"return {{{', '.join(calls)}}}", "desk-2", "")
    assert dict(zip(defined, (answer.decode() for answer in answers), strict=True)) == expected


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


PREPARED: dict[JobState, Any] = {
    JobState.SCHEDULED: _scheduled,
    JobState.QUEUED: _queued,
    JobState.RUNNING: _running,
    JobState.WAITING: _waiting,
    JobState.SUCCEEDED: _ended(well=True),
    JobState.FAILED: _ended(well=False),
    JobState.CANCELLED: _cancelled,
    JobState.EXPIRED: _expired,
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


def _finish(board: Board, job_id: str) -> None:
    for attempt in (0, 1, 2):
        claim = Claim(job_id, "test.echo", "acme", "agents", attempt, b"", {}, None, 0)
        board.emit(claim, "note")
        board.succeed(claim)
        board.fail(claim)


def _leave(board: Board, job_id: str) -> None:
    for attempt in (0, 1, 2):
        claim = Claim(job_id, "test.echo", "acme", "agents", attempt, b"", {}, None, 0)
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
