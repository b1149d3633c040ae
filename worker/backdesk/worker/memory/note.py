"""Notes: what jobs leave in the journals of their tenant, by topic, for whoever looks back. Plain values."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

#: Notes that are kept of a tenant and a topic; a new one beyond them takes the place of the oldest.
MOST_NOTES = 10_000
_TOPIC = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


class Note(BaseModel):
    """One note. `job_id` is the job that left it, or the dead letter whose work that job went on with."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    topic: str
    at: datetime
    job_id: str
    kind: str
    data: dict[str, Any] = {}


def is_topic(value: object) -> bool:
    """Whether something can name a topic: up to 64 lower-case letters, digits, or any of _ . -, a letter first."""
    return isinstance(value, str) and _TOPIC.fullmatch(value) is not None
