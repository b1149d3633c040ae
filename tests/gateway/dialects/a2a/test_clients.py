"""Clients of A2A from outside: that of the protocol, and requests as they go over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
import pytest
from a2a.client import ClientConfig, create_client
from a2a.client.client import Client
from a2a.helpers.proto_helpers import get_artifact_text, get_data_parts
from a2a.types.a2a_pb2 import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)
from a2a.utils.errors import TaskNotFoundError

from tests.support.eventually import eventually_async
from tests.support.workers import Fleet

BINDINGS = pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
KIND = "test.talk"


@asynccontextmanager
async def connected(url: str, binding: str, *, streaming: bool = True) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        config = ClientConfig(streaming=streaming, httpx_client=http, supported_protocol_bindings=[binding])
        yield await create_client(f"{url}/a2a/{KIND}", config)


def saying(text: str, **more: Any) -> SendMessageRequest:
    message = Message(message_id=uuid.uuid4().hex, role=Role.ROLE_USER, parts=[Part(text=text)], **more)
    return SendMessageRequest(message=message)


async def sent(client: Client, request: SendMessageRequest) -> list[StreamResponse]:
    return [event async for event in client.send_message(request)]


def state_in(event: StreamResponse) -> Any:
    return (event.task if event.HasField("task") else event.status_update).status.state


async def last_task(client: Client, request: SendMessageRequest) -> Task:
    return (await sent(client, request))[-1].task


@BINDINGS
async def test_a_message_is_answered_in_a_stream_that_begins_with_the_task(
    served: str, fleet: Fleet, binding: str
) -> None:
    async with connected(served, binding) as client:
        events = await sent(client, saying("hello"))
    assert events[0].HasField("task")
    # What has come about when the stream begins is in the task.
    artifacts = [*events[0].task.artifacts, *(each.artifact_update.artifact for each in events[1:])]
    text = "".join(get_artifact_text(each) for each in artifacts if each.artifact_id == "answer")
    assert text == "You said 'hello' for None."
    assert state_in(events[-1]) == TaskState.TASK_STATE_COMPLETED


@BINDINGS
async def test_a_call_that_blocks_gives_the_task_with_its_answer(served: str, fleet: Fleet, binding: str) -> None:
    async with connected(served, binding, streaming=False) as client:
        task = await last_task(client, saying("hello"))
    assert task.status.state == TaskState.TASK_STATE_COMPLETED
    assert get_artifact_text(task.artifacts[0]) == "You said 'hello' for None."
    assert task.history[0].parts[0].text == "hello"


@BINDINGS
async def test_a_call_that_does_not_wait_gives_the_task_at_once(served: str, fleet: Fleet, binding: str) -> None:
    async with connected(served, binding, streaming=False) as client:
        request = saying("May I return it?")
        request.configuration.CopyFrom(SendMessageConfiguration(return_immediately=True))
        task = await last_task(client, request)
        assert task.status.state != TaskState.TASK_STATE_COMPLETED
        async with connected(served, binding) as other:
            events = [event async for event in other.subscribe(SubscribeToTaskRequest(id=task.id))]
        assert events[0].task.id == task.id
        assert state_in(events[-1]) == TaskState.TASK_STATE_INPUT_REQUIRED
        ended = await client.cancel_task(CancelTaskRequest(id=task.id))
        assert ended.status.state == TaskState.TASK_STATE_CANCELED


@BINDINGS
async def test_an_ask_is_answered_by_a_message_to_the_task(served: str, fleet: Fleet, binding: str) -> None:
    async with connected(served, binding, streaming=False) as client:
        asked = await last_task(client, saying("May I return it?"))
        assert asked.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
        assert asked.status.message.parts[0].text == "May I return it?"
        shown = get_data_parts(asked.status.message.parts)[0]["asks"][0]
        assert (shown["choices"], shown["facts"]) == (["approve", "deny"], {"order": 10003})
        task = await last_task(client, saying("Approve", task_id=asked.id, context_id=asked.context_id))
        assert task.id == asked.id
        assert task.status.state == TaskState.TASK_STATE_COMPLETED
        assert get_artifact_text(task.artifacts[0]) == "You may."


async def test_a_stream_ends_where_the_task_asks_and_goes_on_with_the_answer(served: str, fleet: Fleet) -> None:
    async with connected(served, "JSONRPC") as client:
        events = await sent(client, saying("May I return it?"))
        assert state_in(events[-1]) == TaskState.TASK_STATE_INPUT_REQUIRED
        more = await sent(client, saying("deny", task_id=events[0].task.id))
        assert more[0].HasField("task")
        assert state_in(more[-1]) == TaskState.TASK_STATE_COMPLETED


async def test_a_decision_that_is_none_decides_nothing(served: str, fleet: Fleet) -> None:
    async with connected(served, "JSONRPC", streaming=False) as client:
        asked = await last_task(client, saying("May I return it?"))
        with pytest.raises(Exception, match="say one of: approve, deny"):
            await sent(client, saying("perhaps", task_id=asked.id))
        assert (await client.get_task(GetTaskRequest(id=asked.id))).status.state == TaskState.TASK_STATE_INPUT_REQUIRED
        await client.cancel_task(CancelTaskRequest(id=asked.id))


async def test_what_only_a_person_may_approve_no_message_does(served: str, fleet: Fleet) -> None:
    job = fleet.jobs.submit("test.approval_of_people", {"text": "a fortune"})
    await eventually_async(lambda: fleet.jobs.get(job.id).state == "waiting")
    async with connected(served, "JSONRPC", streaming=False) as client:
        task = await client.get_task(GetTaskRequest(id=job.id))
        assert task.status.state == TaskState.TASK_STATE_AUTH_REQUIRED
        with pytest.raises(Exception, match="a person must answer 'wire'"):
            await sent(client, saying("approve", task_id=job.id))
        assert fleet.jobs.get(job.id).state == "waiting"
        await client.cancel_task(CancelTaskRequest(id=job.id))


async def test_the_same_message_makes_one_task_and_a_context_is_a_conversation(served: str, fleet: Fleet) -> None:
    async with connected(served, "JSONRPC", streaming=False) as client:
        request = saying("once", context_id="context-of-a-client")
        first, second = [await last_task(client, request) for _ in range(2)]
        assert first.id == second.id
        assert first.context_id == "context-of-a-client"
        assert fleet.jobs.get(first.id).conversation == "context-of-a-client"
        listed = await client.list_tasks(ListTasksRequest(context_id="context-of-a-client"))
        assert [task.id for task in listed.tasks] == [first.id]


@BINDINGS
async def test_there_is_no_task_of_a_forged_id(served: str, fleet: Fleet, binding: str) -> None:
    async with connected(served, binding) as client:
        with pytest.raises(TaskNotFoundError):
            await client.get_task(GetTaskRequest(id="forged"))
        with pytest.raises(TaskNotFoundError):
            await client.cancel_task(CancelTaskRequest(id="forged"))
        with pytest.raises(TaskNotFoundError):
            await sent(client, saying("approve", task_id="forged"))


async def test_tasks_are_listed_a_page_at_a_time(served: str, fleet: Fleet) -> None:
    async with connected(served, "JSONRPC", streaming=False) as client:
        made = [(await last_task(client, saying(f"message {number}"))).id for number in range(3)]
        first = await client.list_tasks(ListTasksRequest(page_size=2))
        second = await client.list_tasks(ListTasksRequest(page_size=2, page_token=first.next_page_token))
        assert [task.id for task in (*first.tasks, *second.tasks)][:3] == made[::-1]


def test_a_client_of_0_3_sends_and_is_asked(served: str, fleet: Fleet) -> None:
    message: dict[str, Any] = {"role": "user", "kind": "message", "messageId": uuid.uuid4().hex}
    with httpx2.Client(base_url=served, trust_env=False, timeout=30) as http:

        def send(**more: Any) -> Any:
            params = {
                "message": {**message, **more, "messageId": uuid.uuid4().hex},
                "configuration": {"blocking": True},
            }
            body = {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": params}
            return http.post("/a2a", json=body).json()["result"]

        parts = [{"kind": "text", "text": "May I return it?"}]
        task = send(parts=parts, metadata={"skill": KIND})
        assert task["status"]["state"] == "input-required"
        answered = send(parts=[{"kind": "text", "text": "approve"}], taskId=task["id"])
    assert answered["status"]["state"] == "completed"
    assert answered["artifacts"][0]["parts"][0]["text"] == "You may."


def test_the_card_tells_its_skills_and_is_kept(served: str, fleet: Fleet) -> None:
    with httpx2.Client(base_url=served, trust_env=False) as http:
        answer = http.get("/.well-known/agent-card.json")
        card = answer.json()
        assert card["capabilities"] == {"streaming": True, "pushNotifications": False, "extendedAgentCard": True}
        assert KIND in [skill["id"] for skill in card["skills"]]
        assert card["supportedInterfaces"][0]["url"] == f"{served}/a2a"
        again = http.get("/.well-known/agent-card.json", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        # Whoever comes through a proxy without a key is a stranger.
        public = http.get("/.well-known/agent-card.json", headers={"X-Forwarded-For": "203.0.113.9"})
        assert [skill["id"] for skill in public.json()["skills"]] == ["jobs"]
        refused = http.post("/a2a", json={}, headers={"X-Forwarded-For": "203.0.113.9"})
        assert refused.status_code == 401


def test_push_is_refused_as_the_card_says(served: str, fleet: Fleet) -> None:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "CreateTaskPushNotificationConfig",
        "params": {"taskId": "any", "url": "https://example.com/"},
    }
    with httpx2.Client(base_url=served, trust_env=False) as http:
        error = http.post("/a2a", json=body, headers={"A2A-Version": "1.0"}).json()["error"]
    assert error["code"] == -32003
