"""Tools out of a document of OpenAPI 3.0 or 3.1: the operations that are chosen from it, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backdesk.agents.outcome import Refusal
from backdesk.agents.tools import ConsentRule, Tool
from backdesk.platform.guarded_network import Resolve, resolve
from backdesk.tools.http.address import Address, RequestRefused, read_address
from backdesk.tools.http.caller import Caller
from backdesk.tools.http.checking import api_dependency
from backdesk.tools.http.guard import Guard
from backdesk.tools.http.operation import BODY, METHODS, ApiKey, Operation, Parameter
from backdesk.tools.http.schemas import Schemas
from backdesk.tools.http.tool import TEXT_TYPES, HttpAnswer, accept_of, operation_tool
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import ConfigurationError

#: Longest description that a model reads of an operation, and of each argument. Characters.
MOST_TOLD = 1_000
#: What is said by `key`, and by the call itself.
_JSON = re.compile(r"application/(json|.+\+json)(;.*)?", re.IGNORECASE)
_LEFT_OUT = frozenset({"accept", "content-type", "authorization"})


def openapi_tools(
    document: Mapping[str, Any] | Path | str,
    operations: Sequence[str],
    *,
    hosts: Sequence[str],
    server: str = "",
    prefix: str = "",
    idempotent: Sequence[str] = (),
    consent: Mapping[str, ConsentRule] | None = None,
    key: ApiKey | None = None,
    ports: tuple[int, ...] = (),
    types: tuple[str, ...] = TEXT_TYPES,
    ttl_s: float = 0,
    public: bool = False,
    timeout_s: float = 20,
    max_bytes: int = 2_000_000,
    private: bool = False,
    resolve: Resolve = resolve,
) -> list[Tool[..., HttpAnswer | Refusal]]:
    """Return a tool for each operation that is named by its `operationId`, with what `http_tool` does for one.

    `document` is a file of JSON or YAML, or what was read of it. Each server that it names must be among `hosts`;
    `server` takes their place. A GET is pure, an operation in `idempotent` has the header Idempotency-Key, and all
    others are unsafe. A tool is called as its operation, behind `prefix`.

    Raises ConfigurationError for an operation that is not there or cannot be called so, and for a reference out of the
    document.
    """
    whole = _read(document)
    schemas = Schemas(whole)
    found = {each.name: each for each in _described(whole, schemas)}
    if missing := [name for name in operations if name not in found]:
        there = ", ".join(sorted(found))
        raise ConfigurationError(f"the document has no operation {', '.join(missing)}; it has {there}")
    chosen: list[tuple[_Described, Operation, Caller]] = []
    for described in (found[name] for name in operations):
        base = _server(server, described, whole)
        guard = replace(
            _guard(base, hosts, ports, described.name),
            types=types,
            max_bytes=max_bytes,
            timeout_s=timeout_s,
            private=private,
            resolve=resolve,
        )
        effect = _effect(described.method, idempotent=described.name in idempotent)
        caller = Caller(guard, effect, ttl_s if effect is Effect.PURE else 0.0, public)
        chosen.append((described, _operation(schemas, described, base, key, types), caller))
    if not chosen:
        return []
    api = api_dependency("HTTP API", [(operation, caller.guard) for _, operation, caller in chosen])
    return [
        operation_tool(
            re.sub(r"[^A-Za-z0-9_-]", "_", prefix + described.name)[:64],
            described.told,
            operation,
            caller,
            api,
            consent=(consent or {}).get(described.name),
        )
        for described, operation, caller in chosen
    ]


@dataclass(frozen=True, slots=True)
class _Described:
    """An operation of the document, and the path that it belongs to."""

    method: str
    path: str
    item: Mapping[str, Any]
    operation: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.operation["operationId"])

    @property
    def told(self) -> str:
        about = self.operation.get("description") or self.operation.get("summary") or self.name
        return str(about)[:MOST_TOLD]


def _read(document: Mapping[str, Any] | Path | str) -> Mapping[str, Any]:
    if isinstance(document, Mapping):
        whole: Any = document
    else:
        import yaml  # noqa: PLC0415 - documents are read once

        try:
            text = Path(document).read_text("utf-8")
            whole = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise ConfigurationError(f"{document} is no document of OpenAPI: {error}") from None
    if not isinstance(whole, Mapping) or not str(whole.get("openapi", "")).startswith(("3.0", "3.1")):
        raise ConfigurationError("the document must say openapi: 3.0.x or 3.1.x")
    return whole


def _described(whole: Mapping[str, Any], schemas: Schemas) -> Iterator[_Described]:
    for path, raw in whole.get("paths", {}).items():
        item = schemas.resolved(raw)
        for method, operation in item.items():
            if method.upper() in METHODS and "operationId" in operation:
                yield _Described(method.upper(), path, item, operation)


def _server(given: str, described: _Described, whole: Mapping[str, Any]) -> Address:
    """Return where an operation is; the nearest that says it counts."""
    levels: list[Mapping[str, Any]] = [described.operation, described.item, whole]
    servers: Any = next((each["servers"] for each in levels if each.get("servers")), [{}])
    url = given or str(servers[0].get("url", ""))
    for variable, told in servers[0].get("variables", {}).items():
        url = url.replace(f"{{{variable}}}", str(told.get("default", "")))
    try:
        return read_address(url)
    except RequestRefused:
        message = f"the document names no server of {described.name} by its whole address ({url!r}): say server="
        raise ConfigurationError(message) from None


def _guard(base: Address, hosts: Sequence[str], ports: tuple[int, ...], name: str) -> Guard:
    plain = base.scheme == "http"
    guard = Guard(
        tuple(host.lower() for host in hosts),
        ports=frozenset({base.port, *ports, *({443} if plain else ())}),
        plain=plain,
    )
    try:
        guard.check(base)
    except RequestRefused as error:
        raise ConfigurationError(f"the server of {name} is not to be asked: {error}") from None
    return guard


def _effect(method: str, *, idempotent: bool) -> Effect:
    if method == "GET":
        return Effect.PURE
    return Effect.IDEMPOTENT if idempotent else Effect.UNSAFE


def _operation(
    schemas: Schemas, described: _Described, base: Address, key: ApiKey | None, types: tuple[str, ...]
) -> Operation:
    levels = (described.item, described.operation)
    both = [schemas.resolved(each) for level in levels for each in level.get("parameters", ())]
    # Those of the operation take the place of those of its path.
    declared = {(each["in"], each["name"]): each for each in both}
    parameters = tuple(_parameters(schemas, [*declared.values()], described.name, key))
    body, required = _body(schemas, described)
    return Operation(
        described.method,
        base.url.rstrip("/") + described.path,
        parameters,
        body=body,
        body_required=required,
        definitions=schemas.definitions_of([*(each.schema for each in parameters), body or {}]),
        accept=accept_of(types),
        key=key,
    )


def _parameters(
    schemas: Schemas, declared: Sequence[Mapping[str, Any]], operation: str, key: ApiKey | None
) -> Iterator[Parameter]:
    names = [each["name"] for each in declared]
    secret = {key.header.lower(), key.parameter.lower()} if key else set()
    for each in declared:
        name, place, required = each["name"], each["in"], bool(each.get("required"))
        if name.lower() in secret or (place == "header" and name.lower() in _LEFT_OUT):
            continue
        deep = each.get("style") == "deepObject"
        if place == "cookie" or "schema" not in each or not (deep or each.get("style", "form") in {"form", "simple"}):
            if required:
                raise ConfigurationError(f"{operation} needs {name!r} in a way that is not known here ({place})")
            continue
        schema = schemas.translated(each["schema"])
        if "description" in each and "$ref" not in schema:
            schema = {**schema, "description": each["description"][:MOST_TOLD]}
        argument = f"{name}_{place}" if names.count(name) > 1 or name == BODY else name
        explode = bool(each.get("explode", place == "query"))
        yield Parameter(name, place, argument, schema, required or place == "path", explode, deep)


def _body(schemas: Schemas, described: _Described) -> tuple[dict[str, Any] | None, bool]:
    if "requestBody" not in described.operation:
        return None, False
    body = schemas.resolved(described.operation["requestBody"])
    content, required = body.get("content", {}), bool(body.get("required"))
    taken = next((each for kind, each in content.items() if _JSON.fullmatch(kind)), None)
    if taken is None and required:
        raise ConfigurationError(f"{described.name} takes no JSON, but {', '.join(content)}")
    return (None if taken is None else schemas.translated(taken.get("schema", {}))), required
