"""A deployment of several tenants without workers, whose gateway lets in who has a key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import redis
from pydantic import SecretStr

from backdesk.client import JobClient
from backdesk.worker.model.access import Scope
from backdesk.worker.model.asks import Ask, AskType, Awaited
from backdesk.worker.model.contract import KindContract
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from tests.support.board import Board
from tests.support.gateway import serving
from tests.support.servers import Servers
from tests.support.webhooks import KEY
from tests.support.workers import fast_settings

TENANTS = ("acme", "other", None)


class House:
    """The deployment, and callers of every sort: keys of each scope, for two tenants and for all."""

    def __init__(self, settings: Settings, client: redis.Redis, jobs: JobClient) -> None:
        self.settings = settings
        self.redis = client
        self.jobs = jobs
        self.board = Board(client, settings)
        contract = KindContract(kind="test.echo", queue="agents")
        client.hset(self.board.keys.kinds, "test.echo", contract.model_dump_json())
        self.secrets: dict[tuple[str, str | None], str] = {
            (scope, tenant): jobs.keys.add(f"{scope} of {tenant or 'all'}", scope=scope, tenant=tenant).secret
            for scope in Scope
            for tenant in TENANTS
        }

    def key(self, scope: str = "admin", tenant: str | None = "acme") -> dict[str, str]:
        """The headers of a caller."""
        return {"authorization": f"Bearer {self.secrets[scope, tenant]}"}

    def asking(self, tenant: str = "acme", type_: AskType = AskType.APPROVAL, **ask: Any) -> str:
        """A job of a tenant that waits for a person."""
        self.board.announce(agents=100)
        job_id = self.board.submit(f"asking-{self.redis.incr('tests:asking')}", tenant=tenant)
        claim = self.board.start(job_id)
        fields: dict[str, Any] = {"name": "sure", "prompt": "Sure?", **ask}
        self.board.wait(claim, Awaited(Ask(type=type_, **fields), f"ask:{fields['name']}"))
        return job_id


@contextmanager
def housed(servers: Servers, folder: Path) -> Iterator[House]:
    """Keep a deployment of its own for the block."""
    with ExitStack() as stack:
        server = servers.take()
        stack.callback(servers.give_back, server)
        kept = {"data_dir": folder, "webhook_key": SecretStr(KEY)}
        settings = fast_settings(server.url).model_copy(update=kept)
        client = stack.enter_context(connect(server.url))
        jobs = stack.enter_context(JobClient(settings=settings))
        yield House(settings, client, jobs)


@contextmanager
def reached(settings: Settings, **options: Any) -> Iterator[httpx2.Client]:
    """Serve a deployment with other settings of the gateway, and give a client without a key."""
    with serving(settings, **options) as url, httpx2.Client(base_url=url, trust_env=False, timeout=30) as client:
        yield client
