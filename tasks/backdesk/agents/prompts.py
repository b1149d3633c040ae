"""The prompts of an agent: its instructions, by name and hash, and the variants that a share of conversations gets."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backdesk.worker.errors import ConfigurationError
from backdesk.worker.model.sent import digest_of

#: The variant that conversations have which no other one has.
BASE = "base"
#: The fact of a turn: by which variants agents have answered in its conversation.
VARIANTS = "variants"
#: Variants of one agent; what comes of them is counted for each.
MOST_VARIANTS = 8
#: What variants are called, and agents that have some: names of figures.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_BUCKETS = 2**32


@dataclass(frozen=True)
class Prompt:
    """Instructions as they are sent. `variant` is None where the agent has no variants."""

    name: str
    text: str
    variant: str | None = None
    #: Of the conversations, 0 to 1.
    share: float = 1.0
    #: What the deployment says after the text, to every such agent.
    more: str = ""

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits by which the text is known."""
        return digest_of(self.text)

    @property
    def shared(self) -> str:
        """How the instructions of each request begin that this prompt is sent with."""
        return self.text + self.more


@dataclass(frozen=True, slots=True)
class Variant:
    """Other instructions, a text or a file that holds them, for a share (0 to 1) of the conversations."""

    name: str
    instructions: str | Path
    share: float


def read_prompts(
    agent: str, instructions: str | Path, variants: Sequence[Variant], more: str = ""
) -> tuple[Prompt, ...]:
    """Return the prompts of an agent, the base first. Raises ConfigurationError for texts, names or shares that fail.

    `more` is what the deployment says after each of the texts.
    """
    name, text = _read(agent, instructions)
    if not variants:
        return (Prompt(name, text, more=more),)
    _check(agent, variants)
    rest = max(1 - math.fsum(each.share for each in variants), 0.0)
    others = [Prompt(*_read(agent, each.instructions), each.name, each.share, more) for each in variants]
    return (Prompt(name, text, BASE, round(rest, 9), more), *others)


def chosen(prompts: tuple[Prompt, ...], agent: str, conversation_id: str) -> Prompt:
    """Return the prompt that a conversation has: the same for each of its messages, while the shares are the same."""
    if len(prompts) == 1:
        return prompts[0]
    digest = hashlib.sha256(f"{agent}\0{conversation_id}".encode("utf-8", "surrogatepass")).digest()
    place, reached = int.from_bytes(digest[:4], "big") / _BUCKETS, 0.0
    for prompt in prompts[1:]:
        reached += prompt.share
        if place < reached:
            return prompt
    return prompts[0]


def _check(agent: str, variants: Sequence[Variant]) -> None:
    names = [each.name for each in variants]
    for name in (agent, *names):
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} cannot name a variant, or an agent that has some: up to 32 of a-z, 0-9, _ and -"
            )
    if BASE in names or len({*names}) < len(names):
        raise ConfigurationError(f"the variants of the agent {agent!r} need names of their own, none of them {BASE!r}")
    if len(variants) >= MOST_VARIANTS:
        raise ConfigurationError(f"the agent {agent!r} has more than {MOST_VARIANTS - 1} variants")
    if any(not 0 < each.share <= 1 for each in variants) or math.fsum(each.share for each in variants) > 1 + 1e-9:
        shares = ", ".join(f"{each.name}={each.share!r}" for each in variants)
        raise ConfigurationError(
            f"the shares of the variants of the agent {agent!r} must each be over 0, and together at most 1: {shares}"
        )


def _read(agent: str, instructions: str | Path) -> tuple[str, str]:
    try:
        text = instructions.read_text("utf-8") if isinstance(instructions, Path) else instructions
    except OSError as error:
        raise ConfigurationError(f"the prompt of the agent {agent!r} cannot be read: {error}") from None
    if not text.strip():
        raise ConfigurationError(f"the agent {agent!r} has no instructions")
    return instructions.stem if isinstance(instructions, Path) else agent, text
