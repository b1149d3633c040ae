"""The body of `POST /v1/chat/completions`, and the job that it asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backdesk.gateway.dialects.messages import Said, fields_of, request_of, turn_of, words_of
from backdesk.gateway.dialects.responses.request import Extension
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.contract import KindContract
from backdesk.worker.text.json import encode

#: The name of a conversation, in the metadata of a request.
CONVERSATION = "conversation_id"
#: Roles whose messages are passed over: agents here have instructions and tools of their own.
_PASSED_OVER = {"system", "developer", "tool", "function"}


class StreamOptions(BaseModel):
    """What a stream tells besides the answer."""

    include_usage: bool = False


class Call(BaseModel):
    """A telephone call, as Vapi tells of it."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(max_length=128)


class CreateChatCompletion(BaseModel):
    """A message to be answered. What is not known here is passed over, as clients send ever new fields.

    The messages are the whole of what was said, unless `metadata.conversation_id`, or the call of Vapi, names a
    conversation: then the last one alone counts. What a client says that an agent has said before is no word of ours.
    """

    model_config = ConfigDict(extra="ignore")

    model: str = Field(examples=["support.request"])
    messages: list[dict[str, Any]] = Field(min_length=1, examples=[[{"role": "user", "content": "Where is my order?"}]])
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    metadata: dict[str, Any] | None = None
    n: int | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None
    call: Call | None = None
    x_backdesk: Extension | None = None

    @property
    def conversation(self) -> str | None:
        """The conversation that is named."""
        named = (self.metadata or {}).get(CONVERSATION)
        if named is not None and not isinstance(named, str):
            raise InvalidRequest(f"metadata.{CONVERSATION}", "must be a text")
        return named or (self.call.id if self.call else None)

    @property
    def idempotency_key(self) -> str | None:
        """The key of a turn of a call: Vapi asks again after a time-out, and means the same."""
        if self.call is None:
            return None
        return f"vapi-{hashlib.sha256(encode([self.call.id, self.messages])).hexdigest()}"

    def check(self, contract: KindContract) -> None:
        """Raise InvalidRequest for what cannot be kept."""
        if self.n not in {None, 1}:
            raise InvalidRequest("n", "there is one answer")
        if self.tool_choice not in {None, "auto", "none"} if isinstance(self.tool_choice, str | None) else True:
            raise InvalidRequest("tool_choice", "agents here have tools of their own; a client's cannot be called")
        wanted = self.response_format or {"type": "text"}
        schema = wanted.get("json_schema")
        given = schema.get("schema") if isinstance(schema, Mapping) else None
        if wanted.get("type") != "text" and given != contract.result_schema:
            raise InvalidRequest("response_format", f"must be text, or the schema of the results of {contract.kind!r}")

    def job(self, contract: KindContract) -> tuple[Any, dict[str, Any]]:
        """Return the request of the job, and its options. Raises InvalidRequest."""
        fields, metadata = fields_of(self.metadata or {})
        extension = self.x_backdesk or Extension()
        turn = turn_of([_said(each, f"messages[{number}]") for number, each in enumerate(self.messages)], "messages")
        request = request_of(contract, turn, self.conversation, fields | extension.request, param="messages")
        kept = {name: value for name, value in metadata.items() if name != CONVERSATION}
        return request, {**extension.options(), **({"metadata": kept} if kept else {})}


def _said(message: Mapping[str, Any], param: str) -> Said:
    role = message.get("role")
    if role in _PASSED_OVER or (role == "assistant" and message.get("content") is None):
        return Said("none", "")
    if role not in {"user", "assistant"}:
        raise InvalidRequest(f"{param}.role", "must be user, assistant, system, developer or tool")
    return Said(str(role), words_of(message.get("content"), f"{param}.content"))
