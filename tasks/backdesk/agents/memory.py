"""How much of a conversation a model gets to see. Data, without any library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryPolicy:
    """What is sent of former turns at most, in messages and in tokens, as far as these can be estimated.

    The current turn and the instructions come on top, and the stored conversation stays whole.
    """

    max_messages: int = 40
    max_tokens: int = 8000

    def __post_init__(self) -> None:
        """Raise ValueError for a bound that is none."""
        if self.max_messages < 0 or self.max_tokens < 0:
            raise ValueError(f"what a model gets to see cannot be less than nothing: {self}")

    @property
    def max_turns(self) -> int:
        """How many turns can have a part in it: each has two messages or more. The last is always read."""
        return self.max_messages // 2 + 1
