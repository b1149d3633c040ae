"""What is around the agents of a job, whichever of them is at work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from backdesk.agents.contract import ModelUsage
from backdesk.agents.desk import Desk, Shelf
from backdesk.agents.journal import Journal
from backdesk.agents.metering import Gate
from backdesk.agents.model_call import ModelCall
from backdesk.agents.prompts import Prompt
from backdesk.agents.remote.tools import RemoteTools
from backdesk.agents.runtime.budget import Budget
from backdesk.agents.runtime.budgeted import Account
from backdesk.agents.runtime.models import ModelHandle


class Watcher(Protocol):
    """Who is told what happens. A watcher returns at once and never raises: it is called inside the run."""

    @property
    def watched(self) -> bool:
        """Whether the next request to the model is worth streaming."""

    def text(self, piece: str, *, begins: bool) -> None: ...

    def model_call(self, agent: str, model: str, prompt: Prompt | None = None) -> AbstractContextManager[ModelCall]: ...

    def tool_called(self, tool: str, call_id: str, args: Mapping[str, object]) -> None: ...

    def tool_returned(self, tool: str, call_id: str, outcome: str, content: object) -> None: ...

    def answered_from_cache(self, agent: str, model: str, prompt: Prompt | None = None) -> None: ...

    def spent(self, usage: ModelUsage) -> None:
        """Take note of what the job's runs have used so far, in total."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is around all the agents of one job: who pays, who lets through, who remembers, who watches."""

    desk: Desk
    budget: Budget
    account: Account
    gates: Sequence[Gate]
    journal: Journal
    shelf: Shelf
    watcher: Watcher
    remote: RemoteTools
    #: The model that scores drafts, where one is configured for it.
    judge: ModelHandle | None = None
