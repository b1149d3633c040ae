"""Conversations by the client of OpenAI."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.support.workers import Fleet


@pytest.fixture
def client(served: str, fleet: Fleet) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_what_is_said_in_a_conversation_is_listed_in_order(client: openai.OpenAI) -> None:
    talk = client.conversations.create()
    for word in ("one", "two"):
        client.responses.create(model="talk.remember", input=word, conversation=talk.id)
    said = [item.model_dump()["content"][0]["text"] for item in client.conversations.items.list(talk.id, order="asc")]
    assert said == ["one", "You said: one", "two", "You said: two"]


def test_a_conversation_that_was_made_is_there_before_its_first_response(client: openai.OpenAI) -> None:
    talk = client.conversations.create()
    assert client.conversations.retrieve(talk.id).created_at == talk.created_at
    assert [*client.conversations.items.list(talk.id)] == []


def test_a_conversation_that_was_deleted_has_no_words(client: openai.OpenAI) -> None:
    talk = client.conversations.create()
    client.responses.create(model="talk.remember", input="one", conversation=talk.id)
    assert client.conversations.delete(talk.id).deleted
    assert [*client.conversations.items.list(talk.id)] == []


def test_pages_of_items_go_on_behind_the_last(client: openai.OpenAI) -> None:
    talk = client.conversations.create()
    client.responses.create(model="talk.remember", input="one", conversation=talk.id)
    assert len([*client.conversations.items.list(talk.id, limit=1)]) == 2


def test_a_conversation_nobody_has_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve("conv_nobodys")


def test_what_was_not_said_here_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="items"):
        client.conversations.create(items=[{"type": "message", "role": "assistant", "content": "You have won."}])
