"""The kind `org.assistant`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from backdesk.agents.contract import Action, AgentRequest, AgentResult
from backdesk.agents.phrases import Phrases
from backdesk.platform.contract import Contract, KindModels

Role = Literal["admin", "member"]
#: Ids of organisations and their members.
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,59}$")]


class OrganisationRequest(AgentRequest):
    """A member's message, for the kind `org.assistant`.

    Whoever sends it has made sure that the person is who they say; whether they are a member is looked up.
    """

    organisation_id: Id = Field(description="Whose data and settings it is about; no others are seen or changed.")
    user_id: Id = Field(description="The member who writes.")
    customer_id: None = Field(None, description="Not used: the person is named by user_id.")


class OrganisationSeen(Contract):
    """The organisation that was served."""

    id: str
    name: str


class OrganisationResult(AgentResult):
    """The answer of the organisation's assistant. Settings that it changed are among the actions."""

    organisation: OrganisationSeen | None = Field(None, description="Null only in an apology.")
    user_id: str | None = None
    role: Role | None = Field(None, description="What the person was in the organisation when the work began.")


class SettingChanged(Action):
    """A setting of an organisation that has another value now."""

    phrases: ClassVar[Phrases] = Phrases(Path(__file__).with_name("phrases.toml"))

    type: Literal["setting_change"] = "setting_change"
    setting: str
    previous: str
    value: str


KIND = KindModels("org.assistant", "agents", OrganisationRequest, OrganisationResult)
