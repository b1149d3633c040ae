"""A conversation of a tenant: its turns, one a job, and what holds for the whole. Plain values.

The messages of a turn are JSON in the format of whoever says them; nothing here looks into them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from backdesk.worker.errors import InvalidRequest, TaskError
from backdesk.worker.failure import Category, Severity

#: Longest name of a conversation, in characters.
LONGEST_ID = 128
#: Turns that are kept of a conversation; a new one beyond them takes the place of the oldest.
MOST_TURNS = 2000
#: What is carried on from turn to turn, at most. Bytes of JSON.
MAX_FACTS_BYTES = 16 * 1024


class Turn(BaseModel):
    """What one job has added. `number` counts from 1, and is not reused; `asked` says that it ended in a question.

    `facts` is what the job carries on for the next one. `job_id` is the job that wrote the turn last.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    at: datetime
    job_id: str
    asked: bool = False
    facts: dict[str, Any] = {}
    messages: list[Any]


class Head(BaseModel):
    """A conversation without its words. Times are in UTC, None of one that has not begun.

    `turns` and `messages` count what is kept; `dropped` is how many turns were the oldest of too many. `owner` is the
    customer to whom it belongs, once a turn has named one. One with `closed_at` takes no new turn.
    """

    model_config = ConfigDict(frozen=True)

    conversation_id: str
    tenant: str
    owner: str | None = None
    started_at: datetime | None = None
    updated_at: datetime | None = None
    closed_at: datetime | None = None
    turns: int = 0
    messages: int = 0
    dropped: int = 0


class Conversation(BaseModel):
    """A conversation: its head, and its turns, the oldest first."""

    model_config = ConfigDict(frozen=True)

    head: Head
    turns: tuple[Turn, ...] = ()

    @property
    def asked(self) -> bool:
        """Whether the last turn ended in a question, so that what comes now is the answer to it."""
        return bool(self.turns) and self.turns[-1].asked

    @property
    def facts(self) -> dict[str, Any]:
        """What the last turn carries on; nothing when there is none."""
        return self.turns[-1].facts if self.turns else {}

    def check_open(self) -> None:
        """Raise ConversationClosed if it takes no new turn: before any work is done for one."""
        if self.head.closed_at is not None:
            raise ConversationClosed(self.head.conversation_id)


class ConversationMismatch(TaskError):
    """Raised inside an attempt that names another owner than the conversation has, or none where it has one."""

    def __init__(self, conversation_id: str) -> None:
        super().__init__(
            "conversation_mismatch",
            "The conversation belongs to another customer: send the customer_id with which it was begun.",
            category=Category.AUTHORIZATION,
            severity=Severity.MEDIUM,
        )
        self.conversation_id = conversation_id

    def __reduce__(self) -> tuple[type[ConversationMismatch], tuple[str]]:
        return (type(self), (self.conversation_id,))


class ConversationClosed(TaskError):
    """Raised inside an attempt that would add a turn to a conversation that was closed."""

    def __init__(self, conversation_id: str) -> None:
        super().__init__(
            "conversation_closed",
            "The conversation is closed: begin a new one, with another conversation_id or none.",
            category=Category.VALIDATION,
            severity=Severity.LOW,
        )
        self.conversation_id = conversation_id

    def __reduce__(self) -> tuple[type[ConversationClosed], tuple[str]]:
        return (type(self), (self.conversation_id,))


def check_conversation_id(value: object) -> str:
    """Return what may name a conversation; raises InvalidRequest for anything else."""
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_ID or not value.isprintable():
        raise InvalidRequest("conversation_id", f"must be 1 to {LONGEST_ID} printable characters")
    return value
