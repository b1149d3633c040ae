"""The contract of kinds that let agents answer a message: the request, the answer, and what was done."""

from __future__ import annotations

import builtins
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, get_args

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from typing_extensions import TypeVar

from backdesk.agents.phrases import DEFAULT, Phrases
from backdesk.platform.contract import MOST_ATTACHMENTS, Attachment, Contract, GuardedMessage, Reference
from backdesk.quality.contract import QualityReport, QualityWishes


class Action(BaseModel):
    """Something that was really done for a customer; the root of the actions that tools declare.

    A subclass gives `type` a literal of its own as default, as in `type: Literal["refund"] = "refund"`; from then on
    results that hold such an action are read as that class. Where the class is not loaded, as in a service without the
    kind's code, the action is an `Action` with the same fields. Raises TypeError for a subclass without a type, and
    for a type that another class has.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str

    _known: ClassVar[dict[str, builtins.type[Action]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        name = cls.model_fields["type"].default
        if not isinstance(name, str):
            raise TypeError(f"the action {cls.__qualname__} needs a type of its own, as a default")
        before = Action._known.get(name)
        if before is not None and (before.__module__, before.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(
                f"the action {name!r} is {before.__qualname__} already: give {cls.__qualname__} another type"
            )
        Action._known[name] = cls

    @classmethod
    def read(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Action:
        """Return an action by the class of its type."""
        known = cls._known.get(str(value.get("type"))) if isinstance(value, dict) else None
        action: Action = known.model_validate(value) if known else handler(value)
        return action

    #: The measure that counts jobs in which it was done, "" for none.
    counts: ClassVar[str] = ""
    #: Where the sentences are that tell of it, by `phrase`.
    phrases: ClassVar[Phrases | None] = None

    @property
    def phrase(self) -> str:
        """The name of the sentence that tells of it."""
        return self.type

    def words(self, language: str) -> dict[str, object]:
        """Return what that sentence names, in the words of a language."""
        return dict(self)

    def sentence(self, language: str = DEFAULT) -> str:
        """Tell the customer that it was done, in a language or else English; empty when there is nothing to tell."""
        return self.phrases.say(self.phrase, language, **self.words(language)) if self.phrases else ""


#: Any action, by its class where that is loaded.
AnyAction = Annotated[SerializeAsAny[Action], WrapValidator(Action.read)]


class Source(Contract):
    """A passage of the knowledge base that a tool has returned."""

    article: str = Field(description="The slug of the article.")
    passage: int = Field(description="Its number within the article, from 1.")
    title: str
    heading: str = Field("", description="Of its section; empty where it has none.")
    cited: bool = Field(False, description="Whether the answer cites it.")

    @property
    def reference(self) -> str:
        """Its name."""
        return f"{self.article}#{self.passage}"

    @property
    def cite(self) -> str:
        """How an answer names it."""
        return f"[{self.reference}]"


class ModelUsage(Contract):
    """What one job asked of the model."""

    requests: int = Field(0, description="Those that the cache has answered included.")
    input_tokens: int = 0
    output_tokens: int = 0
    tool_calls: int = 0
    cost_usd: float | None = Field(None, description="In US dollars; null when a price is not known.")
    cached_requests: int = Field(0, description="Those that the cache has answered: they cost nothing.")


class PromptUsed(Contract):
    """Instructions by which an agent asked a model."""

    agent: str
    name: str
    hash: str = Field(description="The first twelve hex digits of the SHA-256 of the text.")
    variant: str | None = Field(None, description="Which of the agent's variants; null for an agent that has none.")


#: The number of something that was proposed to a customer.
ProposalNumber = Annotated[str, StringConstraints(pattern=r"^P-\d{6,18}$")]


class ProposalShown(Contract):
    """What waits for the customer's yes; a channel may put it on buttons that send the number back."""

    number: ProposalNumber = Field(description="What `confirms` or `declines` of the next request names.")
    statement: str = Field(description="What the customer agrees to by a yes, as a question.")
    facts: dict[str, Any] = Field(description="The same as data.")
    expires_at: AwareDatetime


#: The field `attachments` of a request.
Attachments = Annotated[
    list[Attachment],
    Field(max_length=MOST_ATTACHMENTS, description="Images and documents that come with it."),
]


class MessageRequest(Contract):
    """A message, alone or as part of a conversation."""

    message: GuardedMessage
    customer_id: Reference | None = Field(
        None,
        description="Who writes, as the caller has made sure: their data alone is seen and changed, and without it "
        "nobody's.",
    )
    conversation_id: Reference | None = Field(
        None, description="Send it again to continue a conversation, such as to answer a clarifying question."
    )


class AgentRequest(MessageRequest):
    """A message to agents, alone or as part of a conversation."""

    attachments: Attachments = Field(default_factory=list)
    quality: QualityWishes | None = Field(None, description="What is demanded of this answer in particular.")
    confirms: ProposalNumber | None = Field(
        None, description="The proposal to which the customer says yes by a button; the message is then not judged."
    )
    declines: ProposalNumber | None = Field(None, description="The proposal to which they say no by a button.")

    @model_validator(mode="after")
    def _answers_one(self) -> Self:
        if self.confirms is not None and self.declines is not None:
            raise ValueError("a message confirms a proposal or declines one: leave out `confirms` or `declines`")
        return self


Out = TypeVar("Out", default=Any)


class AgentResult(Contract, Generic[Out]):
    """The answer to a message; `AgentResult[Parcel]`, where agents answer by such a model.

    When `clarifying` is true, `answer` is a question: send what the customer replies as a new request with
    the same `conversation_id`. `actions` holds only what was really done; a `proposal` is not done yet.
    """

    answer: str = Field(description="What to tell the customer; a structured answer as its JSON.")
    output: Out | None = Field(None, description="The answer of an agent with an output type; null for a text.")
    agent: str = Field(description="The agent that answered.")
    path: list[str] = Field(description="The agents in the order in which they worked; the last one answered.")
    actions: list[AnyAction] = Field(default_factory=list)
    tools: list[str] = Field(
        default_factory=list, description="The tools that were called for this message, in their order."
    )
    sources: list[Source] = Field(
        default_factory=list,
        description="What tools have returned of the knowledge base for this message, and what else the answer cites.",
    )
    clarifying: bool = False
    proposal: ProposalShown | None = Field(
        None, description="What is done if the customer's next message agrees to it; the answer shows it."
    )
    with_person: bool = Field(
        False, description="Whether a person has the conversation: the message is kept for them, and `answer` is empty."
    )
    conversation_id: str = Field(description="The job's own id when the request named no conversation.")
    prompts: list[PromptUsed] = Field(
        default_factory=list,
        description="By which instructions models were asked for this message, in their order; two of one agent where "
        "they were changed meanwhile.",
    )
    usage: ModelUsage
    model: str
    offline: bool = Field(description="Whether a rule-based stand-in answered because no model is configured.")
    quality: QualityReport | None = Field(
        None, description="How the answer came through the quality gate of its agent; null for one that has none."
    )
    truncated: bool = Field(default=False, description="Whether the answer ends where its length had come to a limit.")
    degraded: Literal["fallback_model", "fallback_answer"] | None = Field(
        None, description="Whether another model answered than the configured one, or no model at all."
    )

    failure: str | None = Field(None, description="With `fallback_answer`: the code of the failure it stands in for.")

    @classmethod
    def has_room_for(cls, output: builtins.type[BaseModel]) -> bool:
        """Whether an agent whose answers are of such a model may answer with this result."""
        declared = cls.model_fields["output"].annotation
        members = [each for each in get_args(declared) or (declared,) if each is not type(None)]
        return any(not isinstance(each, type) or issubclass(output, each) for each in members)
