"""Kinds as tools. Pure."""

from __future__ import annotations

from typing import Any

from mcp_types import Tool, ToolAnnotations

from backdesk.worker.model.contract import KindContract

#: The argument by which the same call is made once.
KEY = "idempotency_key"
_KEY_SCHEMA = {
    "type": "string",
    "description": "A name of this call: repeated with the same name and arguments, it finds the same job.",
}
#: What a call gives whose job goes on: clients that know no tasks call `job_wait` then.
PENDING: dict[str, Any] = {
    "type": "object",
    "description": "The job goes on: do what `next` says.",
    "properties": {
        "job_id": {"type": "string"},
        "state": {"type": "string"},
        "next": {"type": "string"},
        "asks": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["job_id", "state", "next"],
}


def tool_of(name: str, contract: KindContract, *, tasks: bool) -> Tool | None:
    """Return the tool that asks for jobs of a kind; None for one whose request is no object, as arguments are.

    With `tasks` a call gives the result alone; without, also what to do about a job that goes on.
    """
    arguments = _object(contract.request_schema)
    if arguments is None:
        return None
    if takes_key(contract):
        arguments = {**arguments, "properties": {**arguments.get("properties", {}), KEY: _KEY_SCHEMA}}
    return Tool(
        name=name,
        title=contract.kind,
        description=contract.description or f"Has a job of the kind {contract.kind} done.",
        input_schema=arguments,
        output_schema=output_schema(contract, tasks=tasks),
        # What a kind does is not known here, so that hosts are told to expect anything.
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=takes_key(contract), open_world_hint=True
        ),
    )


def takes_key(contract: KindContract) -> bool:
    """Return whether the argument is ours: the kind has no field of this name itself."""
    schema = _object(contract.request_schema) or {}
    return "$ref" not in schema and KEY not in schema.get("properties", {})


def output_schema(contract: KindContract, *, tasks: bool) -> dict[str, Any] | None:
    """Return the schema of what a call gives, None where that is not an object."""
    result = _object(contract.result_schema) if contract.result_schema else None
    if result is None or tasks:
        return result
    # References in it are from its root, and so its definitions are the root's.
    definitions = {"$defs": result["$defs"]} if "$defs" in result else {}
    alternative = {name: value for name, value in result.items() if name != "$defs"}
    return {"type": "object", "anyOf": [alternative, PENDING], **definitions}


def _object(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return a schema of objects that says so at its root, as clients require; None for one of anything else."""
    if not schema:
        return {"type": "object"}
    referred = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    target = schema.get("$defs", {}).get(referred, schema)
    return {"type": "object", **schema} if target.get("type") == "object" else None
