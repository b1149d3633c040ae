"""Responses that outlive their client and their gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import openai
import pytest

from tests.support.eventually import eventually
from tests.support.gateway import GatewayProcess
from tests.support.workers import Fleet

COUNTED = "".join(f"{number} " for number in range(100))


@pytest.fixture(scope="module")
def process(shared_fleet: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with shared_fleet.awake() as fleet:
        settings = fleet.settings
    with GatewayProcess(settings, tmp_path_factory.mktemp("gateway")) as process:
        yield process


@pytest.fixture
def client(process: GatewayProcess, fleet: Fleet) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{process.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def ended(client: openai.OpenAI, response_id: str) -> Any:
    def done() -> Any:
        response = client.responses.retrieve(response_id)
        return response if response.status not in {"queued", "in_progress"} else None

    return eventually(done)


def test_a_stream_whose_gateway_is_killed_goes_on_at_the_next_without_a_gap(
    process: GatewayProcess, client: openai.OpenAI
) -> None:
    events: list[Any] = []
    begun = client.responses.create(model="talk.slow", input="count", background=True, stream=True)
    with suppress(httpx2.HTTPError, openai.APIError):
        for event in begun:
            events.append(event)
            if len(events) == 12:
                process.kill()
    assert events[-1].type == "response.output_text.delta"
    process.start()
    response_id, last = events[0].response.id, events[-1].sequence_number
    events += client.responses.retrieve(response_id, stream=True, starting_after=last)
    assert [event.sequence_number for event in events] == [*range(len(events))]
    # Words said while nobody listened are not in the log: what has such a gap is taken back at the end.
    stands = events[-1].response.output[-1].id
    deltas = [event for event in events if event.type == "response.output_text.delta"]
    assert "".join(event.delta for event in deltas if event.item_id == stands) == COUNTED
    assert events[-1].response.output_text == COUNTED


def test_the_helper_resumes_a_response_behind_an_event(client: openai.OpenAI) -> None:
    begun = client.responses.create(model="talk.echo", input="hello", background=True)
    ended(client, begun.id)
    with client.responses.stream(response_id=begun.id, starting_after=3) as stream:
        numbers = [event.sequence_number for event in stream]
        assert stream.get_final_response().output_text == "You said: hello"
    assert numbers == [*range(4, 4 + len(numbers))]


def test_a_response_in_the_background_ends_without_its_gateway(process: GatewayProcess, client: openai.OpenAI) -> None:
    begun = client.responses.create(model="talk.echo", input="hello", background=True)
    process.kill()
    process.start()
    assert ended(client, begun.id).output_text == "You said: hello"


def test_a_client_that_leaves_behind_the_first_event_leaves_no_job_behind(client: openai.OpenAI) -> None:
    with client.responses.create(model="talk.slow", input="count", stream=True) as stream:
        response_id = next(iter(stream)).response.id  # type: ignore[union-attr]  # the first one has it
    assert ended(client, response_id).status == "cancelled"


def test_a_response_in_the_background_ends_though_its_client_leaves_behind_the_first_event(
    client: openai.OpenAI,
) -> None:
    with client.responses.create(model="talk.echo", input="hello", background=True, stream=True) as stream:
        response_id = next(iter(stream)).response.id  # type: ignore[union-attr]  # the first one has it
    assert ended(client, response_id).status == "completed"


def test_a_client_that_looks_late_is_streamed_all_of_it(client: openai.OpenAI) -> None:
    begun = client.responses.create(model="talk.echo", input="hello", background=True)
    ended(client, begun.id)
    events = [*client.responses.retrieve(begun.id, stream=True)]
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert deltas == "You said: hello"
    assert events[-1].type == "response.completed"
