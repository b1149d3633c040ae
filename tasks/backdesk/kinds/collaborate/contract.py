"""The kind `team.collaborate`, and `team.answer`, which does a part of its work: the answer of one expert."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from backdesk.platform.contract import Contract, GuardedMessage, KindModels

MOST_EXPERTS = 20
MOST_ROUNDS = 3
ExpertName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class CollaborateRequest(Contract):
    """A question for several experts."""

    message: GuardedMessage
    experts: list[ExpertName] = Field(
        default_factory=list, max_length=MOST_EXPERTS, description="Whom to ask; all that are registered if left out."
    )
    deadline_s: float = Field(
        60, gt=0, le=3600, description="Who has not answered by then, from the first start on, is dropped."
    )
    rounds: int = Field(
        1, ge=1, le=MOST_ROUNDS, description="In each round after the first, experts see what the others have answered."
    )


class ExpertAnswer(Contract):
    """What one expert answered in a round, or why there is no answer."""

    expert: str
    round: int
    answer: str | None = None
    error: str | None = Field(None, description="The code of the failure; `expired` for one that was dropped.")
    message: str = ""
    job_id: str = ""


class Disagreement(Contract):
    """What answers say differently."""

    about: str = Field(description="yes or no, days, hours, EUR, percent, a date, a number; or a point in words.")
    said: dict[str, list[str]] = Field(default_factory=dict, description="By the name of each expert that says it.")


class CollaborateResult(Contract):
    """The answers of all experts, and what they come to."""

    answer: str
    answers: list[ExpertAnswer] = Field(description="Of the last round in which an expert answered.")
    disagreements: list[Disagreement]
    dropped: list[str] = Field(description="Who had not answered at the deadline.")
    rounds: int = Field(description="How many were held.")
    combined_by: Literal["rule", "model"]


class AnswerRequest(Contract):
    """A question for one expert, with what others have answered before."""

    message: GuardedMessage
    expert: ExpertName
    others: dict[str, str] = Field(default_factory=dict)


class AnswerResult(Contract):
    """The answer of one expert."""

    expert: str
    answer: str
    model: str
    offline: bool


KIND = KindModels("team.collaborate", "agents", CollaborateRequest, CollaborateResult)
ANSWER = KindModels("team.answer", "agents", AnswerRequest, AnswerResult)
PARTS = (ANSWER,)
