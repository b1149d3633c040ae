"""A warehouse that is a service: JSON by HTTP, with a bearer key, and 30 s to connect, to begin and to end an answer.

| | |
|---|---|
| `POST /jobs`, with `Idempotency-Key` | keeps an extraction: `{"pipeline_id", "job_url"}` |
| `PUT /pipelines/{id}` | takes `{"status", "figures"}` |
| `GET /pipelines/{id}` | `{"pipeline_id", "status", "figures"}` |
| `POST /queries` | takes `{"dataset_id", "sql", "save_as"}`, gives `{"rows": [{...}]}` |
| `GET /health` | anything |

A query that only looks at the data brings `max_rows` and `timeout_s`, too.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from backdesk.kinds.features.settings import WarehouseSettings
from backdesk.kinds.features.warehouse.protocol import Look, PipelineJob, PipelineStatus, Rows, SavedJob, Status, Tell
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

if TYPE_CHECKING:
    import httpx2

V = TypeVar("V", bound=BaseModel)

_MOST_BYTES = 8 * 1024 * 1024
#: What may be otherwise the next time: too many requests, and faults of the server.
_PASSING = frozenset({408, 409, 425, 429}) | frozenset(range(500, 600))


class HttpWarehouse:
    """A tenant's warehouse at an address."""

    def __init__(self, settings: WarehouseSettings, tenant: str) -> None:
        self._settings = settings
        self._tenant = tenant

    def save_job(self, job: PipelineJob, key: str) -> SavedJob:
        body = job.model_dump(mode="json")
        return _as(SavedJob, self._ask("POST", "/jobs", body, {"Idempotency-Key": key}))

    def record(self, pipeline_id: str, status: Status, figures: dict[str, Any]) -> None:
        self._ask("PUT", f"/pipelines/{quote(pipeline_id, safe='')}", {"status": status, "figures": figures})

    def pipeline_status(self, pipeline_id: str) -> PipelineStatus:
        return _as(PipelineStatus, self._ask("GET", f"/pipelines/{quote(pipeline_id, safe='')}"))

    def execute_query(
        self, dataset_id: str, sql: str, tell: Tell, *, save_as: str = "", look: Look | None = None
    ) -> Rows:
        bounds = {"max_rows": look.rows, "timeout_s": look.timeout_s} if look else {}
        body = {"dataset_id": dataset_id, "sql": sql, "save_as": save_as, **bounds}
        found = _as(Rows, self._ask("POST", "/queries", body))
        return Rows(rows=found.rows[: look.rows]) if look else found

    def health(self) -> str:
        """Return what it says of itself. Raises TaskError when it does not."""
        return self._ask("GET", "/health")[:200].decode("utf-8", "replace")

    def _ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> bytes:
        import httpx2  # noqa: PLC0415 - when it is used

        try:
            return asyncio.run(self._asked(method, path, body, headers or {}))
        except (httpx2.TimeoutException, TimeoutError):
            said = f"the warehouse has not answered {method} {path} within {self._settings.timeout_s:g} s"
            raise TaskError("warehouse_timeout", said, category=Category.TIMEOUT, transient=True) from None
        except httpx2.HTTPError as error:
            said = f"the warehouse cannot be reached for {method} {path}: {type(error).__name__}"
            raise TaskError("warehouse_unreachable", said, category=Category.NETWORK, transient=True) from None

    async def _asked(self, method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
        """Ask on a loop: the time-outs of a client are for single reads, of which a slow server has any number."""
        import httpx2  # noqa: PLC0415 - as above

        sent = {"X-Tenant": self._tenant, **headers}
        if (key := self._settings.key) is not None:
            sent["Authorization"] = f"Bearer {key.get_secret_value()}"
        address = f"{(self._settings.url or '').rstrip('/')}{path}"
        async with (
            asyncio.timeout(self._settings.timeout_s),
            httpx2.AsyncClient(timeout=None, verify=_certificates()) as client,
            client.stream(method, address, json=body, headers=sent) as answer,
        ):
            return await _read(answer)


@cache
def _certificates() -> ssl.SSLContext:
    """Read whom to trust once a process: that takes longer than a request."""
    import httpx2  # noqa: PLC0415 - as above

    return httpx2.create_ssl_context()


async def _read(answer: httpx2.Response) -> bytes:
    data = bytearray()
    async for piece in answer.aiter_bytes():
        data += piece
        if len(data) > _MOST_BYTES:
            raise TaskError("warehouse_answer_too_large", f"the warehouse answers with more than {_MOST_BYTES} bytes")
    if answer.status_code in _PASSING:
        raise TaskError(
            "warehouse_failed",
            f"the warehouse answers with status {answer.status_code}",
            category=Category.NETWORK,
            transient=True,
        )
    if not 200 <= answer.status_code < 300:
        said = bytes(data[:300]).decode("utf-8", "replace")
        category = Category.AUTHENTICATION if answer.status_code in (401, 403) else Category.VALIDATION
        raise TaskError(
            "warehouse_refused", f"the warehouse refuses with status {answer.status_code}: {said}", category=category
        )
    return bytes(data)


def _as(model: type[V], data: bytes) -> V:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"])) or "the answer"
        raise TaskError(
            "warehouse_answer_invalid",
            f"the warehouse answers with something else than {model.__name__}: {field}: {error.errors()[0]['msg']}",
            category=Category.DATA_CORRUPTION,
        ) from None
