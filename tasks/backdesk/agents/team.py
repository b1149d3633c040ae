"""A team: the agents that a kind of job lets work on a message, and what they have in common. Data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any, Generic

from backdesk.agents.card import Agent
from backdesk.agents.contract import AgentResult
from backdesk.agents.desk import C, Context
from backdesk.agents.lists import hold_as_tuples
from backdesk.agents.memory import MemoryPolicy
from backdesk.agents.proposals.verdict import Agreement
from backdesk.agents.remote.card import called
from backdesk.agents.situation import Decide
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.memory.conversation import Conversation
from backdesk.worker.model.prompt import AnnouncedPrompt

CONCEALED = "******"


@dataclass(frozen=True, slots=True)
class Team(Generic[C]):
    """Agents that can hand over to each other; the first of them gets every new conversation.

    `rules` stand in for the model where none is configured; without them a job fails there, as `no_model`. `context`
    is what the agents know besides the words. Raises ConfigurationError for a hand-over to an agent that is not of the
    team, and for two tools of one name: what was done in a conversation is known by the names of tools alone.
    """

    name: str
    agents: Sequence[Agent]
    rules: Decide | None = None
    context: type[C] = Context  # type: ignore[assignment]  # the least that any context is
    #: How many questions in a row the agents may ask the customer.
    most_questions: int = 2
    #: Whether the agent that was active last goes on when the customer writes again, instead of the first.
    stays: bool = False
    #: What a model gets to see of former turns.
    memory: MemoryPolicy = field(default_factory=MemoryPolicy)
    #: What customers write that neither events nor the kept conversation show.
    conceals: re.Pattern[str] | None = None
    #: Below this amount a tool with terms acts without the customer's yes; None: never.
    waives_below_cents: int | None = None

    def __post_init__(self) -> None:
        """Check the hand-overs and the names of tools."""
        hold_as_tuples(self, "agents")
        if ambiguous := sorted(name for name, meant in _tools_of(self.agents).items() if len(meant) > 1):
            told = f"the agents of the team {self.name!r} have different tools of one name: {', '.join(ambiguous)}"
            raise ConfigurationError(f"{told}; give them names of their own, or let the agents share one tool")
        names = [card.name for card in self.agents]
        for card in self.agents:
            if strangers := [name for name in card.hands_to if name not in names or name == card.name]:
                raise ConfigurationError(
                    f"{card.name!r} of the team {self.name!r} cannot hand over to {', '.join(strangers)}"
                )

    @staticmethod
    def of(agents: Agent | Team[C]) -> Team[C]:
        """Return a team as it is, and a single agent as a team of one."""
        return Team(agents.name, (agents,)) if isinstance(agents, Agent) else agents

    @property
    def first(self) -> Agent:
        """The agent that a conversation begins with."""
        return self.agents[0]

    @property
    def proposes(self) -> bool:
        """Whether it has tools whose calls a customer must agree to."""
        return any(tool.terms is not None for card in self.agents for tool in card.tools)

    def can_make(self, agreement: Agreement) -> bool:
        """Whether a call is of its own agent and tool; another team's in the same conversation may have such names."""
        if agreement.team not in (None, self.name):
            return False
        calls = ((card.name, tool.name) for card in self.agents for tool in card.tools)
        return (agreement.agent, agreement.tool) in calls

    @property
    def result(self) -> type[AgentResult]:
        """The result whose `output` is any of the models by which its agents answer."""
        outputs = dict.fromkeys(card.output for card in self.agents if card.output is not None)
        typed: Any = AgentResult.__class_getitem__(reduce(or_, outputs)) if outputs else AgentResult
        return typed  # type: ignore[no-any-return]  # the library types a subscript in annotations alone

    def check_result(self, result: type[AgentResult]) -> None:
        """Raise ConfigurationError for a result that has no room for the answer of an agent."""
        for card in self.agents:
            if card.output is not None and not result.has_room_for(card.output):
                raise ConfigurationError(
                    f"{card.name!r} of the team {self.name!r} answers by {card.output.__name__}, which is no output of "
                    f"{result.__name__}: have the body return AgentResult[{card.output.__name__}]"
                )

    def known(self, past: Conversation) -> C:
        """Return what this team knew after its last turn in a conversation; another team's knowledge is not its own."""
        own = (turn.facts["context"] for turn in reversed(past.turns) if turn.facts.get("team") == self.name)
        return self.context.model_validate(next(own, {}))

    def announced_prompts(self) -> list[AnnouncedPrompt]:
        """Return what its agents are told, as a kind announces it."""
        each = ((card, prompt) for card in self.agents for prompt in card.prompts)
        return [
            AnnouncedPrompt(
                card.name, its.name, its.hash, its.shared, its.variant, its.share if its.variant is not None else None
            )
            for card, its in each
        ]

    def agent(self, name: str) -> Agent:
        """Return an agent of the team by its name. Raises LookupError."""
        for card in self.agents:
            if card.name == name:
                return card
        raise LookupError(f"no agent {name!r} in the team {self.name!r}")

    def conceal(self, value: Any) -> Any:
        """Return a JSON value without what the team conceals, in texts and as numbers."""
        match value:
            case _ if self.conceals is None:
                return value
            case str():
                return self.conceals.sub(CONCEALED, value)
            case int():
                return CONCEALED if self.conceals.fullmatch(str(value)) else value
            case list():
                return [self.conceal(each) for each in value]
            case dict():
                return {name: self.conceal(each) for name, each in value.items()}
            case _:
                return value


def _tools_of(agents: Sequence[Agent]) -> dict[str, set[object]]:
    """Return what each name of a tool stands for."""
    found: dict[str, set[object]] = {}
    for card in agents:
        for tool in card.tools:
            found.setdefault(tool.name, set()).add(tool)
        for server in card.mcp:
            for name in server.tools:
                found.setdefault(called(name), set()).add((server, name))
    return found
