"""A task message as a plain Celery client writes it (Celery's message protocol 2 in kombu's envelope), read and reused.

https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from backdesk.worker.errors import BackdeskError, InvalidRequest
from backdesk.worker.model.contract import encode_json
from backdesk.worker.model.job import DEFAULT_PRIORITY, NAME_PATTERN
from backdesk.worker.model.options import JobOptions
from backdesk.worker.store.jobs import NewJob

_NAME = re.compile(NAME_PATTERN)
#: What a delivery tells Celery. Not when to run, for how long or how often: those are the job store's.
DELIVERY_HEADERS = frozenset(
    {"lang", "task", "id", "root_id", "parent_id", "group", "group_index", "replaced_task_nesting", "origin"}
    | {"ignore_result", "argsrepr", "kwargsrepr", "stamps", "stamped_headers"}
)
#: What a delivery tells besides: how many slots its job takes, where that does not follow from its kind.
SLOTS_HEADER = "slots"
#: The options that a caller may pass beside the request; everything else about a job is in Celery's own headers.
OPTIONS = frozenset({"tenant", "priority", "metadata", "budget", "slots"})
_KWARGS = OPTIONS | {"request"}


class NoTaskMessage(BackdeskError):
    """The item is not a Celery task message that could be answered: there is no usable task id in it."""


@dataclass(frozen=True, slots=True)
class ForeignMessage:
    """A decoded task message."""

    id: str
    kind: str
    args: list[Any]
    kwargs: dict[str, Any]
    embed: dict[str, Any]
    headers: dict[str, Any]
    properties: dict[str, Any]

    @property
    def tenant(self) -> str | None:
        """The tenant that the caller names, if it is a valid name."""
        tenant = self.kwargs.get("tenant")
        return tenant if isinstance(tenant, str) and _NAME.fullmatch(tenant) else None

    @property
    def wants_result(self) -> bool:
        """Whether the caller may be waiting for `AsyncResult.get()`."""
        return not self.headers.get("ignore_result")

    def job(self) -> tuple[object, JobOptions]:
        """Return the request and the options that the message asks for; raises InvalidRequest."""
        unknown = sorted(self.kwargs.keys() - _KWARGS)
        if unknown:
            raise InvalidRequest(unknown[0], f"unknown argument; kwargs may hold {', '.join(sorted(_KWARGS))}")
        of_celery = {
            "priority": _priority(self.properties.get("priority")),
            "at": _moment("eta", self.headers.get("eta")),
            # In Celery a task expires when it has not begun by then.
            "start_by": _moment("expires", self.headers.get("expires")),
        }
        passed = {name: value for name, value in self.kwargs.items() if name in OPTIONS}
        return self._request(), JobOptions(**(of_celery | passed))

    def _request(self) -> object:
        if "request" in self.kwargs:
            return self.kwargs["request"]
        if len(self.args) == 1:
            return self.args[0]
        raise InvalidRequest("request", 'missing: send kwargs={"request": {...}}')

    def with_delivery(self, job: NewJob, queue: str) -> NewJob:
        """Return the job with a message for Celery that keeps the caller's links, chains and wish for a result.

        Raises InvalidRequest for what is nested too deep in them.
        """
        kept = {name: value for name, value in self.headers.items() if name in DELIVERY_HEADERS}
        headers = {**kept, "argsrepr": "", "kwargsrepr": f"tenant={job.tenant}"}
        if job.slots:
            headers[SLOTS_HEADER] = job.slots
        properties = {
            "correlation_id": self.properties.get("correlation_id") or self.id,
            "reply_to": self.properties.get("reply_to") or "",
            "delivery_tag": self.id,
            "delivery_mode": 2,
            "priority": 0,
            "delivery_info": {"exchange": "", "routing_key": queue},
        }
        envelope = {
            "body": encode_json("embed", [[], {}, self.embed]).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": properties,
        }
        return replace(job, delivery=encode_json("headers", envelope))


def task_name(raw: bytes) -> str | None:
    """Return the name of the task that an item asks for; None when it is no task message that could be a job's."""
    try:
        return read_foreign(raw).kind
    except NoTaskMessage:
        return None


def read_foreign(raw: bytes) -> ForeignMessage:
    """Decode an item of an inbox; raises NoTaskMessage when it names no task to answer for."""
    try:
        envelope = from_json(raw)
        headers, properties = envelope["headers"], envelope.get("properties") or {}
        task_id, kind = headers["id"], headers["task"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NoTaskMessage(f"no Celery task message: {error!r}") from None
    if not isinstance(properties, dict):
        raise NoTaskMessage(f"no Celery task message: properties are {type(properties).__name__}")
    if not (isinstance(task_id, str) and _NAME.fullmatch(task_id) and isinstance(kind, str)):
        raise NoTaskMessage(f"task id {task_id!r} or name {kind!r} cannot be those of a job")
    args, kwargs, embed = _body(envelope, properties)
    return ForeignMessage(task_id, kind, args, kwargs, embed, headers, properties)


def _body(envelope: dict[str, Any], properties: dict[str, Any]) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """Decode the body. One that cannot be read becomes an argument that no job takes, so that the job says so."""
    try:
        body = envelope["body"]
        if properties.get("body_encoding") == "base64":
            body = base64.b64decode(body)
        args, kwargs, embed = from_json(body)
        if isinstance(args, list) and isinstance(kwargs, dict):
            return args, kwargs, embed if isinstance(embed, dict) else {}
    except (ValueError, TypeError, KeyError, binascii.Error):
        pass
    return [], {"body": f"unreadable ({envelope.get('content-type')})"}, {}


def _priority(priority: object) -> int:
    """Translate a Celery priority on Redis, where 0 is both the highest and the default, to ours."""
    if not isinstance(priority, int) or not 0 <= priority <= 9:
        return DEFAULT_PRIORITY
    return round(DEFAULT_PRIORITY * (9 - priority) / 9)


def _moment(field: str, value: object) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidRequest(field, f"{value!r} must be a moment in ISO 8601") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
