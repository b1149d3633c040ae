"""A caller of one tenant tries what is another's, and one of each scope what needs a wider one, on every route.

The routes are those of the OpenAPI document, so that a new one is tried, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import httpx2
import pytest

from backdesk.gateway.app import create_app
from backdesk.gateway.settings import GatewaySettings
from backdesk.worker.model.job import JobState
from tests.support.house import House

#: What parts of paths name, of a job. A route with another part has to be put here, or below.
OF_A_JOB = {"job_id": "{}", "response_id": "resp_{}"}
#: Parts that name what is of the deployment, or of a tenant that is named beside; with what stands for it here.
OF_OTHERS = {
    "attachment_id": "a",
    "chat_id": "c",
    "conversation_id": "c",
    "delivery": "d",
    "endpoint": "we_" + "0" * 16,
    "key_id": "k",
    "kind": "test.echo",
    "model": "test.echo",
    "name": "nightly",
    "queue": "agents",
    "resource": "openai",
    "scope": "model",
    "session_id": "s",
    "sha256": "0" * 64,
    "thread_id": "c",
    "topic": "t",
}


@cache
def document() -> dict[str, Any]:
    return create_app(GatewaySettings(_env_file=None)).openapi()


class Route(NamedTuple):
    """One thing that can be asked for."""

    method: str
    path: str
    operation: dict[str, Any]

    @property
    def parts(self) -> set[str]:
        return set(re.findall(r"{(\w+)}", self.path))

    def at(self, job_id: str = "nothing") -> str:
        """Its address, for a job."""
        named = {part: shape.format(job_id) for part, shape in OF_A_JOB.items()} | OF_OTHERS
        return self.path.format(**{part: named[part] for part in self.parts})

    def ask(self, client: httpx2.Client, place: str, **options: Any) -> httpx2.Response:
        """Ask for it, with a body that it takes as far as its schema says what it needs."""
        content = self.operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            options["json"] = sample(content["application/json"]["schema"])
        return client.request(self.method, place, **options)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def sample(schema: dict[str, Any]) -> Any:
    """A value that a schema allows."""
    if "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0])
    if chosen := [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]:
        return chosen[0]
    if schema.get("type") == "array":
        return [sample(schema.get("items", {}))] if schema.get("minItems") else []
    plain = {"string": "x", "integer": 1, "number": 1, "boolean": False}
    needed = {name: schema["properties"][name] for name in schema.get("required", ())}
    return plain.get(schema.get("type", ""), {name: sample(part) for name, part in needed.items()})


METHODS = ("get", "post", "put", "patch", "delete")
ROUTES = [
    Route(method, path, operation)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
    if method in METHODS
]
OF_JOBS = [route for route in ROUTES if route.parts & OF_A_JOB.keys()]
NAMING_A_TENANT = [
    route for route in ROUTES if any(each["name"] == "tenant" for each in route.operation.get("parameters", ()))
]
WRITES = [route for route in ROUTES if route.method != "get"]
ADMINS = ("/v1/keys", "/v1/audit", "/v1/sessions")


@pytest.fixture(scope="module")
def theirs(house: House) -> str:
    """A job of another tenant, which waits for an approval."""
    return house.asking("other", prompt="a secret of the other tenant")


@pytest.fixture
def unharmed(house: House, theirs: str) -> Iterator[None]:
    """What is another's is as it was, whatever was tried."""
    before = house.jobs.get(theirs)
    yield
    assert house.jobs.get(theirs) == before
    assert before.state is JobState.WAITING


def test_every_part_of_a_path_is_known_here() -> None:
    parts = {part for route in ROUTES for part in route.parts}
    assert parts <= OF_A_JOB.keys() | OF_OTHERS.keys()
    assert len(OF_JOBS) > 20


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("route", OF_JOBS, ids=str)
def test_the_job_of_another_tenant_is_not_there(
    guarded: httpx2.Client, house: House, theirs: str, route: Route
) -> None:
    def told(job_id: str) -> tuple[int, str]:
        answer = route.ask(guarded, route.at(job_id), headers=house.key("admin", "acme"))
        said = {name: value for name, value in answer.json().items() if name != "instance"}
        return answer.status_code, json.dumps(said).replace(job_id, "ID")

    another, nobodys = told(theirs), told("nothing")
    assert another[0] == 404, another
    assert another == nobodys  # so that nobody learns whether it is there


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("route", NAMING_A_TENANT, ids=str)
def test_nothing_is_had_by_naming_another_tenant(guarded: httpx2.Client, house: House, route: Route) -> None:
    answer = route.ask(guarded, route.at(), params={"tenant": "other"}, headers=house.key("admin", "acme"))
    assert answer.status_code in {403, 422}, answer.text
    assert "a secret" not in answer.text


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "get"], ids=str)
def test_nothing_that_can_be_looked_at_tells_of_another_tenant(
    guarded: httpx2.Client, house: House, route: Route
) -> None:
    """Streams are looked at below."""
    if route.path.endswith(("/stream", "/events")):
        return
    hidden = house.asking("other", prompt="a secret of the other tenant")  # whose id nobody has asked for
    answer = route.ask(guarded, route.at(), headers=house.key("admin", "acme"))
    assert hidden not in answer.text
    assert "a secret of the other tenant" not in answer.text


def test_a_stream_of_many_tells_nothing_of_another_tenant(guarded: httpx2.Client, house: House, theirs: str) -> None:
    for topics in (f"job:{theirs}", f"inbox,job:{theirs}"):
        answer = guarded.get("/v1/stream", params={"topics": topics}, headers=house.key("admin", "acme"))
        assert answer.status_code == 404, answer.text


def test_the_schedule_of_another_tenant_is_not_there(guarded: httpx2.Client, house: House) -> None:
    body = {"kind": "test.echo", "request": {"text": "x"}, "every": 3600}
    made = guarded.put("/v1/schedules/nightly", json=body, headers=house.key("admin", "other"))
    assert made.status_code in {200, 201}, made.text
    for route in ROUTES:
        if route.path.startswith("/v1/schedules/{name}"):
            answer = guarded.request(route.method, route.at(), json=body, headers=house.key("admin", "acme"))
            assert answer.status_code in {404, 409}, (str(route), answer.text)
    assert house.jobs.schedules.get("nightly").tenant == "other"
    assert not house.jobs.schedules.get("nightly").paused


def test_the_webhook_of_another_tenant_is_not_there(guarded: httpx2.Client, house: House) -> None:
    added = house.jobs.webhooks.add("https://example.com/hook", ["job.failed"], tenant="other").endpoint
    tried = [route for route in ROUTES if "endpoint" in route.parts]
    for route in tried:
        place = route.path.format(endpoint=added.id, delivery="d")
        answer = route.ask(guarded, place, headers=house.key("admin", "acme"))
        assert answer.status_code == 404, (str(route), answer.text)
    assert len(tried) >= 7
    assert house.jobs.webhooks.get(added.id) == added


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_nobody_does_anything_without_a_key(guarded: httpx2.Client, route: Route) -> None:
    expected = 200 if route.path in {"/healthz", "/readyz"} else 401
    assert route.ask(guarded, route.at()).status_code == expected


@pytest.mark.parametrize("route", WRITES, ids=str)
def test_who_may_only_read_changes_nothing(guarded: httpx2.Client, house: House, route: Route) -> None:
    """But anybody may sign out, and have another see what one sees oneself."""
    answer = route.ask(guarded, route.at(), headers=house.key("read", None))
    expected = {"/v1/session": 200, "/v1/links": 404}.get(route.path, 403)
    assert answer.status_code == expected, answer.text


@pytest.mark.parametrize("scope", ["read", "submit", "operate"])
def test_only_admins_manage_who_may_what(guarded: httpx2.Client, house: House, scope: str) -> None:
    for route in ROUTES:
        if route.path.startswith(ADMINS):
            answer = route.ask(guarded, route.at(), headers=house.key(scope, None))
            assert answer.status_code == 403, str(route)


def test_an_admin_of_a_tenant_makes_and_changes_no_keys_of_others(guarded: httpx2.Client, house: House) -> None:
    mine = house.key("admin", "acme")
    assert guarded.post("/v1/keys", json={"name": "k", "tenant": "other"}, headers=mine).status_code == 403
    made = guarded.post("/v1/keys", json={"name": "k", "scope": "admin"}, headers=mine)
    assert made.json()["key"]["tenant"] == "acme"  # never one for all
    for tenant in ("other", None):
        foreign = house.secrets["admin", tenant].split("_")[1]
        assert guarded.delete(f"/v1/keys/{foreign}", headers=mine).status_code == 404
        assert guarded.post(f"/v1/keys/{foreign}/rotate", headers=mine).status_code == 404
        assert house.jobs.keys.get(foreign).revoked_at is None
        assert house.jobs.keys.get(foreign).rotated_at is None


def test_a_job_is_written_for_no_other_tenant(guarded: httpx2.Client, house: House) -> None:
    body = {"kind": "test.echo", "request": {}, "tenant": "other"}
    assert guarded.post("/v1/jobs", json=body, headers=house.key("admin", "acme")).status_code == 403
    batch = {"kind": "test.echo", "requests": [{}], "tenant": "other"}
    assert guarded.post("/v1/jobs/batch", json=batch, headers=house.key("admin", "acme")).status_code == 403


def test_nobody_finds_out_by_an_id_whether_another_has_a_job_of_that_name(guarded: httpx2.Client, house: House) -> None:
    taken = house.asking("other")
    for job_id in (taken, "nobodys"):
        body = {"kind": "test.echo", "request": {}, "job_id": job_id}
        answer = guarded.post("/v1/jobs", json=body, headers=house.key("admin", "acme"))
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("job_id: must be a UUID")


def test_kinds_that_a_tenant_may_not_ask_for_are_not_there_for_it(guarded: httpx2.Client, house: House) -> None:
    house.jobs.tenants.set("other", kinds=["test.nothing"])
    for path in ("/v1/kinds", "/v1/models"):
        assert guarded.get(path, headers=house.key("read", "other")).json()["data"] == []
        assert guarded.get(path, headers=house.key("read", None)).json()["data"]
    house.jobs.tenants.set("other", kinds="none")


def test_no_key_answers_what_is_for_people_alone(guarded: httpx2.Client, house: House) -> None:
    job_id = house.asking(human_only=True)
    for decision in ("approve", "deny"):
        answer = guarded.post(f"/v1/jobs/{job_id}/{decision}", json={}, headers=house.key("admin", "acme"))
        assert (answer.status_code, answer.json()["detail"][:24]) == (403, "a person must answer thi")
    assert house.jobs.get(job_id).state is JobState.WAITING
    other = house.asking()
    assert guarded.post(f"/v1/jobs/{other}/approve", json={}, headers=house.key("operate", "acme")).status_code == 204
