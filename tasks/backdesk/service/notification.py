"""What is told to people and customers. Imports pydantic alone, for clients."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from backdesk.platform.contract import Contract

#: The kind of job that tells people of something.
NOTIFY = "notify.send"
#: Whom a notification is for: the people of the deployment, or a customer.
Audience = Literal["staff", "customer"]
#: A language by its ISO 639-1 code.
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
EventName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=100)]


class Notification(Contract):
    """Something that happened, told by the channels of whom it is for."""

    to: Audience
    event: EventName = Field(description="What happened, such as case.replied.")
    text: str = Field(min_length=1, max_length=20_000, description="The same for people to read.")
    language: Language = Field("en", description="Of the conversation; what is added to the text is said in it.")
    data: dict[str, Any] = Field(default_factory=dict, description="The same for programs.")


class Letter(Notification):
    """A notification as it is sent; by its id a receiver knows one that it has already."""

    id: str
    at: datetime
    tenant: str


class Delivered(Contract):
    """By which channels it was sent."""

    channels: list[str]
