"""Keys of several tenants at one gateway, by MCP and A2A: none learns of, answers or ends what is another's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from backdesk.worker.model.audit import Part
from tests.support.eventually import eventually
from tests.support.gateway import serving
from tests.support.mcp_requests import RawClient
from tests.support.workers import Fleet

YES = {"refund": {"action": "accept", "content": {"decision": "approve"}}}


@dataclass(frozen=True)
class Guarded:
    """A gateway that asks for keys."""

    url: str
    fleet: Fleet

    def key(self, tenant: str | None, scope: str) -> str:
        return self.fleet.jobs.keys.add(f"{tenant}-{scope}", tenant=tenant, scope=scope).secret

    def mcp(self, tenant: str | None, scope: str = "operate", **more: Any) -> RawClient:
        return RawClient(self.url, Authorization=f"Bearer {self.key(tenant, scope)}", **more)

    def a2a(self, tenant: str | None, scope: str = "operate") -> httpx2.Client:
        headers = {"Authorization": f"Bearer {self.key(tenant, scope)}", "A2A-Version": "1.0"}
        return httpx2.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with Fleet(tmp_path_factory.mktemp("guarded")) as fleet:
        fleet.jobs.keys.add("first")  # from now on nobody is let in without one
        fleet.start_worker("agents", slots=16)
        with serving(fleet.settings) as url:
            yield Guarded(url, fleet)


def call(http: httpx2.Client, method: str, **params: Any) -> Any:
    return http.post("/a2a", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).json()


def saying(text: str, **more: Any) -> dict[str, Any]:
    parts = [{"text": text}]
    message = {"messageId": uuid.uuid4().hex, "role": "ROLE_USER", "parts": parts, "metadata": {"skill": "test.talk"}}
    return {"message": {**message, **more}}


def test_to_another_tenant_a_task_of_mcp_does_not_exist(guarded: Guarded) -> None:
    with guarded.mcp("acme") as owner, guarded.mcp("evil", "admin") as other:
        task_id = owner.start("test_approval", text="the parcel")
        owner.asking(task_id)
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            theirs = other.refusal(method, taskId=task_id, inputResponses=YES)
            none = other.refusal(method, taskId=str(uuid.uuid4()), inputResponses=YES)
            assert theirs == none
            assert theirs["code"] == -32602
        for uri in (f"backdesk://jobs/{task_id}", f"backdesk://jobs/../{task_id}"):
            assert other.refusal("resources/read", uri=uri)["code"] == -32602
        assert owner.ask("tasks/get", taskId=task_id)["status"] == "input_required"
        owner.ask("tasks/update", taskId=task_id, inputResponses=YES)
        assert owner.ended(task_id)["result"]["structuredContent"]["value"][0] is True


def test_to_another_tenant_a_job_is_unknown_to_the_tools_as_well(guarded: Guarded) -> None:
    with guarded.mcp("acme") as owner, guarded.mcp("evil", capabilities={"elicitation": {}}) as other:
        job_id = owner.start("test_approval", text="the parcel")
        owner.asking(job_id)
        unknown = str(uuid.uuid4())
        for tool in ("job_get", "job_wait", "job_answer", "job_cancel"):
            more = {"answer": "approve"} if tool == "job_answer" else {}
            theirs, none = (
                other.ask("tools/call", name=tool, arguments={"job_id": each, **more}) for each in (job_id, unknown)
            )
            assert theirs["isError"] is none["isError"] is True
            assert theirs["content"][0]["text"].replace(job_id, unknown) == none["content"][0]["text"]
        stolen = other.ask("tools/call", name="test_approval", arguments={}, requestState=job_id, inputResponses=YES)
        assert stolen["isError"] is True
        assert owner.ask("tasks/get", taskId=job_id)["status"] == "input_required"
        owner.ask("tasks/cancel", taskId=job_id)


def test_the_same_idempotency_key_of_two_tenants_makes_two_jobs(guarded: Guarded) -> None:
    with guarded.mcp("acme") as one, guarded.mcp("evil") as other:
        ids = {each.start("test_echo", text="same", idempotency_key="k-1") for each in (one, other, one)}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("scope", "tools"),
    [
        ("read", {"job_wait", "job_get"}),
        ("submit", {"job_wait", "job_get", "job_cancel", "test_echo"}),
        ("operate", {"job_wait", "job_get", "job_cancel", "job_answer", "test_echo"}),
    ],
)
def test_tools_are_those_that_the_key_may_call(guarded: Guarded, scope: str, tools: set[str]) -> None:
    with guarded.mcp("acme", scope, capabilities={}) as client:
        listed = {tool["name"] for tool in client.ask("tools/list")["tools"]}
    assert {name for name in listed if name.startswith("job_") or name == "test_echo"} == tools


def test_a_key_that_only_reads_calls_no_tool_and_ends_nothing(guarded: Guarded) -> None:
    with guarded.mcp("acme", "read") as reader, guarded.mcp("acme") as owner:
        assert "Unknown tool" in reader.refusal("tools/call", name="test_echo", arguments={})["message"]
        task_id = owner.start("test_sleep", n=60)
        assert reader.ask("tasks/get", taskId=task_id)["status"] == "working"
        assert "submit" in reader.refusal("tasks/cancel", taskId=task_id)["message"]
        owner.ask("tasks/cancel", taskId=task_id)


def test_a_key_that_only_submits_is_not_asked_and_answers_nothing(guarded: Guarded) -> None:
    with guarded.mcp("acme", "submit") as client:
        task_id = client.start("test_approval", text="the parcel")
        task = client.task(task_id, lambda task: "Waits for a person" in task.get("statusMessage", ""))
        assert task["status"] == "working"
        assert "operate" in client.refusal("tasks/update", taskId=task_id, inputResponses=YES)["message"]
        answer = client.ask("tools/call", name="job_answer", arguments={"job_id": task_id, "answer": "approve"})
        assert answer["isError"] is True
        assert client.ask("tasks/get", taskId=task_id)["status"] == "working"
        client.ask("tasks/cancel", taskId=task_id)


def test_without_a_good_key_nothing_is_told(guarded: Guarded) -> None:
    made = guarded.fleet.jobs.keys.add("gone", tenant="acme", scope="admin")
    guarded.fleet.jobs.keys.revoke(made.key.id)
    wrong: tuple[Any, ...] = ({}, {"Authorization": "Bearer bdk_wrong"}, {"Authorization": f"Bearer {made.secret}"})
    for brought in wrong:
        with RawClient(guarded.url, **brought) as client:
            for answer in (
                client.post("tools/list"),
                client.http.post("/a2a", json={}),
                client.http.get("/a2a/rest/tasks"),
            ):
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_that_is_revoked_while_its_task_goes_on_learns_no_more_of_it(guarded: Guarded) -> None:
    made = guarded.fleet.jobs.keys.add("leaving", tenant="acme", scope="operate")
    with RawClient(guarded.url, Authorization=f"Bearer {made.secret}") as client, guarded.mcp("acme") as other:
        task_id = client.start("test_sleep", n=60)
        guarded.fleet.jobs.keys.revoke(made.key.id)
        eventually(lambda: client.post("tasks/get", taskId=task_id).status_code == 401)
        assert other.ask("tasks/get", taskId=task_id)["status"] == "working"
        other.ask("tasks/cancel", taskId=task_id)


def test_pages_of_the_origins_in_the_settings_call_and_no_others_with_whatever_key(guarded: Guarded) -> None:
    options = {"public_url": "https://desk.example.com", "cors": ("https://page.example.com",)}
    key = f"Bearer {guarded.key('acme', 'read')}"
    with serving(guarded.fleet.settings, **options) as url:
        for origin, status in (
            ("https://desk.example.com", 200),
            ("https://page.example.com", 200),
            ("https://evil.example.com", 403),
            ("http://localhost:3000", 403),
        ):
            with RawClient(url, Host="desk.example.com", Origin=origin, Authorization=key) as client:
                assert client.post("tools/list").status_code == status


def test_what_is_done_is_noted_with_whose_key_and_what_is_only_looked_at_is_not(guarded: Guarded) -> None:
    made = guarded.fleet.jobs.keys.add("noted", tenant="noted", scope="operate")
    brought = {"Authorization": f"Bearer {made.secret}", "A2A-Version": "1.0"}
    with RawClient(guarded.url, Authorization=brought["Authorization"]) as client:
        task_id = client.start("test_approval", text="the parcel")
        client.asking(task_id)
        client.ask("tasks/update", taskId=task_id, inputResponses=YES)
        client.ended(task_id)
    with httpx2.Client(base_url=guarded.url, headers=brought, trust_env=False, timeout=30) as http:
        ended = call(http, "SendMessage", **saying("hello"))["result"]["task"]
        call(http, "GetTask", id=ended["id"])
    entries = [
        (entry.action, entry.on)
        for part in Part
        for entry in guarded.fleet.jobs.audit.list(part=part)
        if entry.key_id == made.key.id
    ]
    assert sorted(entries) == [
        ("POST /a2a", f"kind=test.talk, job_id={ended['id']}"),
        ("POST /mcp", f"job_id={task_id}, ask=refund"),
        ("POST /mcp", f"kind=test.approval, job_id={task_id}"),
    ]


def test_many_clients_at_once_each_get_their_own(guarded: Guarded) -> None:
    clients = [guarded.mcp(f"tenant-{number % 4}") for number in range(12)]

    def use(number: int) -> str:
        client, text = clients[number], f"of {number}"
        task_id = client.start("test_echo", text=text)
        assert client.ended(task_id)["result"]["structuredContent"] == {"text": text}
        return task_id

    with ThreadPoolExecutor(12) as pool:
        ids = [*pool.map(use, range(12))]
    for number, task_id in enumerate(ids):
        assert guarded.fleet.jobs.get(task_id).tenant == f"tenant-{number % 4}"
        for other in clients[:4]:
            mine = clients.index(other) % 4 == number % 4
            assert ("result" in other.post("tasks/get", taskId=task_id).json()) is mine
    for client in clients:
        client.http.close()


def test_to_another_tenant_a_task_of_a2a_does_not_exist(guarded: Guarded) -> None:
    with guarded.a2a("acme") as owner, guarded.a2a("evil", "admin") as other:
        asked = call(owner, "SendMessage", **saying("May I return it?"))["result"]["task"]
        assert asked["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
        answer = saying("approve", taskId=asked["id"], contextId=asked["contextId"])
        for method, params in (
            ("GetTask", {"id": asked["id"]}),
            ("CancelTask", {"id": asked["id"]}),
            ("SubscribeToTask", {"id": asked["id"]}),
            ("SendMessage", answer),
            ("SendStreamingMessage", answer),
        ):
            assert call(other, method, **params)["error"]["code"] == -32001
        assert other.get(f"/a2a/rest/tasks/{asked['id']}").status_code == 404
        assert other.post(f"/a2a/rest/tasks/{asked['id']}:cancel", json={}).status_code == 404
        listed = call(other, "ListTasks")["result"]
        assert asked["id"] not in [task["id"] for task in listed.get("tasks", [])]
        assert listed["nextPageToken"] == ""
        assert asked["id"] in [task["id"] for task in call(owner, "ListTasks")["result"]["tasks"]]
        done = call(owner, "SendMessage", **answer)["result"]["task"]
        assert done["status"]["state"] == "TASK_STATE_COMPLETED"


def test_a_context_of_another_tenant_is_another_conversation(guarded: Guarded) -> None:
    with guarded.a2a("acme") as one, guarded.a2a("evil") as other:
        ids = []
        for http in (one, other):
            task = call(http, "SendMessage", **saying("hello", contextId="shared-context"))["result"]["task"]
            ids.append(task["id"])
        listed = call(other, "ListTasks", contextId="shared-context")["result"]["tasks"]
    assert [task["id"] for task in listed] == ids[1:]


def test_an_agent_whose_key_only_submits_waits_for_the_authority_of_another(guarded: Guarded) -> None:
    with guarded.a2a("acme", "submit") as http:
        asked = call(http, "SendMessage", **saying("May I return it?"))["result"]["task"]
        assert asked["status"]["state"] == "TASK_STATE_AUTH_REQUIRED"
        refused = call(http, "SendMessage", **saying("approve", taskId=asked["id"]))
        assert "operate" in refused["error"]["message"]
        ended = call(http, "CancelTask", id=asked["id"])["result"]
        assert ended["status"]["state"] == "TASK_STATE_CANCELED"


def test_the_cards_tell_skills_to_keys_alone(guarded: Guarded) -> None:
    with guarded.a2a("acme") as http:
        own = [skill["id"] for skill in http.get("/.well-known/agent-card.json").json()["skills"]]
        extended = call(http, "GetExtendedAgentCard")["result"]["skills"]
        assert "test.talk" in own
        assert own == [skill["id"] for skill in extended]
    public = httpx2.get(f"{guarded.url}/.well-known/agent-card.json", trust_env=False).json()
    assert [skill["id"] for skill in public["skills"]] == ["jobs"]
    hidden = httpx2.get(f"{guarded.url}/a2a/test.talk/.well-known/agent-card.json", trust_env=False)
    assert hidden.status_code == 401
