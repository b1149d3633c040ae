"""The pool for coroutines: what waits costs no thread, and Celery sees each task as it does in its own pools."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu.utils.imports import symbol_by_name

from backdesk.cli.run.celery_processes import LOOP_POOL
from backdesk.worker.celery.pool import Attempt, LoopPool, ended_attempt
from backdesk.worker.model.job import JobState
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.plain import plain_celery
from tests.support.workers import Fleet, Worker

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")

LIVE = 150
#: The threads of a worker with nothing to do, and some that Redis clients start.
OWN_THREADS = 40


def test_the_command_line_names_the_pool() -> None:
    assert symbol_by_name(LOOP_POOL) is LoopPool


def _threads(worker: Worker) -> int:
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return int(status.partition("Threads:")[2].split()[0])


def _shop(fleet: Fleet) -> Any:
    prefix = fleet.settings.prefix
    return plain_celery(
        fleet.url, control_exchange=f"{prefix}.control", event_exchange=f"{prefix}.events", event_queue_prefix=prefix
    )


def test_jobs_that_wait_cost_no_threads_and_celery_knows_each_of_them(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet, _shop(fleet) as shop:
        worker, flag = fleet.start_worker(slots=LIVE), tmp_path / "go"
        jobs = fleet.jobs.submit_many("test.wait_for_file", [{"flag": str(flag)}] * LIVE)
        eventually(lambda: fleet.jobs.counts()[JobState.RUNNING] == LIVE, what="all of them at once")
        assert _threads(worker) < OWN_THREADS
        inspect = shop.control.inspect([worker.name], timeout=PATIENCE_S, limit=1)
        assert {task["id"] for task in inspect.active()[worker.name]} == {job.id for job in jobs}
        pool = inspect.stats()[worker.name]["pool"]
        assert (pool["implementation"], pool["max-concurrency"], pool["coroutines"]) == (LOOP_POOL, LIVE, LIVE)
        flag.touch()
        eventually(lambda: fleet.jobs.counts()[JobState.SUCCEEDED] == LIVE, what="the end of all")
        eventually(lambda: inspect.active() == {worker.name: []}, what="the end at Celery")
        assert worker.stop() == 0


def test_flower_sees_a_coroutine_begin_and_end(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    worker = fleet.start_worker(slots=2)
    with _shop(fleet) as shop, shop.connection() as connection:
        seen: list[tuple[str, str]] = []
        receiver = shop.events.Receiver(
            connection, handlers={"*": lambda event: seen.append((event["type"], event.get("uuid", "")))}
        )
        listening = receiver.itercapture(limit=None, timeout=PATIENCE_S, wakeup=False)
        next(listening)
        shop.control.enable_events(destination=[worker.name], reply=True, timeout=PATIENCE_S, limit=1)
        good = fleet.jobs.submit("test.echo", {"text": "hi"})
        bad = fleet.jobs.submit("test.end", {"text": "task_error"})
        ends = {("task-succeeded", good.id), ("task-failed", bad.id)}
        while not ends <= {*seen}:
            next(listening)
        for job in (good, bad):
            assert [kind for kind, job_id in seen if job_id == job.id][:2] == ["task-received", "task-started"]


def test_a_thread_that_has_told_of_a_coroutine_runs_a_body_of_its_own_next(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    fleet.start_worker(slots=1)
    with plain_celery(fleet.url, task_default_queue=fleet.settings.inbox) as shop:
        for text in ("first", "second"):
            sent = shop.send_task("test.echo", kwargs={"request": {"text": text}})
            assert sent.get(timeout=PATIENCE_S) == {"text": text}
            job = fleet.jobs.submit("test.echo_def", {"text": f"after the {text}"})
            assert job.result(timeout=PATIENCE_S) == {"text": f"after the {text}"}


@pytest.mark.parametrize("kind", ["test.echo", "test.echo_def"])
def test_celerys_own_threads_run_everything_too(tmp_path: Path, kind: str) -> None:
    with Fleet(tmp_path) as fleet:
        worker = fleet.start_worker(slots=2, pool="threads")
        assert fleet.jobs.submit(kind, {"text": "hi"}).result(timeout=PATIENCE_S) == {"text": "hi"}
        assert worker.stop() == 0


class Listener:
    """The request of a task of whose end Celery is told in memory alone."""

    told_at_once = True

    def __init__(self, told: list[Any]) -> None:
        self.told = told

    def on_success(self, outcome: Any) -> None:
        self.told.append(outcome)


class Hands:
    """A task of one kind whose attempts end when the test says so, and the pool that runs it."""

    def __init__(self) -> None:
        app = Celery("hands", set_as_current=False)
        self.attempt: Attempt
        self.told: list[Any] = []
        hands = self

        class Handed(app.Task):  # type: ignore[misc,name-defined]  # Celery is untyped
            name = "handed"
            on_loop = True

            def begin(self, _job_id: str, _worker: str, ended: Attempt) -> None:
                hands.attempt = ended

            def is_unheard(self, outcome: str) -> bool:
                return outcome == "unheard of"

            def run(self) -> str:
                ended = ended_attempt.get()
                assert ended is not None
                return str(ended.result())

        self.task = app.register_task(Handed())
        self.pool = LoopPool(2, app=app)
        self.pool.start()

    def apply(self, callback: Any, tracer: Any = None) -> Future[None]:
        arguments = ("handed", "job-1", {"hostname": "here"})
        tracer = tracer or (lambda *_: self.task.run())
        return self.pool.apply_async(tracer, args=arguments, callback=callback).f  # type: ignore[no-any-return]


@pytest.fixture
def hands() -> Iterator[Hands]:
    hands = Hands()
    yield hands
    hands.pool.executor.shutdown()


def test_celery_is_told_the_outcome_of_the_attempt(hands: Hands) -> None:
    ended = hands.apply(hands.told.append)
    hands.attempt.set_result("done")
    ended.result(PATIENCE_S)
    assert hands.told == ["done"]


def test_celery_is_told_how_long_the_attempt_took_and_not_how_long_telling_did(hands: Hands) -> None:
    ended = hands.apply(hands.told.append, lambda *_: (False, hands.task.run(), 0.0001))
    hands.attempt.began -= 60
    hands.attempt.set_result("done")
    ended.result(PATIENCE_S)
    ((failed, value, runtime),) = hands.told
    assert (failed, value) == (False, "done")
    assert runtime >= 60


def test_what_goes_wrong_in_telling_celery_is_known_to_whoever_follows(hands: Hands) -> None:
    def fail(_: object) -> None:
        raise SystemExit("Celery's callback")

    ended = hands.apply(fail)
    hands.attempt.set_result("done")
    assert isinstance(ended.exception(PATIENCE_S), SystemExit)
    hands.pool.stop()


def test_a_pool_that_stops_waits_until_celery_knows_of_all_that_runs(hands: Hands) -> None:
    hands.apply(hands.told.append)
    stopping = threading.Thread(target=hands.pool.stop)
    stopping.start()
    assert stopping.is_alive()
    hands.attempt.set_result("done")
    stopping.join(PATIENCE_S)
    assert hands.told == ["done"]


@pytest.mark.parametrize(("outcome", "told"), [("unheard of", []), ("heard of", ["heard of"])])
def test_celery_is_not_told_what_nobody_would_hear_of(hands: Hands, outcome: str, told: list[str]) -> None:
    ended = hands.apply(Listener(hands.told).on_success)
    hands.attempt.set_result(outcome)
    ended.result(PATIENCE_S)
    assert hands.told == told
    hands.pool.stop()
