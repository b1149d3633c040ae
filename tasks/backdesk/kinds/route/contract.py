"""The kind `team.route`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from backdesk.agents.contract import AgentRequest, AgentResult
from backdesk.platform.contract import KindModels

SpecialistName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
#: `caller`: the request named it. `rule`: the signs told. `model`: a model was asked. `conversation`: it goes on with
#: whoever had the conversation. `default`: nobody could tell.
DecidedBy = Literal["caller", "rule", "model", "conversation", "default"]


class RouteRequest(AgentRequest):
    """A message for whichever specialist can answer it, for the kind `team.route`."""

    specialist: SpecialistName | None = Field(None, description="Whom to ask, where the caller knows it already.")


class RouteResult(AgentResult):
    """The answer of a specialist, and why it was asked."""

    specialist: str = Field("", description="Who was asked; empty when nobody could answer.")
    reason: str = Field("", description="Why this one, in words.")
    decided_by: DecidedBy | None = Field(None, description="By what; null when nobody could answer.")
    confidence: float = Field(0.0, ge=0, le=1, description="How clear the decision was.")


KIND = KindModels("team.route", "agents", RouteRequest, RouteResult)
