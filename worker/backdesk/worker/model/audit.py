"""What was done, by whom, from where. Plain values, no Redis."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Part(StrEnum):
    """A part of the log. Each has entries of its own number, so that what is many pushes out nothing that is rare."""

    #: Decisions, and what is set.
    ACTIONS = "actions"
    #: Jobs that were asked for, or ended.
    JOBS = "jobs"
    #: What nobody was allowed.
    REFUSALS = "refusals"


class AuditEntry(BaseModel):
    """One thing that was asked for, and what came of it. There are no bodies in it, and no secrets.

    `by` and `key_id` are those of the caller, empty where nobody is known; `way` is how they came in: `key`, `session`,
    `link`, `issuer`, `local` or `cli`. `action` is what was asked for, such as `POST /v1/jobs/{job_id}/cancel`, `on`
    what it names, such as `job_id=4be0…`, `outcome` the status that it was answered with, or `done`.
    """

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime | None = None
    part: Part = Part.ACTIONS
    by: str = ""
    key_id: str = ""
    way: str = ""
    address: str = ""
    tenant: str = Field("", description="The tenant of the caller; empty for callers of all tenants.")
    action: str = ""
    on: str = ""
    outcome: str = ""
    request_id: str = ""

    def stored(self) -> dict[str, str]:
        """Return the fields that it has, as the log keeps them."""
        said = {name: value for name, value in self if isinstance(value, str) and value and name != "part"}
        return {"action": self.action} | said


def read_entry(part: Part, at: datetime, fields: dict[str, str]) -> AuditEntry:
    """Return an entry as the log has it."""
    return AuditEntry(part=part, at=at, **{name: fields[name] for name in fields.keys() & AuditEntry.model_fields})
