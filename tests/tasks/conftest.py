"""A shop of its own for each test: a real database file, the offline model, and a context that records."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from backdesk.agents.contract import AgentRequest, AgentResult
from backdesk.agents.desk import Desk
from backdesk.agents.provider import close_model
from backdesk.kinds.support.contract import SupportRequest, SupportResult
from backdesk.kinds.support.kind import support_request
from backdesk.platform.database import Database
from backdesk.platform.deployment import deployment, reset
from backdesk.platform.settings import load_settings
from backdesk.shop.testing import seeded_shop
from backdesk.worker.attempt.attempt_context import ProgressSink
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.job import Claim
from tests.support.contexts import task_context
from tests.support.memories import MEMORIES
from tests.support.openai_simulator import OpenAISimulator

R = TypeVar("R", bound=AgentResult)


class Recording:
    """A sink that keeps what it is told. `watched` may be a function that is asked each time."""

    def __init__(self, watched: bool | Callable[[], bool] = False) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.tokens: list[str] = []
        self._watched = watched

    @property
    def watched(self) -> bool:
        return self._watched if isinstance(self._watched, bool) else self._watched()

    def emit(self, event_type: str, data: dict[str, Any]) -> None:
        self.events.append((event_type, data))

    def token(self, text: str) -> None:
        self.tokens.append(text)

    def of(self, event_type: str) -> list[dict[str, Any]]:
        return [data for kind, data in self.events if kind == event_type]


def claim_of(job_id: str = "job-1", *, tenant: str = "acme", kind: str = "support.request", attempt: int = 1) -> Claim:
    return Claim(job_id, kind, tenant, "agents", attempt, b"", {}, None, 0)


def context_of(sink: ProgressSink, job_id: str = "job-1", *, tenant: str = "acme") -> TaskContext:
    """Make the context that the engine makes for an attempt."""
    return task_context(claim_of(job_id, tenant=tenant), sink)


async def converse(
    body: Callable[[TaskContext, Any], Awaitable[R]],
    request: AgentRequest,
    job_id: str = "job-1",
    *,
    sink: ProgressSink | None = None,
    tenant: str = "acme",
) -> R:
    """Run the body of a kind on one message."""
    return await body(context_of(sink or Recording(), job_id, tenant=tenant), request)


async def ask(
    message: str,
    job_id: str = "job-1",
    *,
    sink: ProgressSink | None = None,
    tenant: str = "acme",
    customer_id: str | None = None,
    conversation_id: str | None = None,
) -> SupportResult:
    """Run the support body on a message."""
    request = SupportRequest(message=message, customer_id=customer_id, conversation_id=conversation_id)
    return await converse(support_request, request, job_id, sink=sink, tenant=tenant)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A freshly seeded database file, to copy; its day is today."""
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite3"
    path.write_bytes(seeded_shop())
    return path


@pytest.fixture(scope="session", autouse=True)
def memories() -> Iterator[None]:
    """What outlives jobs is kept in one Redis, which ends with the last test."""
    yield
    MEMORIES.close()


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of the machine reaches a test, and no model is configured."""
    for name in [name for name in os.environ if name.startswith(("BACKDESK_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKDESK_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("BACKDESK_OFFLINE_TOKEN_DELAY_MS", "0")
    # Whoever would go out to a provider finds no way: only the simulator on this machine is reached directly.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    MEMORIES.begin()
    reset()
    yield
    reset()


@pytest.fixture
def shop(seeded: Path, tmp_path: Path) -> Database:
    """The database that the bodies of this test use."""
    shutil.copy(seeded, tmp_path / "shop.sqlite3")
    return deployment().database


def desk_of(shop: Database, job_id: str = "job-1", customer_id: str | None = None) -> Desk:
    """A desk as the engine's keys make it, without the engine."""
    return Desk(shop, "acme", customer_id, f"{job_id}:{{}}".format, load_settings())


@pytest.fixture
def desk(shop: Database) -> Desk:
    return desk_of(shop)


@pytest_asyncio.fixture
async def provider(monkeypatch: pytest.MonkeyPatch, shop: Database) -> AsyncIterator[OpenAISimulator]:
    """A provider that does as it is told, in place of the offline model."""
    with OpenAISimulator().running() as simulator:
        monkeypatch.setenv("OPENAI_BASE_URL", simulator.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-test")
        reset()
        yield simulator
        await close_model()
