"""What a tool is to the agents: a function on the desk, what a repeat of it would do, and who must agree to it.

The customer agrees to `terms`, in a message after the one that showed them; a person of the house gives `consent`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, get_type_hints

from backdesk.agents.contract import Action
from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal
from backdesk.agents.proposals.terms import Terms
from backdesk.platform.dependency import Dependency
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import ConfigurationError

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
#: What OpenAI's API takes for the name of a function.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person must agree to before a call is made: a question, and what one has to know to answer it."""

    prompt: str
    facts: dict[str, Any]


#: Returns what a job has done by a tool, whichever attempt did it.
Done = Callable[[Desk], Awaitable[Sequence[Action]]]
#: Gets what the tool gets, and returns None when the call needs nobody's consent.
ConsentRule = Callable[Concatenate[Desk, ...], Awaitable[Consent | None]]
#: Gets what the tool gets. Returns None when there is nothing to agree to, as the tool refuses the call or has made it
#: already, and a refusal to answer the call by that.
TermsRule = Callable[Concatenate[Desk, ...], Awaitable[Terms | Refusal | None]]


@dataclass(frozen=True)
class Tool(Generic[P, R_co]):
    """A tool: a function on the desk whose other arguments the model chooses. Called itself, it is that function."""

    function: Callable[Concatenate[Desk, P], Awaitable[R_co]]
    effect: Effect
    consent: ConsentRule | None = None
    done: Done | None = None
    terms: TermsRule | None = None
    harmless: bool = False
    timeout_s: float | None = None
    #: The JSON schema of the arguments, where the function takes any by name and its annotations do not tell.
    schema: dict[str, Any] | None = field(default=None, hash=False)
    dependencies: tuple[Dependency, ...] = ()

    def __post_init__(self) -> None:
        """Raise ConfigurationError for a function whose outcome could not be awaited, or not be read again."""
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise ConfigurationError(f"the tool {self.name!r} must have more than {self.timeout_s!r} s for a call")
        if not inspect.iscoroutinefunction(self.function):
            raise ConfigurationError(f"the tool {self.name!r} must be `async def`")
        if "return" not in self.function.__annotations__:
            raise ConfigurationError(f"the tool {self.name!r} must say what it returns, as in `-> str`")

    def __call__(self, desk: Desk, /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R_co]:
        return self.function(desk, *args, **kwargs)

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.function.__name__

    def beyond_rules(self, desk: Desk) -> bool:
        """Whether this may not be called where no model is configured, as it would change what is real."""
        rehearsed = self.harmless or self.effect is Effect.PURE or desk.settings.samples
        return desk.settings.offline and not rehearsed

    @property
    def can_be_left(self) -> bool:
        """Whether agents may go on without a call that is under way: no harm is done twice, and nobody agreed to it."""
        return self.effect is not Effect.UNSAFE and self.terms is None and self.consent is None

    @cached_property
    def returns(self) -> Any:
        """The type that brings a kept outcome back."""
        return get_type_hints(self.function)["return"]


def tool(
    effect: Effect | Literal["pure", "idempotent", "unsafe"],
    *,
    terms: TermsRule | None = None,
    consent: ConsentRule | None = None,
    done: Done | None = None,
    harmless: bool = False,
    timeout_s: float | None = None,
    name: str | None = None,
    description: str | None = None,
    schema: dict[str, Any] | None = None,
    dependencies: Sequence[Dependency] = (),
) -> Callable[[Callable[Concatenate[Desk, P], Awaitable[R_co]]], Tool[P, R_co]]:
    """Make a function on the desk a tool; `effect` says what a second run of the same call would do.

    It returns anything that is JSON: a text, data, a model; a `ToolOutcome`, when it has more to say than its fields.
    A tool that is `idempotent` hands `desk.key(...)` on to whatever it changes. With `terms` a call is not made but
    proposed: it is made when the customer, who was shown the terms, agrees to them by their next message, and the terms
    are still the same. `consent` is asked before each call that is made, and again by a later attempt, even when the
    call was made meanwhile: it must not take its own effect for a reason, and neither must `terms`.
    `done` tells what this job has done by the tool, also in an attempt whose worker died: a fallback answer lists it.
    `harmless` is what may be done for a real customer without any model behind it, such as to call a person: outside of
    the sample data the offline model makes no other calls that are not `pure`.
    `timeout_s` is how long one call may take, in place of BACKDESK_TOOL_TIMEOUT_S; jobs that it calls are then ended
    with it. A call that takes longer is cancelled and told to be not done in time; of an `unsafe` one a person is asked
    whether it took effect, and the jobs that it calls are waited for.
    `name` and `description` are what the model reads, in place of the function's name and docstring: for a function
    that is made anew for each tool, as it keeps them. So is `schema`, the JSON schema of arguments that such a function
    takes as `**arguments`; a call that does not fit it is not made.
    `dependencies` are what it cannot work without: `backdesk health --deep` checks them where an agent has the tool.
    Raises ConfigurationError for a function that is not `async`, without an annotation of what it returns, a name
    that models cannot call, or no time.
    """

    def named(function: Callable[Concatenate[Desk, P], Awaitable[R_co]]) -> Tool[P, R_co]:
        if name is not None and not _NAME.fullmatch(name):
            raise ConfigurationError(f"a tool must be named by up to 64 letters, digits, _ or -, not {name!r}")
        function.__name__ = name or function.__name__
        function.__doc__ = description or function.__doc__
        return Tool(function, Effect(effect), consent, done, terms, harmless, timeout_s, schema, (*dependencies,))

    return named
