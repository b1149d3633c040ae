"""The body of `POST /v1/responses`, and the job that it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backdesk.gateway.dialects.messages import Said, Turn, fields_of, request_of, turn_of, words_of
from backdesk.gateway.dialects.responses.ids import ask_name
from backdesk.gateway.dialects.responses.items import APPROVAL, CALL
from backdesk.gateway.dialects.responses.response import KEPT
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.contract import KindContract

#: Pairs of metadata, and the characters of their names and values, at most: those of OpenAI.
MOST_METADATA, LONGEST_NAME, LONGEST_VALUE = 16, 64, 512
#: By when a response with such a window has to begin. Seconds.
_WINDOWS = {"soonest": None, "2h": 7_200.0, "8h": 28_800.0}


class ConversationRef(BaseModel):
    """A conversation, by its id."""

    id: str


class Extension(BaseModel):
    """What has no field in the API: fields of the request, and options of the job. Sent as `extra_body`."""

    model_config = ConfigDict(extra="forbid")

    request: dict[str, Any] = {}
    tenant: str | None = None
    priority: int | None = Field(None, ge=0, le=9)
    budget: dict[str, Any] | None = None
    expires: float | None = None
    timeout: float | None = None

    def options(self) -> dict[str, Any]:
        """Return the options of the job."""
        return self.model_dump(exclude={"request"}, exclude_none=True)


class BackgroundOptions(BaseModel):
    """How soon a response in the background is wanted."""

    completion_window: Literal["soonest", "2h", "8h"] = "soonest"


class CreateResponse(BaseModel):
    """A response to be made. What is not known here is passed over, as clients send ever new fields."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(examples=["support.request"])
    input: str | list[dict[str, Any]] = Field(examples=["Where is my order 10003?"])
    background: bool | None = None
    stream: bool | None = None
    store: bool | None = None
    instructions: str | None = None
    conversation: str | ConversationRef | None = None
    previous_response_id: str | None = None
    metadata: dict[str, str] | None = Field(None, max_length=MOST_METADATA)
    max_output_tokens: int | None = Field(None, gt=0)
    max_tool_calls: int | None = Field(None, gt=0)
    tools: list[Any] | None = None
    text: dict[str, Any] | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    user: str | None = None
    background_options: BackgroundOptions | None = None
    x_backdesk: Extension | None = None

    def check(self) -> None:
        """Raise InvalidRequest for what cannot be kept."""
        if self.tools:
            raise InvalidRequest("tools", "agents here have tools of their own; a client's cannot be called")
        if self.background and self.store is False:
            raise InvalidRequest("store", "a response in the background is stored")
        if self.conversation is not None and self.previous_response_id is not None:
            raise InvalidRequest("conversation", "give this or previous_response_id")
        for name, value in (self.metadata or {}).items():
            if len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
                raise InvalidRequest(
                    f"metadata.{name}", f"names have {LONGEST_NAME} characters at most, values {LONGEST_VALUE}"
                )

    @property
    def conversation_id(self) -> str | None:
        """The conversation that is named, as it is called here."""
        named = self.conversation.id if isinstance(self.conversation, ConversationRef) else self.conversation
        return None if named is None else named.removeprefix("conv_")

    def decisions(self) -> list[Decision]:
        """Return the answers to what a job asked, if the input is such."""
        items = self.input if isinstance(self.input, list) else []
        return [decision for number, item in enumerate(items) if (decision := Decision.read(item, number))]

    def turn(self) -> Turn:
        """Return what is asked, and what was said before. Raises InvalidRequest."""
        if isinstance(self.input, str):
            return turn_of([Said("user", self.input)], "input")
        return turn_of([_said(item, f"input[{number}]") for number, item in enumerate(self.input)], "input")

    def job(self, contract: KindContract, conversation: str | None) -> tuple[Any, dict[str, Any]]:
        """Return the request of the job, and its options. Raises InvalidRequest."""
        fields, metadata = fields_of(self.metadata or {})
        extension = self.x_backdesk or Extension()
        fields |= extension.request | self._instructed(contract)
        self._check_format(contract)
        request = request_of(contract, self.turn(), conversation, fields, param="input")
        return request, {**extension.options(), **self._limits(), "metadata": {KEPT: self._kept(metadata)}}

    def _instructed(self, contract: KindContract) -> dict[str, Any]:
        if self.instructions is None:
            return {}
        if "instructions" not in contract.request_schema.get("properties", {}):
            raise InvalidRequest("instructions", f"{contract.kind!r} has instructions of its own")
        return {"instructions": self.instructions}

    def _check_format(self, contract: KindContract) -> None:
        wanted = (self.text or {}).get("format") or {"type": "text"}
        if not isinstance(wanted, Mapping) or wanted.get("type") not in {"text", "json_schema"}:
            raise InvalidRequest("text.format", "must be of the type text or json_schema")
        if wanted["type"] == "json_schema" and wanted.get("schema") != contract.result_schema:
            raise InvalidRequest("text.format.schema", f"must be the schema of the results of {contract.kind!r}")

    def _limits(self) -> dict[str, Any]:
        budget = {"tokens": self.max_output_tokens, "tool_calls": self.max_tool_calls}
        window = self.background_options and _WINDOWS[self.background_options.completion_window]
        set_ = {name: value for name, value in budget.items() if value is not None}
        return {**({"budget": set_} if set_ else {}), **({"start_by": window} if window else {})}

    def _kept(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        told = {
            "metadata": metadata,
            "background": self.background,
            "previous_response_id": self.previous_response_id,
            "instructions": self.instructions,
            "max_output_tokens": self.max_output_tokens,
            "max_tool_calls": self.max_tool_calls,
            "service_tier": self.service_tier,
            "safety_identifier": self.safety_identifier or self.user,
        }
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer to what a job asked, by the name of that."""

    ask: str
    decision: str
    note: str = ""

    @classmethod
    def read(cls, item: Mapping[str, Any], number: int) -> Decision | None:
        """Return the answer that an item is, None for another item. Raises InvalidRequest."""
        if item.get("type") == "mcp_approval_response":
            name = ask_name(APPROVAL, item.get("approval_request_id"))
            decision = "approve" if item.get("approve") is True else "deny"
            return cls(_known(name, number), decision, str(item.get("reason") or ""))
        if item.get("type") == "function_call_output":
            name = ask_name(CALL, item.get("call_id"))
            return cls(_known(name, number), words_of(item.get("output"), f"input[{number}].output"))
        return None


def _known(name: str | None, number: int) -> str:
    if name is None:
        raise InvalidRequest(f"input[{number}]", "answers nothing that was asked here")
    return name


def _said(item: Mapping[str, Any], param: str) -> Said:
    if item.get("type", "message") != "message":
        return Said("none", "")
    role = item.get("role")
    if role in {"system", "developer"}:
        raise InvalidRequest(f"{param}.role", "agents here have instructions of their own")
    if role not in {"user", "assistant"}:
        raise InvalidRequest(f"{param}.role", "must be user or assistant")
    return Said(str(role), words_of(item.get("content"), f"{param}.content"))
