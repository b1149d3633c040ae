"""What makes an agent: a prompt, tools, and the colleagues it may hand over to. Data, without any library."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Generic, Literal
from weakref import WeakValueDictionary

from pydantic import BaseModel, Field, create_model
from typing_extensions import TypeVar

from backdesk.agents.desk import Desk
from backdesk.agents.lists import hold_as_tuples
from backdesk.agents.prompts import Prompt, Variant, chosen, read_prompts
from backdesk.agents.remote.card import McpServer
from backdesk.agents.tools import Tool
from backdesk.quality import QualityGate
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.memory.access import LONGEST_TTL_S

#: What the structured outputs of all agents are called, for the model.
ASK, HAND_OVER, GIVE_ANSWER = OUTPUTS = ("ask_customer", "hand_over", "give_answer")

#: What is told to an agent with tools whose calls a customer must agree to.
PROPOSING = (
    "- What a call of {tools} would do is first proposed to the customer, and nothing is done by the call. Tell them "
    "what is proposed, with its amount, numbers and times, and ask whether they agree. Once they have agreed it is "
    "called by itself, before you see their message: then tell what came of it. Never say that something is done "
    "before that."
)

#: What an agent is told besides its prompt, from what is true as it begins.
Briefing = Callable[[Desk], Awaitable[str]]


class HandOver(BaseModel):
    """Hand the conversation over to a colleague, who sees all of it."""

    to: str = Field(description="The colleague whose field it is.")
    reason: str = Field(description="What the customer wants and what is known so far, in one sentence.")


class Question(BaseModel):
    """Ask the customer one question. The work pauses until they answer."""

    question: str = Field(min_length=1, description="One question, addressed to the customer.")


@dataclass(frozen=True, slots=True)
class ResponseCache:
    """That an agent's model need not be asked twice for the same, and for how long its answer counts. Seconds."""

    ttl_s: float

    def __post_init__(self) -> None:
        """Raise ValueError for a time that is none."""
        if not 0 < self.ttl_s <= LONGEST_TTL_S:
            raise ValueError(f"an answer is kept for more than nothing and at most 30 days, not for {self.ttl_s!r} s")


@dataclass(frozen=True, slots=True)
class Limits:
    """What an agent may take at most, each time that a conversation comes to it; None leaves that to the deployment.

    What is set for all jobs (`BACKDESK_MAX_MODEL_REQUESTS` and others) holds as well. A job fails as `usage_limit` when
    its agent wants more requests or tool calls; an answer of more tokens is cut off.

    Calls of tools that are not done `tools_within_s` seconds after the first of their response began are left behind:
    the agent goes on with what the others returned. Calls that are `unsafe`, or that somebody must agree to, are
    waited for.
    """

    requests: int | None = None
    tool_calls: int | None = None
    answer_tokens: int | None = None
    tools_within_s: float | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a bound under which no answer is possible."""
        for bound, least in ((self.requests, 1), (self.tool_calls, 0), (self.answer_tokens, 1)):
            if bound is not None and bound < least:
                raise ValueError(f"within such limits no agent can answer: {self}")
        if self.tools_within_s is not None and not self.tools_within_s > 0:
            raise ValueError(f"tools need some time for what they do: {self}")


NO_LIMITS = Limits()


Out = TypeVar("Out", bound=BaseModel, default=Any)


#: What agents there are, for who looks after the deployment. By identity: what a card holds need not be hashable.
_cards: WeakValueDictionary[int, Agent[Any]] = WeakValueDictionary()


def cards() -> list[Agent[Any]]:
    """Return the cards that were made in this process and are still in use, by name."""
    return sorted(_cards.values(), key=lambda card: card.name)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Agent(Generic[Out]):
    """One agent, as a card. `hands_to` names the colleagues that it may hand over to.

    Its type is that of its `output`. `instructions` are the prompt, or a file that holds it and is read as the agent is
    made; `variants` are others, each for a share of the conversations. Raises ConfigurationError for a file that cannot
    be read, for no instructions at all, and for shares and other declarations that do not fit together.
    """

    name: str
    instructions: str | Path
    _: KW_ONLY
    tools: Sequence[Tool[..., Any]] = ()
    hands_to: Sequence[str] = ()
    #: Whose tools it may call besides; needs `backdesk[mcp]`.
    mcp: Sequence[McpServer] = ()
    #: What it is doing, in words for those who watch.
    duty: str = "Working on the answer"
    #: Whether the agent may answer the customer, or only ask and hand over.
    answers: bool = True
    #: Whether the agent may ask by `Question`; one that may not asks in its text.
    asks: bool = True
    #: What it answers instead of text; the result has it as `output`.
    output: type[Out] | None = None
    #: A model of its own, at the address and with the key of the deployment's; `responses:` before it as there.
    model: str | None = None
    temperature: float | None = None
    limits: Limits = NO_LIMITS
    #: Whether it is given the files of a conversation; None leaves images and PDF to what its model is known to see.
    sees: bool | None = None
    #: Awaited once before the agent begins, and again when another attempt goes on.
    briefing: Briefing | None = None
    #: What its words must pass before a customer reads them: answers, questions, the texts of a structured answer.
    quality: QualityGate | None = None
    #: Whether answers of the model are kept for the tenant; only when the very same request comes again, they count.
    cache: ResponseCache | None = None
    #: Tried beside the instructions; `backdesk stats --by variant` tells what comes of each.
    variants: Sequence[Variant] = ()
    #: The instructions as they are sent, the base first.
    prompts: tuple[Prompt, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the instructions."""
        hold_as_tuples(self, "tools", "hands_to", "mcp", "variants")
        names = [tool.name for tool in self.tools]
        if taken := sorted({name for name in names if names.count(name) > 1 or name in OUTPUTS}):
            told = f"{self.name!r} has two tools of one name, or one that is named as what agents end with"
            raise ConfigurationError(f"{told}: {', '.join(taken)}")
        prompts = read_prompts(self.name, self.instructions, self.variants, _proposing(self.tools))
        object.__setattr__(self, "prompts", prompts)
        _cards[id(self)] = self

    def prompt(self, conversation_id: str) -> Prompt:
        """Return the prompt that the agent has in a conversation: always the same, while the shares are the same."""
        return chosen(self.prompts, self.name, conversation_id)

    @property
    def hand_over(self) -> type[HandOver]:
        """What the agent hands over by: its colleagues are the only ones that it can name."""
        return _hand_over(tuple(self.hands_to))


def _proposing(tools: Sequence[Tool[..., Any]]) -> str:
    names = ", ".join(f"`{tool.name}`" for tool in tools if tool.terms is not None)
    return f"\n{PROPOSING.format(tools=names)}" if names else ""


@cache
def _hand_over(colleagues: tuple[str, ...]) -> type[HandOver]:
    to: Any = (Literal[colleagues], HandOver.model_fields["to"])
    return create_model("HandOver", __base__=HandOver, __doc__=HandOver.__doc__, to=to)
