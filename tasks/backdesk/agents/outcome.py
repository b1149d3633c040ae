"""What tools return that have more to say than data: who watches it, what was done, what became known."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_jsonable_python

from backdesk.agents.contract import Action
from backdesk.agents.phrases import DEFAULT, money


class ToolOutcome(BaseModel):
    """The root of such outcomes. The model is given the fields; all else is for others."""

    model_config = ConfigDict(frozen=True)

    def summary(self) -> str:
        """Say in one line what came out, for those who watch; the fields, unless a subclass knows better."""
        return in_words(self.model_dump(mode="json"))

    def action(self) -> Action | None:
        """Return what was done for the customer, if anything; the job's result lists it."""
        return None

    def learned(self) -> dict[str, Any]:
        """Return what became known by it, as fields of the desk's context; all agents after it know that too."""
        return {}


class Refusal(ToolOutcome):
    """The tool did nothing, for a reason that the customer may hear."""

    refused: str

    def summary(self) -> str:
        return f"refused: {self.refused}"


#: What tools answer that tell or do what is a customer's, when nobody is identified.
SIGN_IN_FIRST = Refusal(
    refused="That is only for a customer who has signed in: please sign in, and then ask for it again."
)


def in_words(content: object) -> str:
    """Say in one line what a tool returned, whatever that is."""
    if isinstance(content, ToolOutcome):
        return content.summary()
    data = to_jsonable_python(content, fallback=str)
    if isinstance(data, dict):
        return ", ".join(f"{name}: {_in_words(value)}" for name, value in data.items())
    return _in_words(data)


def _in_words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def euros(cents: int, currency: str) -> str:
    """Write an amount as people read it."""
    return f"{cents // 100}.{cents % 100:02} {currency}"


def price(cents: int, currency: str, language: str) -> str:
    """Write an amount as people read it in a language."""
    return euros(cents, currency) if language == DEFAULT else money(cents, currency, language)
