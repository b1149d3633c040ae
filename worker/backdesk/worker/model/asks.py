"""What a job asks of others, and what it is told then. Plain values, no Redis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class AskType(StrEnum):
    """What kind of answer a job waits for."""

    #: May this be done? Answered by `approve` or `deny`.
    APPROVAL = "approval"
    #: Answered in words, or by one of the choices.
    QUESTION = "question"
    #: A step that must not be repeated has begun, and nobody knows whether it took effect: `done`, `repeat` or `fail`.
    OUTCOME = "outcome"
    #: Another job; answered by its end.
    CHILD = "child"


class Ask(BaseModel):
    """One thing that a job waits for, as events and records show it.

    `name` tells it from others of the same job. `choices` are the decisions that are possible; empty means any text.
    `expires_in_s` counts from when it was asked; then the job goes on with `on_timeout` as the decision. Only a record
    knows `expires_at`, the moment of it. What is `human_only` a person must answer: no program may, and no host of a
    model, which may accept in their place what it is asked.
    """

    model_config = ConfigDict(frozen=True)

    type: AskType
    name: str
    prompt: str = ""
    facts: dict[str, Any] = {}
    choices: list[str] = []
    expires_in_s: float | None = None
    on_timeout: str | None = None
    expires_at: datetime | None = None
    human_only: bool = False


class OpenAsk(BaseModel):
    """What a job asks of people, and has no answer to. Times are in UTC."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    tenant: str
    kind: str
    ask: Ask
    asked_at: datetime


class Answer(BaseModel):
    """What a job is told: a decision or a text, by whom, with what remark."""

    model_config = ConfigDict(frozen=True)

    decision: str = ""
    value: Any = None
    by: str = ""
    note: str = ""
    at: datetime | None = None
    #: Nobody answered within the time; the decision is that of the rule for it.
    timed_out: bool = False

    @property
    def approved(self) -> bool:
        """Whether what was asked for may be done."""
        return self.decision == APPROVE


APPROVE, DENY = "approve", "deny"
DONE, REPEAT, FAIL = "done", "repeat", "fail"
OUTCOMES = (DONE, REPEAT, FAIL)


@dataclass(frozen=True, slots=True)
class Awaited:
    """An ask as an attempt hands it to the store: the answer becomes the entry `target` of the job's ledger."""

    ask: Ask
    target: str
    #: The entry, as JSON, when nobody answers within the ask's time.
    otherwise: bytes = b""


#: What a pause is answered by, and how the names of pauses begin among what a job waits for.
RESUME, PAUSE_MARK = "resume", "pause:"


def pause_of(attempt: int, pausing: str) -> Awaited:
    """Return what a job waits for that is paused: each attempt may be paused once. `pausing` is a `Pausing` as JSON."""
    told = Pausing.model_validate_json(pausing)
    whom = f" by {told.by}" if told.by else ""
    prompt = f"Paused{whom}{f': {told.note}' if told.note else ''}. It goes on when it is resumed."
    facts = told.model_dump(exclude_defaults=True)
    ask = Ask(type=AskType.QUESTION, name=f"{PAUSE_MARK}{attempt}", prompt=prompt, facts=facts, choices=[RESUME])
    return Awaited(ask, f"paused:{attempt}")


class Pausing(BaseModel):
    """That a job is to pause: by whom, and why."""

    model_config = ConfigDict(frozen=True)

    by: str = Field("", max_length=200)
    note: str = Field("", max_length=2000)


class LedgerEntry(BaseModel):
    """One entry of a job's ledger.

    `done` holds the value of a finished step, an answer, or the end of a child. `started` stands for a step that must
    not be repeated and of which nothing more is known. `told` is what a later attempt goes on telling.
    """

    model_config = ConfigDict(frozen=True)

    state: str = Field(pattern="^(done|started|told)$")
    value: Any = None
    #: Of a step that has only started: when, in which attempt, on which worker.
    since: datetime | None = None
    attempt: int = 0
    worker: str = ""
