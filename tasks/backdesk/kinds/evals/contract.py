"""The kind `evals.conversation`: what is said, what must come of it, and what came of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from backdesk.platform.contract import Contract, KindModels, Message

#: How a turn can end for the customer: `failed` is a job without an answer.
Outcome = Literal["answer", "question", "proposal", "fallback", "failed"]
Name = Annotated[str, StringConstraints(max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Tools = Annotated[list[str], Field(max_length=50)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=500)]
LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]

MOST_TURNS = 30


class Expectation(Contract):
    """What must hold after a turn; what is not given is not asked about."""

    outcome: list[Outcome] | Outcome | None = Field(None, description="How it ends; one of several, if a list.")
    code: str | None = Field(None, description="With `failed` and `fallback`: the code of the failure.")
    agent: str | None = Field(None, description="Who answers.")
    tools: Tools = Field([], description="Each of these was called, whatever else was.")
    no_tools: Tools = Field([], description="None of these was called.")
    actions: list[dict[str, JsonValue]] | None = Field(
        None, max_length=50, description="What was done, in this order, by the fields that are named; [] is nothing."
    )
    no_actions: list[dict[str, JsonValue]] = Field(
        [], max_length=50, description="Nothing was done that has all the fields of one of these."
    )
    language: LanguageCode | None = Field(
        None, description="What the answer is in, as ISO 639-1 has it; one that does not tell, such as `OK`, is right."
    )
    states: list[Said] = Field(
        [], max_length=50, description="Facts that the answer states as values, in whatever way it writes them."
    )
    never_states: list[Said] = Field([], max_length=50, description="Facts that it does not state in any way.")
    says: list[Pattern] = Field([], max_length=50, description="Regular expressions that the answer matches.")
    never_says: list[Pattern] = Field([], max_length=50, description="Regular expressions that it does not match.")
    judge: list[Said] = Field([], max_length=20, description="Criteria in words, which a judge model finds to hold.")
    truncated: bool | None = Field(None, description="Whether the answer is marked as ending where a limit cut it off.")
    most_requests: int | None = Field(None, ge=0, description="Requests to the model, at most.")
    most_cost_usd: float | None = Field(None, ge=0, description="US dollars, at most.")

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes that are right; all of them, where none is asked for."""
        if self.outcome is None:
            return []
        return self.outcome if isinstance(self.outcome, list) else [self.outcome]


class Sent(Contract):
    """What a deployment with sample data has written to somebody, in an outbox of its data folder."""

    to: Said = Field(description="Of the letters to this address it is the last.")
    finds: Pattern = Field(description="A regular expression for what of its text is taken.")
    outbox: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+[.]jsonl$")] = "outbox.jsonl"


class TurnBudget(Contract):
    """What a turn may spend, as the budget of a job says it."""

    tokens: int | None = Field(None, ge=1)
    wall_s: float | None = Field(None, ge=0.001, description="Seconds.")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.tokens is None and self.wall_s is None:
            raise ValueError("must have `tokens` or `wall_s`")
        return self


class GoldenTurn(Contract):
    """One message of the customer, and what must come of it."""

    say: Message
    fields: dict[str, JsonValue] = Field({}, description="Fields of the request, in place of the conversation's.")
    decide: Literal["confirms", "declines"] | None = Field(
        None, description="Press the button for what was proposed last, besides saying it."
    )
    sent: Sent | None = Field(None, description="Takes the place of `{sent}` in what the customer writes.")
    person: Literal["approves", "denies"] | None = Field(
        None, description="What a colleague says when the turn waits for their approval; that it waits is expected."
    )
    budget: TurnBudget | None = Field(
        None, description="What the turn may spend; its fallback answers if that is too little."
    )
    expect: Expectation = Expectation()


class GoldenConversation(Contract):
    """A conversation with a kind, for the kind `evals.conversation`."""

    name: Name
    kind: str = Field(description="Whom the customer writes to.")
    language: str = Field("en", description="What the customer writes in, as ISO 639-1 has it.")
    tags: list[Name] = Field([], max_length=20, description="What it is about, such as a trap that it sets.")
    fields: dict[str, JsonValue] = Field({}, description="Fields of every request, such as `customer_id`.")
    turns: list[GoldenTurn] = Field(min_length=1, max_length=MOST_TURNS)


class Fault(Contract):
    """One expectation that does not hold."""

    turn: int = Field(description="From 1.")
    check: str = Field(description="The field of the expectation.")
    problem: str


class Ruling(Contract):
    """What the judge says of one criterion."""

    criterion: str
    holds: bool | None = Field(description="Null: not judged, as no judge is configured or it did not answer.")
    why: str = ""


class TurnOutcome(Contract):
    """What came of a turn."""

    job_id: str
    outcome: Outcome
    answer: str = ""
    code: str | None = None
    agent: str | None = None
    tools: list[str] = Field([])
    actions: list[dict[str, Any]] = Field([])
    truncated: bool = False
    requests: int = 0
    cost_usd: float | None = 0.0
    rulings: list[Ruling] = Field([], description="On the criteria for a judge.")
    judge_cost_usd: float | None = 0.0


class ConversationReport(Contract):
    """Whether a conversation came to what it must."""

    name: str
    kind: str
    passed: bool
    faults: list[Fault]
    turns: list[TurnOutcome]
    requests: int
    cost_usd: float | None = Field(description="In US dollars; null when a price is not known.")
    not_judged: int = Field(0, description="Criteria of which nobody knows whether they hold.")
    judge_cost_usd: float | None = Field(0.0, description="What judging took besides; null when not known.")
    model: str | None
    offline: bool


KIND = KindModels("evals.conversation", "agents", GoldenConversation, ConversationReport)
