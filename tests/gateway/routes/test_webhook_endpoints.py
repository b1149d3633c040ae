"""Webhook endpoints over HTTP: whose they are, and their secrets, told once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx2
import pytest
from fastapi.testclient import TestClient

from backdesk.client.deployment import Deployment
from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.app import create_app
from backdesk.gateway.service import caller_of
from backdesk.gateway.settings import GatewaySettings
from backdesk.worker.settings import Settings
from tests.support.webhooks import SETTINGS
from tests.support.workers import fast_settings

URL = "https://hooks.example.com/in"
As = Callable[..., httpx2.Client]


@pytest.fixture
def as_(settings: Settings) -> Iterator[As]:
    """Gives clients of a gateway who are let in with a scope, and for a tenant."""
    deployment = Deployment(fast_settings(settings.url, **SETTINGS), "of the test")
    app = create_app(GatewaySettings(_env_file=None), deployment)
    who = Caller("ada", Scope.ADMIN)
    app.dependency_overrides[caller_of] = lambda: who
    with ExitStack() as stack:
        client = stack.enter_context(TestClient(app, base_url="http://127.0.0.1"))

        def let_in(scope: Scope = Scope.OPERATE, tenant: str | None = None) -> httpx2.Client:
            nonlocal who
            who = Caller("ada", scope, tenant)
            return client

        yield let_in


def added(http: httpx2.Client, **more: object) -> dict[str, object]:
    answer = http.post("/v1/webhook_endpoints", json={"url": URL, "events": ["job.succeeded"], **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_an_endpoint_is_added_changed_tested_and_removed(as_: As) -> None:
    http = as_(tenant="acme")
    made = added(http)
    path = f"/v1/webhook_endpoints/{made['id']}"
    changed = http.post(path, json={"events": ["job.failed"], "enabled": False}).json()
    assert (changed["events"], changed["enabled"], changed["disabled_because"]) == (["job.failed"], False, "by ada")
    assert http.post(f"{path}/test").status_code == 422
    assert http.post(path, json={"enabled": True}).json()["enabled"]
    assert http.post(f"{path}/test").status_code == 202
    assert http.get(path).json()["health"]["waiting"] == 1
    assert http.get(f"{path}/deliveries").json()["data"] == []
    assert http.delete(path).json() == {"done": True}
    assert http.get(path).status_code == 404


def test_its_secret_is_told_once(as_: As) -> None:
    http = as_()
    made = added(http)
    path = f"/v1/webhook_endpoints/{made['id']}"
    rotated = http.post(f"{path}/rotate_secret", json={"keep_old_for": 60}).json()
    told = http.get(path).text + http.get("/v1/webhook_endpoints").text
    assert str(made["secret"]).startswith("whsec_")
    assert rotated["secret"] != made["secret"]
    assert "whsec_" not in told


def test_a_caller_of_one_tenant_knows_of_no_other_endpoint(as_: As) -> None:
    others = [added(as_(tenant="other")), added(as_(Scope.ADMIN), tenant="*")]
    http = as_(tenant="acme")
    assert http.get("/v1/webhook_endpoints").json()["data"] == []
    for made in others:
        path = f"/v1/webhook_endpoints/{made['id']}"
        answers = [http.get(path), http.post(path, json={"enabled": False}), http.delete(path)]
        answers += [http.post(f"{path}/rotate_secret"), http.post(f"{path}/test"), http.get(f"{path}/deliveries")]
        answers.append(http.post(f"{path}/deliveries/{made['id']}.evt_1/resend"))
        assert {each.status_code for each in answers} == {404}


@pytest.mark.parametrize("tenant", ["other", "*"])
def test_a_caller_of_one_tenant_adds_none_for_another_or_all(as_: As, tenant: str) -> None:
    body = {"url": URL, "events": ["job.failed"], "tenant": tenant}
    assert as_(tenant="acme").post("/v1/webhook_endpoints", json=body).status_code == 403


def test_events_of_all_tenants_are_for_who_administers_them(as_: As) -> None:
    body = {"url": URL, "events": ["job.failed"], "tenant": "*"}
    assert as_(Scope.OPERATE).post("/v1/webhook_endpoints", json=body).status_code == 403
    path = f"/v1/webhook_endpoints/{added(as_(Scope.ADMIN), tenant='*')['id']}"
    assert as_(Scope.OPERATE).delete(path).status_code == 403


@pytest.mark.parametrize("scope", [Scope.READ, Scope.SUBMIT])
def test_lesser_scopes_manage_no_endpoints(as_: As, scope: Scope) -> None:
    http = as_(scope, "acme")
    assert http.post("/v1/webhook_endpoints", json={"url": URL, "events": ["job.failed"]}).status_code == 403
    assert http.get("/v1/webhook_endpoints").status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://169.254.169.254/", "events": ["job.failed"]}, "url"),
        ({"url": URL, "events": ["job.fialed"]}, "events"),
        ({"url": URL, "events": ["job.queued"], "format": "openai"}, "events"),
        ({"url": URL, "events": []}, "events"),
    ],
)
def test_what_makes_no_endpoint_is_refused_with_the_field(as_: As, body: dict[str, object], field: str) -> None:
    answer = as_().post("/v1/webhook_endpoints", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{field}"


def test_the_types_of_events_are_listed_by_format(as_: As) -> None:
    types = as_(Scope.READ).get("/v1/webhook_endpoints/event_types").json()
    assert "schedule.missed" in types["standard"]
    assert types["openai"] == ["response.completed", "response.failed", "response.cancelled"]


def test_the_failures_of_openai_are_those_of_jobs_that_failed_or_expired(as_: As) -> None:
    body = {"url": URL, "events": ["response.failed"], "format": "openai"}
    assert as_().post("/v1/webhook_endpoints", json=body).json()["events"] == ["job.failed", "job.expired"]
