"""The kind `voice.schedule`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from backdesk.agents.contract import Action, AgentRequest, AgentResult
from backdesk.agents.phrases import Phrases
from backdesk.kinds.voice.spoken_time import say
from backdesk.platform.contract import Contract, KindModels, Reference, TimeZone

#: To be read aloud.
PHRASES = Phrases(Path(__file__).with_name("phrases.toml"))


Change = Literal["booked", "moved", "cancelled"]


class PlannedAppointment(Contract):
    """What a caller agrees to by a yes: the `facts` of a proposal of this kind."""

    change: Change = Field(description="What the appointment will be then.")
    appointment_id: int | None = Field(None, description="The appointment to move or cancel.")
    advisor: str
    topic: str
    starts_at: AwareDatetime = Field(description="By the caller's clocks, with their offset.")
    minutes: int
    moved_from: AwareDatetime | None = Field(None, description="The time that it has until then, if it is moved.")
    spoken: str = Field(description="The time in words, by the caller's clocks.")


class AppointmentChanged(Action):
    """An appointment that was booked, moved or cancelled; the time is the new one, in UTC."""

    type: Literal["appointment"] = "appointment"
    change: Change
    appointment_id: int
    advisor: str
    topic: str
    starts_at: AwareDatetime
    minutes: int
    time_zone: str = Field("UTC", description="The caller's.")

    phrases: ClassVar[Phrases] = PHRASES

    @property
    def phrase(self) -> str:
        return self.change

    def words(self, language: str) -> dict[str, object]:
        return super().words(language) | {"when": say(self.starts_at, self.time_zone, language)}


class ScheduleRequest(AgentRequest):
    """What a caller has said, as text, for the kind `voice.schedule`."""

    customer_id: Reference | None = Field(
        None, description="Who is calling. Without it free times are told, and nothing is booked."
    )
    time_zone: TimeZone | None = Field(
        None, description="The caller's, as an IANA name; else the customer's, else that of the business hours."
    )


class ScheduleResult(AgentResult):
    """What to say to the caller: two sentences at most, without markdown or symbols.

    `clarifying` is true when the caller is expected to reply: send that with the same `conversation_id`. The facts of
    a `proposal` are those of a `PlannedAppointment`.
    """

    appointment: AppointmentChanged | None = Field(None, description="What this message has booked or changed.")


KIND = KindModels("voice.schedule", "agents", ScheduleRequest, ScheduleResult)
