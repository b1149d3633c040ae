"""The client of OpenAI, from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.support.workers import Fleet


@pytest.fixture
def client(served: str, fleet: Fleet) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_a_response_in_the_background_is_retrieved_when_it_is_done(client: openai.OpenAI, http: httpx2.Client) -> None:
    begun = client.responses.create(model="talk.echo", input="hello", background=True)
    assert begun.status in {"queued", "in_progress", "completed"}
    http.get(f"/v1/jobs/{begun.id.removeprefix('resp_')}", params={"wait": 20})
    done = client.responses.retrieve(begun.id)
    assert (done.status, done.output_text) == ("completed", "You said: hello")


def test_a_response_that_is_waited_for_has_a_receipt_of_each_tool(client: openai.OpenAI) -> None:
    done = client.responses.create(model="talk.echo", input="hello")
    assert done.output_text == "You said: hello"
    assert [item.type for item in done.output] == ["mcp_call", "message"]


def test_the_helper_reads_a_stream_to_its_end(client: openai.OpenAI) -> None:
    with client.responses.stream(model="talk.echo", input="hello") as stream:
        deltas = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        assert deltas == stream.get_final_response().output_text == "You said: hello"


def test_a_stream_is_numbered_alike_each_time_and_resumes_behind_a_number(client: openai.OpenAI) -> None:
    begun = client.responses.create(model="talk.echo", input="hello", background=True, stream=True)
    response_id = next(iter(begun)).response.id  # type: ignore[union-attr]  # the first one has it
    again = [event.model_dump() for event in client.responses.retrieve(response_id, stream=True)]
    assert [event["sequence_number"] for event in again] == [*range(len(again))]
    rest = client.responses.retrieve(response_id, stream=True, starting_after=4)
    assert [event.model_dump() for event in rest] == again[5:]


def test_text_of_an_attempt_in_vain_is_taken_back(client: openai.OpenAI) -> None:
    with client.responses.stream(model="talk.again", input="hello") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == "This stands"
    assert kinds.count("response.output_item.done") == 2


def test_what_a_job_asks_is_answered_by_the_next_response(client: openai.OpenAI) -> None:
    events = [*client.responses.create(model="talk.ask", input="hello", stream=True)]
    asked = events[-1].response
    assert asked.output[-1].type == "mcp_approval_request"
    approval: Any = {"type": "mcp_approval_response", "approval_request_id": asked.output[-1].id, "approve": True}
    second = client.responses.create(model="talk.ask", previous_response_id=asked.id, input=[approval])
    assert second.output[-1].type == "function_call"
    assert json.loads(second.output[-1].arguments)["choices"] == ["red", "blue"]
    answer: Any = {"type": "function_call_output", "call_id": second.output[-1].call_id, "output": "blue"}
    third = client.responses.create(model="talk.ask", previous_response_id=second.id, input=[answer])
    assert third.output_text == "approve by local, blue"


def test_a_failure_is_told_in_the_response_and_ends_the_stream(client: openai.OpenAI) -> None:
    failed = client.responses.create(model="talk.fail", input="hello")
    assert failed.status == "failed"
    assert failed.error is not None
    assert "it cannot be said" in failed.error.message


def test_a_cancelled_response_is_cancelled_for_the_client(client: openai.OpenAI) -> None:
    begun = client.responses.create(model="talk.slow", input="hello", background=True)
    assert client.responses.cancel(begun.id).status == "cancelled"
    assert client.responses.retrieve(begun.id).status == "cancelled"


def test_an_unknown_model_is_the_error_that_clients_know(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model="talk.nobody", input="hello")
    assert caught.value.code == "model_not_found"


def test_kinds_are_models(client: openai.OpenAI) -> None:
    assert "talk.echo" in {model.id for model in client.models.list()}
    assert client.models.retrieve("talk.echo").owned_by == "backdesk"


def test_what_was_asked_is_listed(client: openai.OpenAI) -> None:
    begun = client.responses.create(model="talk.echo", input="hello")
    (item,) = client.responses.input_items.list(begun.id).data
    assert item.model_dump()["content"][0]["text"] == "hello"


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"tools": [{"type": "function", "name": "f", "parameters": {}}]}, "tools"),
        ({"instructions": "Be brief."}, "instructions"),
        ({"background": True, "store": False}, "store"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input[0].content[0]"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_parameter(
    http: httpx2.Client, given: dict[str, object], param: str
) -> None:
    answer = http.post("/v1/responses", json={"model": "talk.echo", "input": "hello", **given})
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == param


def test_a_response_that_has_ended_is_deleted(client: openai.OpenAI) -> None:
    done = client.responses.create(model="talk.echo", input="hello")
    client.responses.delete(done.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(done.id)
