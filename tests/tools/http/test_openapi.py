"""Tools out of a document of OpenAPI: what is chosen, how it is called, and what of it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from backdesk.agents import Desk
from backdesk.agents.schemas import faults_of
from backdesk.tools import ApiKey, openapi_tools
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import ConfigurationError
from tests.support.http_site import Site, told

SHOP = Path(__file__).with_name("shop.yaml")


def tools(*operations: str, hosts: Sequence[str] = ("api.example",), **more: Any) -> list[Any]:
    return openapi_tools(SHOP, operations, hosts=hosts, **more)


async def test_an_operation_is_called_as_the_document_says(site: Site, desk: Desk, resolve: Any) -> None:
    site.answers["/v1/orders/7"] = told({"state": "sent"})
    server = site.url("/v1", "api.example")
    (look_up,) = tools(
        "getOrder", server=server, key=ApiKey.in_query("api_key", "SHOP_KEY"), private=True, resolve=resolve
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_KEY", "s3cret")
        found = await look_up(desk, number=7, fields=["a", "b"], filter={"state": "open"}, **{"X-Trace": "t"})
    assert found.data == {"state": "sent"}
    assert site.paths == ["/v1/orders/7?fields=a%2Cb&filter%5Bstate%5D=open&api_key=s3cret"]
    assert site.seen[0].headers["X-Trace"] == "t"


def test_a_model_fills_what_is_the_models(desk: Desk) -> None:
    (look_up,) = tools("getOrder", key=ApiKey.in_query("api_key", "SHOP_KEY"))
    assert look_up.function.__doc__ == "Look an order up."
    assert look_up.effect is Effect.PURE
    assert {*look_up.schema["properties"]} == {"number", "fields", "filter", "X-Trace"}
    assert look_up.schema["required"] == ["number"]
    assert look_up.schema["properties"]["number"] == {"type": "integer", "exclusiveMinimum": 0}


def test_what_changes_something_is_unsafe_unless_it_is_said_to_be_idempotent() -> None:
    assert [tools("create.order", prefix="shop_")[0].name] == ["shop_create_order"]
    assert tools("create.order")[0].effect is Effect.UNSAFE
    assert tools("create.order", idempotent=("create.order",))[0].effect is Effect.IDEMPOTENT


def test_a_body_has_a_schema_of_its_own_whose_references_may_go_round() -> None:
    (place,) = tools("create.order")
    schema = place.schema
    assert schema["properties"]["body"] == {"$ref": "#/$defs/Order"}
    assert schema["$defs"]["Order"]["required"] == ["lines"]
    assert schema["$defs"]["Order"]["properties"]["note"] == {"type": ["string", "null"]}
    fitting = {"body": {"note": None, "lines": [{"sku": "a", "parts": [{"sku": "b"}]}]}}
    assert faults_of(schema, fitting) == ""
    assert "sku" in faults_of(schema, {"body": {"lines": [{"sku": "a", "parts": [{}]}]}})
    assert "body" in faults_of(schema, {})


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        ("elsewhere", "not among the hosts"),
        ("relative", "say server="),
        ("upload", "takes no JSON, but multipart/form-data"),
        ("remote", "not in it"),
        ("file", "not in it"),
        ("round", "lead to each other"),
        ("missing", "has no operation missing; it has create.order, elsewhere"),
    ],
)
def test_an_operation_that_cannot_be_called_so_is_refused(operation: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        tools(operation)


def test_a_server_must_be_among_the_hosts_whatever_the_document_says() -> None:
    with pytest.raises(ConfigurationError, match=r"api\.example is not among the hosts"):
        tools("getOrder", hosts=("other.example",))


def test_what_was_read_already_is_taken_too_and_other_versions_are_not() -> None:
    document = yaml.safe_load(SHOP.read_text("utf-8"))
    key = ApiKey.in_query("api_key", "SHOP_KEY")
    assert len(openapi_tools({**document, "openapi": "3.1.0"}, ("getOrder",), hosts=("api.example",), key=key)) == 1
    for wrong in ({**document, "openapi": "2.0"}, {"swagger": "2.0"}):
        with pytest.raises(ConfigurationError, match=r"3\.0\.x or 3\.1\.x"):
            openapi_tools(wrong, ("getOrder",), hosts=("api.example",))


def test_a_document_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (broken := tmp_path / "broken.yaml").write_text("openapi: [", "utf-8")
    for path in (broken, tmp_path / "none.json"):
        with pytest.raises(ConfigurationError, match="is no document of OpenAPI"):
            openapi_tools(path, ("getOrder",), hosts=("api.example",))
