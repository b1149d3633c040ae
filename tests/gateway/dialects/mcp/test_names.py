"""Names of tools, and kinds as tools."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator
from mcp_types import Tool

from backdesk.gateway.dialects.mcp.following import NAMES
from backdesk.gateway.dialects.mcp.names import LONGEST, tool_names
from backdesk.gateway.dialects.mcp.tools import tool_of
from backdesk.worker.model.contract import KindContract

NODE = {
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}, "n": {"type": "integer"}},
        }
    },
    "$ref": "#/$defs/Node",
}


def named(*kinds: str) -> dict[str, str]:
    return {kind: name for name, kind in tool_names(kinds, NAMES).items()}


def made(*, tasks: bool = False, **schemas: object) -> Tool:
    tool = tool_of("tool", KindContract(kind="any.kind", queue="agents", **schemas), tasks=tasks)
    assert tool is not None
    return tool


def test_a_name_is_that_of_the_kind_as_models_can_call_it() -> None:
    assert named("support.request", "audit@2-x") == {"support.request": "support_request", "audit@2-x": "audit_2-x"}


def test_kinds_that_would_have_one_name_are_told_apart_and_keep_their_names_in_any_company() -> None:
    together = named("a.b", "a_b", "a@b")
    assert together["a_b"] == "a_b"
    assert len(set(together.values())) == 3
    assert together["a.b"] == named("a.b", "a_b")["a.b"]


@pytest.mark.parametrize("kind", ["job.wait", "job_wait"])
def test_no_kind_takes_the_name_of_a_tool_of_ours(kind: str) -> None:
    assert named(kind)[kind] not in NAMES


def test_long_names_are_cut_and_stay_apart() -> None:
    names = named("k" * 120 + "1", "k" * 120 + "2")
    assert {len(name) for name in names.values()} == {LONGEST}
    assert len(set(names.values())) == 2


def test_a_kind_whose_request_is_no_object_is_no_tool() -> None:
    assert tool_of("x", KindContract(kind="x", queue="q", request_schema={"type": "array"}), tasks=False) is None


def test_a_result_that_is_no_object_has_no_schema() -> None:
    assert made(result_schema={"type": "array"}).output_schema is None


@pytest.mark.parametrize("tasks", [True, False])
def test_schemas_that_refer_to_themselves_still_do_where_they_are_put(tasks: bool) -> None:
    tool = made(request_schema=NODE, result_schema=NODE, tasks=tasks)
    assert tool.output_schema is not None
    for schema in (tool.input_schema, tool.output_schema):
        assert schema["type"] == "object"
        check = Draft202012Validator(schema)
        assert check.is_valid({"n": 1, "next": {"n": 2, "next": None}})
        assert not check.is_valid({"n": 1, "next": {"n": "two"}})


def test_without_tasks_a_call_may_give_what_to_do_next() -> None:
    result = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    schema = made(result_schema=result).output_schema
    assert schema is not None
    check = Draft202012Validator(schema)
    assert check.is_valid({"text": "done"})
    assert check.is_valid({"job_id": "1", "state": "running", "next": "call job_wait"})
    assert not check.is_valid({"anything": "else"})


def test_a_field_of_the_kind_named_like_our_argument_stays_the_kinds() -> None:
    own = {"type": "object", "properties": {"idempotency_key": {"type": "integer"}}}
    tool = made(request_schema=own)
    assert tool.input_schema["properties"]["idempotency_key"] == {"type": "integer"}
    assert tool.annotations is not None
    assert tool.annotations.idempotent_hint is False
