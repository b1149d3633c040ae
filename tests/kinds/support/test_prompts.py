"""What was sent to models for a job: exactly what arrived at a server, kept small, and told to nobody who watches."""

from __future__ import annotations

import copy
import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backdesk.client import JobClient
from backdesk.kinds.support import kind as support
from backdesk.platform.deployment import reset
from backdesk.testing import Bench
from backdesk.testing.job import BenchJob
from backdesk.worker.model.sent import SentRequest
from backdesk.worker.services.packer import Packer
from backdesk.worker.store.connection import connect
from backdesk.worker.store.keys import Keys
from tests.support.openai_simulator import Fault, OpenAISimulator, Reply, Text, call

pytestmark = pytest.mark.usefixtures("waived", "shop")

TO_REFUND = call("hand_over", to="refund", reason="wants money back for 10003")
LOOK_UP = call("look_up_order", order_number=10003)
REFUND = call("refund_order", order_number=10003, reason="changed my mind")
DONE = Text("Your parcel is on its way.")
PROMPTS = Path(support.__file__).with_name("prompts")


@pytest.fixture
def client(bench: Bench) -> Iterator[JobClient]:
    with JobClient(settings=bench.settings) as client:
        yield client


def ask(bench: Bench, message: str, **more: Any) -> BenchJob:
    request = {"message": message, "customer_id": "cust-3", **more}
    return bench.run("support.request", request, job_id=str(uuid.uuid4()))


def bodies(sent: list[SentRequest]) -> list[Any]:
    return [each.body for each in sent]


def arrived(provider: OpenAISimulator) -> list[Any]:
    return [copy.deepcopy(request.body) for request in provider.requests]


def hash_of(agent: str) -> str:
    return hashlib.sha256((PROMPTS / f"{agent}.md").read_bytes()).hexdigest()[:12]


@pytest.mark.parametrize("watched", [False, True])
def test_what_is_shown_is_what_arrived_over_handoffs_and_tools(
    bench: Bench, client: JobClient, provider: OpenAISimulator, watched: bool
) -> None:
    bench.watched = watched
    provider.will(TO_REFUND, LOOK_UP, REFUND, DONE)
    job = ask(bench, "refund 10003")
    sent = client.sent(job.id)
    assert bodies(sent) == arrived(provider)
    assert [(each.call_id, each.agent) for each in sent] == [
        ("1.1", "triage"),
        ("1.2", "refund"),
        ("1.3", "refund"),
        ("1.4", "refund"),
    ]
    assert [each.missing for each in sent] == [None] * 4


def test_it_is_shown_as_before_once_it_is_packed_with_the_log(
    bench: Bench, client: JobClient, provider: OpenAISimulator
) -> None:
    provider.will(TO_REFUND, LOOK_UP, REFUND, DONE)
    job = ask(bench, "refund 10003")
    before = client.sent(job.id)
    with connect(bench.settings.url) as redis:
        Packer(redis, bench.settings, lambda: True).tick()
        assert [*redis.scan_iter(f"*:sent:{job.id}")] == []
    assert client.sent(job.id) == before
    assert bodies(before) == arrived(provider)


def test_by_the_responses_api_it_is_that_request(
    bench: Bench, client: JobClient, provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_MODEL", "responses:gpt-4o-mini")
    reset()
    provider.will(TO_REFUND, LOOK_UP, DONE)
    job = ask(bench, "refund 10003")
    assert bodies(client.sent(job.id)) == arrived(provider)
    assert "instructions" in arrived(provider)[0]


def test_what_went_before_in_the_conversation_is_shown_as_it_was_sent(
    bench: Bench, client: JobClient, provider: OpenAISimulator
) -> None:
    provider.will(TO_REFUND, LOOK_UP, DONE)
    ask(bench, "refund 10003", conversation_id="c-1")
    provider.requests.clear()
    provider.will(TO_REFUND, DONE)
    job = ask(bench, "And my other parcel?", conversation_id="c-1")
    assert bodies(client.sent(job.id)) == arrived(provider)


def test_what_judges_are_asked_is_shown_beside_what_agents_are(
    bench: Bench, client: JobClient, provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_JUDGE_MODEL", "judge")
    reset()
    scores = {"sentiment": 1, "professionalism": 1, "completeness": 1, "accuracy": 1}
    replies: Iterator[Reply] = iter([TO_REFUND, LOOK_UP, DONE])
    provider.rule = lambda request: call("give_answer", **scores) if request.body["model"] == "judge" else next(replies)
    job = ask(bench, "refund 10003")
    sent = client.sent(job.id)
    assert bodies(sent) == arrived(provider)
    assert {each.agent for each in sent if each.model == "judge"} == {"review"}


def test_requests_that_failed_are_shown_of_each_attempt(
    bench: Bench, client: JobClient, provider: OpenAISimulator
) -> None:
    provider.will(TO_REFUND, Fault.error(500, "broken"), LOOK_UP, DONE)
    job = ask(bench, "refund 10003")
    sent = client.sent(job.id)
    assert bodies(sent) == arrived(provider)
    assert [each.call_id for each in sent] == ["1.1", "1.2", "2.1", "2.2"]


def test_what_an_attempt_has_sent_whose_worker_died_is_shown(
    bench: Bench, client: JobClient, provider: OpenAISimulator
) -> None:
    provider.will(TO_REFUND, LOOK_UP, DONE, DONE)
    job = bench.submit("support.request", {"message": "refund 10003", "customer_id": "cust-3"})
    bench.lose(job, after=2)
    bench.go_on(job)
    sent = client.sent(job.id)
    assert bodies(sent) == arrived(provider)
    assert {each.attempt for each in sent} == {1, 2}


def test_without_a_server_it_is_told_in_the_form_of_chat_completions(bench: Bench, client: JobClient) -> None:
    job = ask(bench, "refund 10003")
    first, *_, last = client.sent(job.id)
    assert first.body
    assert last.body
    assert first.body["messages"][0]["content"].startswith((PROMPTS / "triage.md").read_text("utf-8"))
    assert first.body["messages"][1] == {"role": "user", "content": "refund 10003"}
    assert [message["role"] for message in last.body["messages"]][-2:] == ["assistant", "tool"]
    assert "hand_over" in [tool["function"]["name"] for tool in first.body["tools"]]


def test_cards_and_secrets_are_masked_before_they_are_kept(
    bench: Bench, client: JobClient, provider: OpenAISimulator
) -> None:
    provider.will(TO_REFUND, DONE)
    job = ask(bench, "refund 10003, my card is 4111 1111 1111 1111")
    (_, user), *_ = ((body["messages"][0], body["messages"][1]) for body in bodies(client.sent(job.id)))
    assert user["content"] == "refund 10003, my card is [masked-card]"
    assert "4111 1111" in arrived(provider)[0]["messages"][1]["content"]


def test_whoever_watches_is_told_of_prompts_by_name_and_hash_alone(
    bench: Bench, client: JobClient, provider: OpenAISimulator
) -> None:
    provider.will(TO_REFUND, DONE)
    job = ask(bench, "refund 10003")
    assert [each["prompt"] for each in job.of("agent")] == [
        f"triage@{hash_of('triage')}",
        f"refund@{hash_of('refund')}",
    ]
    assert [each["prompt"] for each in job.of("model_called")] == [hash_of("triage"), hash_of("refund")]
    told = json.dumps([event.model_dump(mode="json") for event in client.events(job.id)])
    assert "first contact of an online shop" not in told


def test_a_result_names_the_prompts_that_it_came_by(bench: Bench, provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, LOOK_UP, DONE)
    prompts = ask(bench, "refund 10003").result.prompts
    assert [each.model_dump() for each in prompts] == [
        {"agent": agent, "name": agent, "hash": hash_of(agent), "variant": None} for agent in ("triage", "refund")
    ]


def test_a_job_that_goes_on_with_other_instructions_keeps_its_answers_and_names_both(
    bench: Bench, client: JobClient, provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.will(TO_REFUND, LOOK_UP, DONE)
    job = bench.submit("support.request", {"message": "refund 10003", "customer_id": "cust-3"})
    bench.lose(job, after=3)
    team = support.SUPPORT
    new = replace(team.agent("refund"), instructions="Answer in one word.")
    cards = tuple(new if card.name == "refund" else card for card in team.agents)
    monkeypatch.setattr(support, "SUPPORT", replace(team, agents=cards))
    bench.go_on(job)
    assert job.result.answer == DONE.text
    by_hash = {each.hash: each.agent for each in job.result.prompts}
    assert by_hash == {
        hash_of("triage"): "triage",
        hash_of("refund"): "refund",
        new.prompts[0].hash: "refund",
    }
    assert len(provider.requests) == 3
    last = client.sent(job.id)[-1]
    assert last.prompt == new.prompts[0].hash
    assert last.body
    assert last.body["messages"][0]["content"].startswith("Answer in one word.")


def test_a_request_of_a_job_adds_half_a_kilobyte(bench: Bench, client: JobClient, provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, LOOK_UP, REFUND, DONE)
    job = ask(bench, "refund 10003")
    with connect(bench.settings.url) as redis:
        held = redis.memory_usage(Keys(bench.settings.prefix).sent(job.id), samples=0)
    assert held is not None
    assert held / len(client.sent(job.id)) <= 512


def test_a_text_that_is_gone_is_named_and_the_rest_is_shown(
    bench: Bench, client: JobClient, provider: OpenAISimulator
) -> None:
    provider.will(TO_REFUND, DONE)
    job = ask(bench, "refund 10003")
    with connect(bench.settings.url) as redis:
        redis.delete(*redis.scan_iter(f"{bench.settings.prefix}:text:*"))
    first, _ = client.sent(job.id)
    assert first.missing
    assert first.missing.startswith("texts that are no longer kept: ")
    assert first.body
    assert first.body["messages"][1]["content"] == "refund 10003"


def test_images_are_told_by_their_size(bench: Bench, client: JobClient) -> None:
    image = "data:image/png;base64," + "iVBORw0KGgo" * 200
    job = ask(bench, f"refund 10003 {image}")
    content = bodies(client.sent(job.id))[0]["messages"][1]["content"]
    assert content.startswith("refund 10003 data:image/png;base64,[2200 characters, sha256 ")
