"""Whether a call that runs may act: only on the terms that were found before it was made.

What they were found of may change meanwhile, by another call of the same reply or by another job: a cart that was empty
is filled. So what acts asks within its transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from backdesk.agents.outcome import Refusal
from backdesk.agents.proposals.records import plain
from backdesk.agents.proposals.terms import Terms

#: What a model hears of a call whose matter is another by the time it would act.
CHANGED = Refusal(
    refused="What this does has changed while it was called, and the customer has not agreed to that. Nothing is done. "
    "Call it again, so that they see it."
)
#: The terms of the call that runs, None where there was nothing to agree to; unset outside of agents.
_TERMS: ContextVar[Terms | None] = ContextVar("terms")


async def run_on(terms: Terms | None, run: Callable[[], Awaitable[Any]]) -> Any:
    """Run a call to which the customer has agreed by these terms, or in which there was nothing to agree to."""
    token = _TERMS.set(terms)
    try:
        return await run()
    finally:
        _TERMS.reset(token)


def may_act(facts: dict[str, Any]) -> bool:
    """Whether the call that runs may have an effect with these facts: those of its terms. Always outside of agents."""
    try:
        terms = _TERMS.get()
    except LookupError:
        return True
    return terms is not None and plain(terms.facts) == plain(facts)
