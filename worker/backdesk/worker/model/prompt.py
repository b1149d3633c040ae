"""The prompts of a kind, as its workers announce them."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from backdesk.worker.model.sent import digest_of


class PromptFacts(BaseModel):
    """Instructions of one agent. `hash` is of the author's text, `text` the digest of what is sent of it.

    `variant` and `share` (0 to 1, of the conversations) are of one among several; None where there is one alone.
    """

    model_config = ConfigDict(frozen=True)

    agent: str
    name: str
    hash: str
    text: str
    variant: str | None = None
    share: float | None = None


class KindPrompt(PromptFacts):
    """The same with the text as it is sent, None where that is not kept."""

    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class AnnouncedPrompt:
    """What a kind gives to be announced: the facts, and the text as it is sent."""

    agent: str
    name: str
    hash: str
    text: str
    variant: str | None = None
    share: float | None = None

    @property
    def facts(self) -> PromptFacts:
        """What stands in the contract of the kind."""
        named = {name: getattr(self, name) for name in ("agent", "name", "hash", "variant", "share")}
        return PromptFacts(**named, text=digest_of(self.text))
