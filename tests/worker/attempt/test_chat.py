"""The fields of a kind that are a conversation."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from backdesk.worker import TaskContext, task
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.model.chat import Chat


class Said(BaseModel):
    text: str


@pytest.mark.parametrize("chat", [Chat(input="words", output="text"), Chat(input="text", output="words")])
def test_a_chat_that_names_a_field_which_is_not_there_is_refused(chat: Chat) -> None:
    with pytest.raises(ConfigurationError, match="'words', which Said does not have"):

        @task("test.no_chat", chat=chat)
        async def body(ctx: TaskContext, request: Said) -> Said:
            return request


def test_a_kind_announces_its_chat() -> None:
    chat = Chat(input="text", output="text")

    @task("test.with_chat", chat=chat)
    async def body(ctx: TaskContext, request: Said) -> Said:
        return request

    assert REGISTRY.pop("test.with_chat").contract.chat == chat
