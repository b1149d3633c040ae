"""What a collector is told of jobs, by real workers, clients and gateways over HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from backdesk.worker.errors import InvalidRequest, JobFailed
from tests.support.collector import Collector, collecting
from tests.support.gateway import GatewayProcess
from tests.support.workers import Fleet, environment

TRACE, SPAN = "ab" * 16, "cd" * 8
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"
KINDS = ("tests.worker.telemetry.kinds", "backdesk.kinds.support.kind")
SECRET = "Hildegard lives in Bingen"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("traced")
    with Fleet(folder, task_modules=KINDS, data_dir=folder / "data") as fleet:
        fleet.start_worker("agents", slots=4, **collector.environment)
        fleet.start_worker("tools", slots=1, **collector.environment)
        yield fleet


@pytest.fixture(scope="module")
def told(fleet: Fleet, collector: Collector) -> str:
    """The id of a job with a step and a child, of which everything was told."""
    request = {"text": SECRET, "customer_id": "cust-1"}
    job = fleet.jobs.submit("traced.parent", request, conversation_id="talk-1", traceparent=TRACEPARENT)
    assert job.result(timeout=30) == {"text": SECRET.lower()}
    collector.wait_for("process agents", 2, messaging__message__id=job.id)
    collector.wait_for("process tools", backdesk__parent__id=job.id)
    return job.id


def test_each_attempt_is_a_trace_of_its_own_linked_to_the_submit(told: str, collector: Collector) -> None:
    first, second = collector.named("process agents", messaging__message__id=told)
    assert (first.links, second.links) == ([SPAN], [SPAN])
    assert first.parent == second.parent == ""
    assert len({first.trace_id, second.trace_id, TRACE}) == 3
    assert (first.kind, first.service) == ("CONSUMER", "backdesk-worker")
    assert [each.attributes["backdesk.outcome"] for each in (first, second)] == ["waiting", "succeeded"]


def test_an_attempt_is_told_in_the_words_of_those_who_show_it(told: str, collector: Collector) -> None:
    told_of = collector.named("process agents", messaging__message__id=told, backdesk__attempt=1)[0].attributes
    assert (
        told_of.items()
        >= {
            "messaging.system": "backdesk",
            "messaging.destination.name": "agents",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.message.conversation_id": "talk-1",
            "session.id": "talk-1",
            "openinference.span.kind": "CHAIN",
        }.items()
    )
    assert told_of["langfuse.trace.tags"] == ["traced.parent"]
    assert "cust-1" not in told_of["user.id"]


def test_a_step_is_within_its_attempt_and_says_when_it_is_replayed(told: str, collector: Collector) -> None:
    attempts = {each.span_id for each in collector.named("process agents", messaging__message__id=told)}
    steps = [each for each in collector.named("step look", backdesk__step__key="look:1") if each.parent in attempts]
    assert {each.attributes["backdesk.replayed"] for each in steps} == {False, True}
    assert {each.parent for each in steps} == attempts
    assert {each.kind for each in steps} == {"INTERNAL"}


def test_a_called_job_is_sent_within_the_attempt_that_calls_and_linked_to_that(told: str, collector: Collector) -> None:
    (child,) = collector.named("process tools", backdesk__parent__id=told)
    (send,) = [each for each in collector.named("send tools") if each.span_id in child.links]
    assert send.kind == "PRODUCER"
    assert send.parent == collector.named("process agents", messaging__message__id=told, backdesk__attempt=1)[0].span_id
    assert send.attributes["messaging.message.id"] == child.attributes["messaging.message.id"]


def test_a_failure_is_told_by_its_code_and_never_by_what_was_said(fleet: Fleet, collector: Collector) -> None:
    job = fleet.jobs.submit("traced.fails", {"text": SECRET})
    with pytest.raises(JobFailed):
        job.result(timeout=30)
    (attempt,) = collector.wait_for("process agents", messaging__message__id=job.id)
    (step,) = [each for each in collector.named("step break") if each.parent == attempt.span_id]
    assert (attempt.failed, attempt.attributes["error.type"]) == (True, "broken")
    assert (step.failed, step.attributes["error.type"]) == (True, "ValueError")
    assert not [each.name for each in collector.spans if "Hildegard" in each.text]


def test_agents_tell_of_their_runs_models_and_tools_within_the_attempt(fleet: Fleet, collector: Collector) -> None:
    request = {"message": "Where is my order 10001? I am Hildegard.", "customer_id": "cust-1"}
    job = fleet.jobs.submit("support.request", request, conversation_id="talk-2")
    job.result(timeout=30)
    (attempt,) = collector.wait_for("process agents", messaging__message__id=job.id)
    of_trace = [each for each in collector.spans if each.trace_id == attempt.trace_id]
    agents = [each for each in of_trace if each.name == "invoke_agent triage"]
    assert [each.parent for each in agents] == [attempt.span_id]
    assert {each.attributes["gen_ai.conversation.id"] for each in of_trace if each.name.startswith("chat")} == {
        "talk-2"
    }
    assert {each.attributes["session.id"] for each in of_trace} == {"talk-2"}
    tools = {each.span_id for each in of_trace if each.name == "execute_tool look_up_order"}
    assert [each.name for each in of_trace if each.parent in tools] == ["step look_up_order"]
    assert attempt.attributes["backdesk.usage.input_tokens"] > 0
    assert not [each.name for each in of_trace if "Hildegard" in each.text or "10001" in each.text]


def test_the_conventional_metrics_of_messaging_are_told(told: str, collector: Collector) -> None:
    assert {
        "messaging.client.sent.messages",
        "messaging.client.consumed.messages",
        "messaging.process.duration",
    } <= collector.metrics.keys()


@pytest.mark.parametrize(("queue", "kind"), [("agents", "traced.alone"), ("tools", "traced.child")])
def test_a_worker_that_ends_sends_what_is_left(queue: str, kind: str, tmp_path: Path, collector: Collector) -> None:
    never = {**collector.environment, "OTEL_BSP_SCHEDULE_DELAY": "3600000"}
    with Fleet(tmp_path, task_modules=KINDS) as fleet:
        worker = fleet.start_worker(queue, slots=1, **never)  # type: ignore[arg-type]  # a name of a queue
        job = fleet.jobs.submit(kind, {"text": "a"})
        job.result(timeout=30)
        assert not collector.named(f"process {queue}", messaging__message__id=job.id)
        assert worker.stop() == 0
    assert collector.named(f"process {queue}", messaging__message__id=job.id)


def test_jobs_do_not_wait_for_a_collector_that_does_not_answer(tmp_path: Path) -> None:
    with collecting() as stuck, Fleet(tmp_path, task_modules=KINDS) as fleet:
        stuck.open.clear()
        worker = fleet.start_worker("agents", slots=4, **{**stuck.environment, "OTEL_BSP_MAX_QUEUE_SIZE": "600"})
        for job in fleet.jobs.submit_many("traced.alone", [{"text": "a"}] * 200):
            job.result(timeout=30)
        assert not stuck.spans
        assert worker.stop() == 0  # also its end waits a few seconds at most


def test_a_service_with_tracing_of_its_own_sends_within_its_spans(fleet: Fleet, collector: Collector) -> None:
    env = environment(fleet.settings, REDIS_URL=fleet.url, **collector.environment, OTEL_SERVICE_NAME="shop")
    env |= {"BACKDESK_REDIS_URL": fleet.url}
    script = Path(__file__).with_name("service.py")
    done = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, batch = done.stdout.split()
    (checkout,) = collector.wait_for("checkout")
    (send,) = collector.wait_for("send agents", messaging__message__id=first)
    assert (send.parent, send.service) == (checkout.span_id, "shop")
    (attempt,) = collector.wait_for("process agents", messaging__message__id=first)
    assert attempt.links == [send.span_id]
    (many,) = collector.named("send agents", messaging__batch__message_count=3)
    (of_many,) = collector.wait_for("process agents", messaging__message__id=batch)
    assert of_many.links == [many.span_id]


def test_a_request_to_the_gateway_sends_within_the_trace_of_its_client(
    fleet: Fleet, collector: Collector, tmp_path: Path
) -> None:
    body = {"kind": "traced.alone", "request": {"text": "a"}}
    trace, parent = "12" * 16, "34" * 8
    with GatewayProcess(fleet.settings, tmp_path, **collector.environment) as gateway:
        headers = {"traceparent": f"00-{trace}-{parent}-01"}
        answer = httpx2.post(f"{gateway.url}/v1/jobs", json=body, headers=headers, trust_env=False)
        gateway.stop()
    job_id = answer.json()["id"]
    (send,) = collector.wait_for("send agents", messaging__message__id=job_id)
    (asked,) = collector.wait_for("POST /v1/jobs")
    assert (asked.trace_id, asked.parent, asked.kind) == (trace, parent, "SERVER")
    assert (send.trace_id, send.parent, send.service) == (trace, asked.span_id, "backdesk-gateway")
    (attempt,) = collector.wait_for("process agents", messaging__message__id=job_id)
    assert attempt.links == [send.span_id]


@pytest.mark.parametrize("malformed", ["", "00-ab-cd-01", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", "a\n"])
def test_a_trace_context_that_is_none_is_refused(fleet: Fleet, malformed: str) -> None:
    with pytest.raises(InvalidRequest, match="traceparent"):
        fleet.jobs.submit("traced.alone", {}, traceparent=malformed)


def test_neither_links_nor_paths_are_told_of_a_request(collector: Collector) -> None:
    asked = collector.named("POST /v1/jobs")
    assert [each.attributes["http.route"] for each in asked] == ["/v1/jobs"]
    assert not [each for each in asked if "hush" in each.text or "url.path" in each.attributes]
