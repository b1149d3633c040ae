"""What clients of OpenAI are told of recorded jobs stays what it was."""

from __future__ import annotations

import pytest

from tests.gateway.golden.folding import kept, lines
from tests.gateway.golden.openai_api import EVENTS, RECORDED, completion, responses
from tests.gateway.golden.record import NAMES, load

runs = pytest.mark.parametrize(("name", "run"), RECORDED)


@runs
def test_clients_of_responses_are_told_what_they_were(name: str, run: int) -> None:
    assert lines(responses(name, run)) == kept("responses", name, run).read_text()


@pytest.mark.parametrize("name", NAMES)
def test_clients_of_chat_completions_are_told_what_they_were(name: str) -> None:
    assert lines(completion(name)) == kept("completion", name, 1).read_text()


@runs
def test_every_event_has_the_form_that_the_client_knows(name: str, run: int) -> None:
    events = responses(name, run)
    for event in events:
        if not event["type"].startswith("backdesk:"):
            EVENTS.validate_python(event)
    assert [event["sequence_number"] for event in events] == [*range(len(events))]


@pytest.mark.parametrize(("run", "answer"), [(1, []), (2, []), (3, [load("job")[1].result["answer"]])])
def test_what_was_taken_back_is_in_no_response(run: int, answer: list[str]) -> None:
    output = responses("job", run)[-1]["response"]["output"]
    assert [part["text"] for item in output if item["type"] == "message" for part in item["content"]] == answer
