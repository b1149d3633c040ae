"""The person whose approval the jobs of an evaluation wait for: says what the conversations have them say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backdesk.client import JobClient
from backdesk.worker.errors import BackdeskError
from backdesk.worker.model.asks import AskType, OpenAsk

#: As whom they answer, and what they say to what no turn has them decide.
BY, NOBODY = "eval", "The conversation has nobody approve anything here."
_TURN = "call:turn-"


class Colleague:
    """Answers for some conversations, by the ids of their jobs; what they do not speak of is denied."""

    def __init__(self, client: JobClient, tenant: str, conversations: Mapping[str, dict[str, Any]]) -> None:
        self._client = client
        self._tenant = tenant
        self._conversations = conversations
        self._asked: set[tuple[str, int]] = set()

    def answer(self) -> None:
        """Answer whatever the conversations wait for now."""
        for open_ask in self._client.asks(tenant=self._tenant):
            if open_ask.ask.type is AskType.APPROVAL:
                try:
                    self._decide(open_ask)
                except BackdeskError:  # somebody else was faster, or it has ended
                    continue

    def unasked(self, job_id: str) -> list[int]:
        """Return the turns of a conversation at which a person was to decide and was not asked."""
        turns = enumerate(self._conversations[job_id]["turns"], 1)
        return [number for number, turn in turns if turn.get("person") and (job_id, number) not in self._asked]

    def _decide(self, open_ask: OpenAsk) -> None:
        parent = self._client.get(open_ask.job_id).parent
        if parent is None or (conversation := self._conversations.get(parent)) is None:
            return
        if (number := self._turn(parent, open_ask.job_id)) is None:
            return  # it has not begun to wait for this turn, and is looked at again
        person = conversation["turns"][number - 1].get("person")
        if person == "approves":
            self._client.approve(open_ask.job_id, by=BY, ask=open_ask.ask.name)
        else:
            self._client.deny(open_ask.job_id, by=BY, note="" if person else NOBODY, ask=open_ask.ask.name)
        self._asked.add((parent, number))

    def _turn(self, parent: str, job_id: str) -> int | None:
        names = [ask.name for ask in self._client.get(parent).asks if ask.facts.get("job_id") == job_id]
        return int(names[0].removeprefix(_TURN)) if names else None
