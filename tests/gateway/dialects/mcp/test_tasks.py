"""Tasks of MCP, by requests as they go over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.mcp_requests import RawClient
from tests.support.workers import Fleet


@pytest.fixture
def client(served: str, fleet: Fleet) -> Iterator[RawClient]:
    with RawClient(served) as client:
        yield client


def test_a_call_becomes_a_task_that_gives_the_result_of_the_job(client: RawClient) -> None:
    created = client.ask("tools/call", name="test_echo", arguments={"text": "over MCP"})
    assert (created["resultType"], created["status"], created["ttlMs"]) == ("task", "working", None)
    task = client.ended(created["taskId"])
    assert task["status"] == "completed"
    assert task["result"]["structuredContent"]["text"] == "over MCP"
    assert task["result"]["isError"] is False


def test_a_job_that_failed_is_a_complete_call_with_an_error(client: RawClient) -> None:
    task = client.ended(client.start("test_end", text="number_as_code"))
    assert task["status"] == "completed"
    assert task["result"]["isError"] is True


def test_an_ask_is_asked_of_the_client_and_its_answer_goes_on(client: RawClient) -> None:
    task_id = client.start("test_approval", text="the parcel")
    asked = client.asking(task_id)["inputRequests"]["refund"]
    assert asked["method"] == "elicitation/create"
    assert asked["params"]["requestedSchema"]["properties"]["decision"]["enum"] == ["approve", "deny"]
    assert "cents: 1250" in asked["params"]["message"]
    answer = {"action": "accept", "content": {"decision": "approve", "note": "fine"}}
    assert client.ask("tasks/update", taskId=task_id, inputResponses={"refund": answer})["resultType"] == "complete"
    assert client.ended(task_id)["result"]["structuredContent"]["value"] == [True, "local", "fine"]


def test_to_decline_an_approval_denies_it(client: RawClient) -> None:
    task_id = client.start("test_approval", text="the parcel")
    client.asking(task_id)
    client.ask("tasks/update", taskId=task_id, inputResponses={"refund": {"action": "decline"}})
    assert client.ended(task_id)["result"]["structuredContent"]["value"][0] is False


def test_an_ask_that_was_dismissed_stays_open(client: RawClient) -> None:
    task_id = client.start("test_approval", text="the parcel")
    client.asking(task_id)
    client.ask("tasks/update", taskId=task_id, inputResponses={"refund": {"action": "cancel"}})
    assert client.ask("tasks/get", taskId=task_id)["status"] == "input_required"
    client.ask("tasks/cancel", taskId=task_id)


def test_a_decision_that_is_none_of_the_choices_is_refused_and_decides_nothing(client: RawClient) -> None:
    task_id = client.start("test_approval", text="the parcel")
    client.asking(task_id)
    yes = {"action": "accept", "content": {"decision": "yes"}}
    assert client.refusal("tasks/update", taskId=task_id, inputResponses={"refund": yes})["code"] == -32602
    assert client.ask("tasks/get", taskId=task_id)["status"] == "input_required"
    client.ask("tasks/cancel", taskId=task_id)


def test_what_only_a_person_may_answer_is_not_asked_of_the_client(client: RawClient) -> None:
    task_id = client.start("test_unsafe", n=1)
    task = client.task(task_id, lambda task: "Waits for a person" in task.get("statusMessage", ""))
    assert task["status"] == "working"
    assert "inputRequests" not in task
    client.ask("tasks/cancel", taskId=task_id)


def test_what_only_a_person_may_approve_is_asked_by_a_link_that_they_open(served: str, fleet: Fleet) -> None:
    capabilities: dict[str, Any] = {
        "extensions": {"io.modelcontextprotocol/tasks": {}},
        "elicitation": {"form": {}, "url": {}},
    }
    with RawClient(served, capabilities=capabilities) as client:
        task_id = client.start("test_approval_of_people", text="a fortune")
        asked = client.asking(task_id)["inputRequests"]["wire"]["params"]
        assert (asked["mode"], asked["message"]) == ("url", "May a fortune be wired?")
        # A host that accepts in its user's place has decided nothing.
        yes = {"action": "accept", "content": {"decision": "approve"}}
        client.ask("tasks/update", taskId=task_id, inputResponses={"wire": yes})
        assert client.ask("tasks/get", taskId=task_id)["status"] == "input_required"
        assert client.http.get(asked["url"]).status_code == 200
        client.http.post(asked["url"], data={"decision": "approve", "note": "seen"}, headers={"Origin": served})
        assert client.ended(task_id)["result"]["structuredContent"]["value"] == [True, "link of local", "seen"]


@pytest.mark.parametrize("elicitation", [{"form": {}}, {}])
def test_a_client_that_shows_no_links_is_told_that_a_person_must_answer(
    served: str, fleet: Fleet, elicitation: dict[str, Any]
) -> None:
    capabilities = {"extensions": {"io.modelcontextprotocol/tasks": {}}, "elicitation": elicitation}
    with RawClient(served, capabilities=capabilities) as client:
        task_id = client.start("test_approval_of_people", text="a fortune")
        task = client.task(task_id, lambda task: "Waits for a person" in task.get("statusMessage", ""))
        assert task["status"] == "working"
        answer = client.ask("tools/call", name="job_answer", arguments={"job_id": task_id, "answer": "approve"})
        assert answer["isError"] is True
        assert fleet.jobs.get(task_id).state == "waiting"
        client.ask("tasks/cancel", taskId=task_id)


def test_a_client_without_elicitation_is_told_that_somebody_must_answer(served: str, fleet: Fleet) -> None:
    with RawClient(served, capabilities={"extensions": {"io.modelcontextprotocol/tasks": {}}}) as client:
        task_id = client.start("test_approval", text="the parcel")
        client.task(task_id, lambda task: "Waits for a person" in task.get("statusMessage", ""))
        client.ask("tasks/cancel", taskId=task_id)


def test_a_task_is_cancelled_with_its_job_and_again_without_harm(client: RawClient, fleet: Fleet) -> None:
    task_id = client.start("test_sleep", n=60)
    for _ in range(2):
        assert client.ask("tasks/cancel", taskId=task_id)["resultType"] == "complete"
    assert client.ended(task_id)["status"] == "cancelled"
    assert client.ask("tasks/cancel", taskId=task_id)["resultType"] == "complete"
    assert fleet.jobs.get(task_id).state == "cancelled"


@pytest.mark.parametrize("forged", ["no-such-task", "", "../x", "a" * 500, "*"])
def test_there_is_no_task_of_a_forged_id(client: RawClient, forged: str) -> None:
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        assert client.refusal(method, taskId=forged, inputResponses={})["code"] == -32602


def test_who_has_not_declared_tasks_is_told_to(served: str, fleet: Fleet) -> None:
    with RawClient(served, capabilities={}) as client:
        error = client.refusal("tasks/get", taskId="any")
    assert error["code"] == -32021
    assert error["data"]["requiredCapabilities"]["extensions"] == {"io.modelcontextprotocol/tasks": {}}


def test_the_extension_is_announced(client: RawClient) -> None:
    found = client.ask("server/discover")
    assert found["capabilities"]["extensions"] == {"io.modelcontextprotocol/tasks": {}}
    assert found["supportedVersions"] == ["2026-07-28"]
