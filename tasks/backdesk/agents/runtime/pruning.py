"""What of a long conversation a model gets to see: the newest of it, in pieces that make sense by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pydantic_ai import ModelMessage, ModelRequest, UserPromptPart

from backdesk.agents.memory import MemoryPolicy
from backdesk.agents.runtime.messages import History, chars_of

#: From a number of characters to a number of tokens.
TokensOf = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class _Step:
    """A response with the results of the tools that it calls; and what the customer had written before it.

    The steps of one exchange share one `opening`. What nobody has answered is an opening without messages.
    """

    opening: History
    messages: History


def pruned(past: History, policy: MemoryPolicy, tokens_of: TokensOf) -> History:
    """Return the newest messages that the policy has room for, in their order.

    A tool call stays with its results. Of an exchange that there is no room for as a whole, the newest steps are kept,
    and what the customer had written before them. What comes before the first step that does not fit is left out.
    """
    kept: list[_Step] = []
    messages = chars = 0
    for step in reversed([*_steps(past)]):
        opens = not kept or kept[-1].opening is not step.opening
        taken = [*step.opening, *step.messages] if opens else step.messages
        messages, chars = messages + len(taken), chars + sum(map(chars_of, taken))
        if messages > policy.max_messages or tokens_of(chars) > policy.max_tokens:
            break
        kept.append(step)
    return [*_joined(kept[::-1])]


def _joined(steps: list[_Step]) -> Iterator[ModelMessage]:
    opening: History | None = None
    for step in steps:
        if step.opening is not opening:
            yield from step.opening
        yield from step.messages
        opening = step.opening


def _steps(past: History) -> Iterator[_Step]:
    opening, step = History(), History()
    for message in _apart(past):
        begins = isinstance(message, ModelRequest) and isinstance(message.parts[0], UserPromptPart)
        if begins or not isinstance(message, ModelRequest):
            if step or (begins and opening):
                yield _Step(opening, step)
            opening, step = ([message], []) if begins else (opening, [message])
        else:
            (step or opening).append(message)
    if step or opening:
        yield _Step(opening, step)


def _apart(past: History) -> Iterator[ModelMessage]:
    """Return the messages, with what a customer wrote at the beginning of one, not behind the results of tools."""
    for message in past:
        if not isinstance(message, ModelRequest):
            yield message
            continue
        at = next((at for at, part in enumerate(message.parts) if isinstance(part, UserPromptPart)), 0)
        for parts in (message.parts[:at], message.parts[at:]):
            if parts:
                yield replace(message, parts=parts)
