"""What a limit is about, as people write it: `kind:orders.audit`, `queue:agents`, `tenant:acme/model:openai/gpt-4o`."""

from __future__ import annotations

from dataclasses import dataclass

from backdesk.client.operations.job_limits import job_scope
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.service import Scope

EXAMPLES = "kind:orders.audit, tenant:acme/kind:orders.audit, queue:agents, model:openai/gpt-4o, tenant:acme/model:..."


@dataclass(frozen=True, slots=True)
class JobScope:
    """A kind, a kind of a tenant (`*` is each tenant), or a queue."""

    kind: str | None = None
    tenant: str | None = None
    queue: str | None = None

    @property
    def names(self) -> dict[str, str | None]:
        """What is meant, as the client takes it."""
        return {"kind": self.kind, "tenant": self.tenant, "queue": self.queue}

    def __str__(self) -> str:
        return job_scope(**self.names)


def read_scope(text: str, such_as: str = EXAMPLES) -> JobScope | Scope:
    """Return what is meant: jobs, or an outside service. Raises InvalidRequest, which tells what may be written."""
    tenant, slash, rest = "", "", text
    if text.startswith("tenant:"):
        tenant, slash, rest = text.removeprefix("tenant:").partition("/")
        if not tenant or (slash and not rest):
            raise _none(text, such_as)
        if not rest:
            return Scope(tenant=tenant)
    sort, _, name = rest.partition(":")
    if sort in {"model", "service"} and name:
        return _service(name, tenant)
    if not name or sort not in {"kind", "queue"} or (sort == "queue" and tenant):
        raise _none(text, such_as)
    scope = JobScope(**{sort: name}, tenant=tenant or None)
    job_scope(**scope.names)
    return scope


def _none(text: str, such_as: str) -> InvalidRequest:
    return InvalidRequest("scope", f"{text!r} is none; write such as {such_as}")


def _service(name: str, tenant: str) -> Scope:
    resource, separator, key = name.partition("#")
    if separator and not key:
        raise InvalidRequest("scope", f"{name!r} has no key after the #")
    return Scope(resource, key, tenant)


def written(scope: str) -> str:
    """Return a scope of the store as people write it."""
    words = scope.split()
    if words[0] in {"queue", "kind", "service"}:
        return ":".join(words)
    if words[0] == "tenant":
        return f"tenant:{words[1]}/kind:{words[3]}" if len(words) == 4 else f"tenant:{words[1]}"
    return f"tenant:{words[2]}/model:{words[0]}" if len(words) == 3 else f"model:{words[0]}"


def sentence(scope: str) -> str:
    """Return a scope of the store as it stands in a sentence: `kind orders.audit of tenant acme`."""
    words = scope.split()
    if len(words) == 4 and words[0] == "tenant":
        return f"kind {words[3]} of tenant {words[1]}"
    return f"{words[0]} for tenant {words[2]}" if len(words) == 3 else scope
