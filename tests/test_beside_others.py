"""The wheel in a project of somebody else, whose `tasks.py`, `worker/` and `producers.py` are called as our folders."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from backdesk.client import JobClient
from backdesk.worker.embedded.server import EmbeddedRedis
from tests.support.eventually import eventually
from tests.support.installed import Installed, build_wheel, running

# Longer than other tests may take: what is installed afresh is also compiled afresh.
pytestmark = [pytest.mark.extras, pytest.mark.timeout(600)]

TASKS = """
from backdesk.worker import TaskContext, task
from pydantic import BaseModel

from worker.greetings import greeting


class Named(BaseModel):
    name: str


class Greeted(BaseModel):
    text: str


@task("ours.greet")
async def greet(ctx: TaskContext, request: Named) -> Greeted:
    ctx.progress(0.5, "Looking for the right word")
    return Greeted(text=greeting(request.name))
"""
GREETINGS = """
def greeting(name: str) -> str:
    return f"Hello, {name}!"
"""
PRODUCERS = """
from backdesk.client import JobClient

from tasks import Named, greet

with JobClient() as client:
    job = client.submit(greet, Named(name="Ada"))
    with job.watch() as events:
        told = [event.type for event in events]
    print(told[0], "progress" in told, told[-1], job.result(timeout=110).text)
"""
BENCH = """
from backdesk.testing import Bench

from tasks import Greeted


def test_it_greets():
    with Bench() as bench:
        assert bench.run("ours.greet", {"name": "Ada"}).result == Greeted(text="Hello, Ada!")
"""
WATCHED = "queued True succeeded Hello, Ada!\n"
OURS = {"BACKDESK_TASK_MODULES": "tasks"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A folder with modules of its own, and an environment in which backdesk is installed."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "worker").mkdir()
    for name, text in {
        "tasks.py": TASKS,
        "worker/__init__.py": "",
        "worker/greetings.py": GREETINGS,
        "producers.py": PRODUCERS,
        "test_tasks.py": BENCH,
    }.items():
        (folder / name).write_text(text)
    return Installed(folder, build_wheel(tmp_path_factory.mktemp("wheel")), "testing")


@pytest.fixture
def up(project: Installed) -> Iterator[None]:
    """What `backdesk up` runs in that folder."""
    with running(project.start("backdesk", "up", "--json", "--agents", "2", "--tools", "1", "--no-flower", **OURS)):
        eventually(lambda: '"ready"' in (project.folder / "backdesk.log").read_text(), 60, what="all of it")
        yield


@pytest.mark.usefixtures("up")
def test_a_client_finds_what_is_up_in_its_folder_and_watches_a_job_of_its_own_kind(project: Installed) -> None:
    assert project.run("python", "producers.py") == WATCHED


def test_a_worker_runs_a_kind_of_the_folder(project: Installed, redis_server: EmbeddedRedis) -> None:
    env = {"BACKDESK_REDIS_URL": redis_server.url, **OURS}
    words = ("submit", "ours.greet", "--name", "Ada", "--wait", "--json")
    with running(project.start("backdesk", "worker", "agents", **env)), JobClient(redis_server.url) as client:
        eventually(client.kinds, 60, what="the kinds of the worker")
        assert json.loads(project.run("backdesk", *words, expect=0, **env))["result"] == {"text": "Hello, Ada!"}


def test_the_bench_runs_it_in_a_test_of_the_folder(project: Installed) -> None:
    assert "1 passed" in project.run("python", "-m", "pytest", "-q", "-W", "error", "test_tasks.py")
