"""The kind `assistant.streaming`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from backdesk.agents.contract import AgentRequest, AgentResult
from backdesk.platform.contract import GUARDED, Contract, KindModels

Complexity = Literal["simple", "medium", "complex"]


class SessionSeen(Contract):
    """A session as a conversation makes it: it begins with the first message, and ends when it is closed."""

    started_at: datetime
    messages: int = Field(description="How many were answered, this one included.")
    duration_s: float = Field(description="From its start to this answer, or to its end.")
    closed_at: datetime | None = None


class ReportSection(Contract):
    """What one stage has found out."""

    stage: str
    title: str
    lines: list[str]


class Report(Contract):
    """What was found out about a customer's purchases, stage by stage. Figures are the database's."""

    complexity: Complexity
    sections: list[ReportSection]


class StreamingRequest(AgentRequest):
    """A message of a session, or its end, for the kind `assistant.streaming`. A session is a conversation."""

    message: Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000)] = Field(
        "", description="What the customer writes; not needed to close.", json_schema_extra=GUARDED
    )
    action: Literal["message", "close"] = Field(
        "message",
        description="close: end the session of the conversation_id; it takes no message after that.",
        validate_default=True,
    )
    complexity: Complexity | None = Field(
        None,
        description="Have a report made of the customer's purchases first: in 2, 4 or 6 stages.",
    )

    @field_validator("action")
    @classmethod
    def _has_what_it_needs(cls, action: str, info: ValidationInfo) -> str:
        given = info.data
        if action == "message" and given.get("message", "given and wrong") == "":
            raise ValueError("a message is needed, unless the action is close")
        if action == "close" and given.get("conversation_id", "given and wrong") is None:
            raise ValueError("to close a session, name its conversation_id")
        return action

    @field_validator("complexity")
    @classmethod
    def _reports_on_a_customer(cls, complexity: str | None, info: ValidationInfo) -> str | None:
        given = info.data
        if complexity is not None and given.get("customer_id", "given and wrong") is None:
            raise ValueError("a report is about a customer: name the customer_id")
        if complexity is not None and given.get("action") == "close":
            raise ValueError("a session is closed without a report: send it with a message")
        return complexity


class StreamingResult(AgentResult):
    """The answer, the session in which it was given, and the report if one was made."""

    session: SessionSeen | None = None
    report: Report | None = None


KIND = KindModels("assistant.streaming", "agents", StreamingRequest, StreamingResult)
