"""Has a model go on once with an answer that was cut off at the limit of its length, and joins the two.

The model begins with the last words that came through, so that it is certain where the rest belongs: inside a word,
behind a blank, or in a line of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic_ai import ModelResponse, ModelRetry, RunContext, TextPart
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.output import OutputContext

from backdesk.agents.desk import Desk
from backdesk.agents.runtime.messages import History
from backdesk.agents.runtime.usable import was_told

CUT_OFF = "Your answer was cut off at the limit of its length. Go on where it stopped and come to its end soon."
#: How much of what came through the model begins with again, in characters; and how much of that is recognised.
REPEATED, LEAST_REPEATED = 40, 4


class Continued(AbstractCapability[Desk]):
    """Joins the answers of one run."""

    async def after_output_process(self, ctx: RunContext[Desk], *, output_context: OutputContext, output: Any) -> Any:
        """Return a whole answer. Raises ModelRetry for one that was cut off and may be gone on with."""
        if ctx.partial_output or not isinstance(output, str):
            return output
        first = begun(ctx.messages)
        if first is not None:
            return first + rest(first, output)
        if is_cut_off(ctx.messages) and _may_ask(ctx):
            raise ModelRetry(f"{CUT_OFF} Begin with these words again: {output[-REPEATED:]}")
        return output


def is_cut_off(messages: History) -> bool:
    """Whether the last of the messages is an answer that its length has cut off."""
    last = messages[-1] if messages else None
    return isinstance(last, ModelResponse) and last.finish_reason == "length"


def begun(messages: History) -> str | None:
    """Return the text with which the last of the messages goes on; None when it is an answer of its own."""
    if len(messages) < 3 or not was_told(messages[-2], CUT_OFF):
        return None
    first = messages[-3]
    return _text(first) if isinstance(first, ModelResponse) else None


def rest(first: str, second: str) -> str:
    """Return what a second text adds to the first, which it may repeat the end of."""
    new = second.lstrip()
    if new.startswith(first):  # it was written anew
        return new[len(first) :]
    for length in range(min(len(first), len(new), 2 * REPEATED), LEAST_REPEATED - 1, -1):
        if first.endswith(new[:length]):
            return new[length:]
    apart = first[-1:].isascii() and not first[-1:].isspace() and second[:1].isalnum()
    return f" {second}" if apart else second


def whole_answers(messages: History) -> History:
    """Return messages in which an answer that was gone on with is one."""
    whole: History = []
    for at, message in enumerate(messages):
        first = begun(messages[: at + 1])
        if first is None or not isinstance(message, ModelResponse):
            whole.append(message)
            continue
        del whole[-2:]
        whole.append(replace(message, parts=[TextPart(first + rest(first, _text(message)))]))
    return whole


def _may_ask(ctx: RunContext[Desk]) -> bool:
    limit = ctx.usage_limits.request_limit if ctx.usage_limits else None
    return limit is None or ctx.usage.requests < limit


def _text(message: ModelResponse) -> str:
    return "".join(part.content for part in message.parts if isinstance(part, TextPart))
