"""What tools return: data for the model, and one line about it for the people who watch."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from backdesk.agents.contract import Action


class ToolOutcome(BaseModel):
    """The root of what tools return."""

    model_config = ConfigDict(frozen=True)

    def summary(self) -> str:
        """Say in one line what came out."""
        raise NotImplementedError

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


def euros(cents: int, currency: str) -> str:
    """Write an amount as people read it."""
    return f"{cents // 100}.{cents % 100:02} {currency}"
