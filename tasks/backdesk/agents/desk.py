"""The desk at which agents work: whom they serve, what they may reach, and what they have really done so far.

One job has one desk. It goes from agent to agent with the conversation, so that a colleague knows what is
known.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, Protocol, Self

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar, Unpack

from backdesk.agents.attached import Attached
from backdesk.agents.contract import Action, PromptUsed
from backdesk.agents.phrases import DEFAULT
from backdesk.agents.prompts import Prompt
from backdesk.agents.proposals.terms import Proposed
from backdesk.agents.proposals.verdict import Agreement, Heard
from backdesk.agents.vectors import Embed, no_vectors
from backdesk.platform.database import Database, ScopedDatabase
from backdesk.platform.settings import TaskSettings
from backdesk.quality.contract import QualityWishes
from backdesk.quality.language import language_of
from backdesk.worker.model.child import ChildEnd, ChildKeywords
from backdesk.worker.model.deployment import SystemState
from backdesk.worker.model.plan import Plan, Plans, Titles


class Context(BaseModel):
    """What the agents of a conversation know besides its words: the root of the contexts that kinds declare.

    It is carried from agent to agent, and from one message of a conversation to the next. Every field has a default:
    a conversation begins with none known. Each version of a kind must read what the one before it wrote.
    """

    model_config = ConfigDict(frozen=True)

    @property
    def customer(self) -> str | None:
        """Whom the agents serve, where they find that out themselves; the conversation is theirs from then on."""
        return None

    @property
    def recalls(self) -> bool:
        """Whether the agents may see what was said in the conversation before this message."""
        return True

    def carried(self) -> Self:
        """Return what of it the next message of the conversation brings: all, unless a kind knows better."""
        return self


C = TypeVar("C", bound=Context, default=Any)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One handoff of the conversation; `previous` is None for the agent that began."""

    agent: str
    previous: str | None
    reason: str
    #: What the job had asked of models by then.
    requests: int = 0
    tool_calls: int = 0


class Starter(Protocol):
    """Has another job do something, once for each key, after a delay if there is one; nobody waits for it."""

    async def __call__(self, kind: str, request: dict[str, Any], key: str, delay: timedelta | None = None) -> None: ...


async def _nobody(kind: str, request: dict[str, Any], key: str, delay: timedelta | None = None) -> None:
    return


class Caller(Protocol):
    """Has another job do something and returns how it ended; the slot is free meanwhile. A failure is a value.

    To be called before the tool has changed anything: the tool is called anew when the other job has ended.
    """

    async def __call__(self, kind: str, request: dict[str, Any], **options: Unpack[ChildKeywords]) -> ChildEnd: ...


async def _no_call(kind: str, request: dict[str, Any], **options: Unpack[ChildKeywords]) -> ChildEnd:
    raise LookupError("there is no engine around this desk")


class Telling(Protocol):
    """Tells how far the call of a tool is that is being made, at once: a `fraction` from 0 to 1, if it is known."""

    def __call__(self, fraction: float | None = None, message: str = "", **data: Any) -> None: ...


def _untold(fraction: float | None = None, message: str = "", **data: Any) -> None:
    return


class Shelf(Protocol):
    """Keeps bytes for a time that the jobs of a tenant, or of all if they are `public`, can do without.

    `cache` returns whether the value is kept: one that is to be `new` only where there is none. Raises ValueError for
    one that is too large.
    """

    async def cached(self, key: str, *, public: bool = False) -> bytes | None: ...

    async def cache(self, key: str, value: bytes, ttl_s: float, *, new: bool = False, public: bool = False) -> bool: ...


class NoShelf:
    """Keeps nothing."""

    async def cached(self, key: str, *, public: bool = False) -> bytes | None:
        return None

    async def cache(self, key: str, value: bytes, ttl_s: float, *, new: bool = False, public: bool = False) -> bool:
        return True


class Reserve(Protocol):
    """Encloses one call of an outside service by the limits of the whole fleet, as `TaskContext.reserve`."""

    def __call__(self, resource: str, /) -> AbstractAsyncContextManager[Any]: ...


def _at_once(_resource: str) -> AbstractAsyncContextManager[Any]:
    return nullcontext()


class Files(Protocol):
    """Reads a file of the tenant by its id; None when it is no longer kept."""

    async def __call__(self, attachment_id: str) -> bytes | None: ...


async def _no_files(attachment_id: str) -> bytes | None:
    return None


async def _no_system() -> SystemState:
    raise LookupError("there is no engine around this desk")


@dataclass(slots=True)
class Desk(Generic[C]):
    """What the agents and tools of one job share."""

    whole: Database
    tenant: str
    #: Who has signed in, or whom the producer vouches for; without one, tools neither tell nor do what is a customer's.
    customer_id: str | None
    #: Names an effect of this job for whoever must not let it happen twice: the same in every attempt, and in a
    #: replay that goes on where the job stopped.
    key: Callable[[str], str]
    settings: TaskSettings
    #: Which attempt at the job it is, and what tools leave to be done when that ends, however it does.
    attempt: int = 1
    ending: AsyncExitStack = field(default_factory=AsyncExitStack)
    conversation_id: str = ""
    #: What the customer has written: in this message, and in those that the agents were told of while they worked.
    message: str = ""
    #: Returns what they have written before, the newest last.
    said_before: Callable[[], Sequence[str]] = tuple
    #: The files that came with it, and how these and those of former messages are read.
    attached: tuple[Attached, ...] = ()
    files: Files = _no_files
    #: What looks suspicious in the customer's message: names of patterns.
    flagged: tuple[str, ...] = ()
    #: What the request demands of its answer.
    wishes: QualityWishes | None = None
    #: What the agents know, by the type that the kind has declared.
    context: C = field(default_factory=Context)  # type: ignore[assignment]  # the least that any context is
    #: Returns how the whole deployment is at the moment.
    system: Callable[[], Awaitable[SystemState]] = _no_system
    #: Starts a job of its own; where no worker has its kind, nobody does it.
    start: Starter = _nobody
    #: Has another job do a part of a tool's work, and waits for it.
    call: Caller = _no_call
    #: Tells how far the tool is whose call is being made.
    tell: Telling = _untold
    #: What the job says that it is going to do.
    plans: Plans = field(default_factory=Plans)
    #: What the tenant's jobs keep for each other.
    shelf: Shelf = field(default_factory=NoShelf)
    #: Lets a call of an outside service begin when its limits have room. Raises Limited, which parks the job.
    reserve: Reserve = _at_once
    #: Makes vectors of texts, where a model is configured for it.
    embed: Embed = no_vectors
    #: The prompt of the active agent, and what it was told besides.
    prompt: Prompt | None = None
    briefing: str = ""
    transfers: list[Transfer] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    #: The prompts by which models were asked so far.
    prompts: list[PromptUsed] = field(default_factory=list)
    #: What the customer's message says about what was proposed to them before; None when nothing was.
    heard: Heard | None = None
    #: What this job has proposed, and its answer is to show.
    proposed: Proposed | None = None

    @property
    def agreed(self) -> Agreement | None:
        """What the customer has agreed to by this message."""
        return self.heard.agreed if self.heard else None

    @property
    def language(self) -> str:
        """The language of the customer's message, else of the newest before it that tells, such as before "ok"."""
        told = language_of(self.message)
        return told or next(filter(None, map(language_of, reversed(self.said_before()))), DEFAULT)

    @property
    def database(self) -> ScopedDatabase:
        """What is in the database for whom the desk serves: of the tenant's customers this one's, or nobody's."""
        return self.whole.of_customer(self.tenant, self.customer_id)

    def plan(self, titles: Titles) -> Plan:
        """Tell what is going to be done; see `TaskContext.plan`. `plans.current` is the plan as it stands."""
        return self.plans.plan(titles)

    def did(self, action: Action) -> None:
        """Note what was done; a repeat of the same is the same action."""
        if action not in self.actions:
            self.actions.append(action)

    def told(self, *words: str) -> None:
        """Note what the customer has written besides."""
        self.message = "\n\n".join((self.message, *words))

    def propose(self, proposed: Proposed) -> None:
        """Note what was proposed; the newest counts, as it takes the place of those before it."""
        if self.proposed is None or proposed.number >= self.proposed.number:
            self.proposed = proposed

    def learn(self, **facts: Any) -> None:
        """Note what became known, as fields of the context. Raises ValidationError for what does not fit them."""
        known = type(self.context)
        self.context = known.model_validate({**self.context.model_dump(), **facts})
        self.customer_id = self.context.customer or self.customer_id
