"""Which fields of a kind are a conversation, for clients that know chats and no schemas."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Chat(BaseModel):
    """The fields of a kind through which it is talked to.

    `input` is the field of the request that takes the words, `output` that of the result with the answer, and
    `conversation` the field of the request that names the conversation, where it has one. `text` is how the answer is
    streamed: `live` as it is written, which may have to be taken back, or `final`: once nothing more can change.
    `asks` is whether clients that poll are shown what the job asks of people as items of a finished response
    (`items`), or see it go on until it is answered elsewhere (`in_progress`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: str
    output: str
    conversation: str | None = None
    text: Literal["live", "final"] = "live"
    asks: Literal["items", "in_progress"] = "in_progress"
