"""The service desk: what people do with cases, `client.desk`."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backdesk.client.contracts import request_of
from backdesk.client.operations.desk import ACT_S, KIND, MOST_PRIORITY, Listed, acts_in_conversation
from backdesk.service.cases_contract import Act, Case, DeskRequest, DeskResult
from backdesk.worker.model.job import DEFAULT_TENANT

if TYPE_CHECKING:
    from backdesk.client.blocking.client import JobClient


class Desk:
    """The cases of tenants, and what people do with them.

    Each call is a job of the kind `service.desk`, on the workers that have the business database: it is done once, and
    its record tells who did what. Each raises JobFailed with the reason when it may not be done (`case_taken`,
    `case_closed`, `case_not_yours`, `case_not_found`), and ResultTimeout when no worker has done it in `timeout`
    seconds; it is done all the same then. What is told in the conversation waits for the job that this goes on with.
    """

    def __init__(self, client: JobClient) -> None:
        self._client = client

    def list(self, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S, **which: Any) -> Listed:
        """Return cases, what is late first, then by urgency and by when an answer was promised.

        Those that are not closed; or by `state` (`open`, `taken`, `closed`) or `holder`; `limit` of them, 50 by
        default.
        """
        return (self._do(request_of(DeskRequest, act="list", **which), tenant, timeout)).cases

    def show(self, case: str, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S) -> DeskResult:
        """Return a case, what the agents wrote down of it, and all that was done with it.

        What was said is in the conversation: `client.conversations.get(case.conversation_id)`.
        """
        return self._do(request_of(DeskRequest, act="show", case=case), tenant, timeout)

    def take(self, case: str, by: str, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S) -> Case:
        """Take a case, and the conversation over: its agents are silent until it is handed back or closed.

        Only one has it; that an overdue one is with somebody keeps nobody from taking it.
        """
        return self._act("take", case, tenant, timeout, by=by)

    def reply(self, case: str, by: str, text: str, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S) -> Case:
        """Answer the customer: a turn of the conversation, by who has the case."""
        return self._act("reply", case, tenant, timeout, by=by, text=text)

    def note(self, case: str, by: str, text: str, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S) -> Case:
        """Note something for colleagues; neither the customer nor the agents see it."""
        return self._act("note", case, tenant, timeout, by=by, text=text)

    def hand_back(
        self, case: str, by: str, note: str | None = None, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S
    ) -> Case:
        """Let the agents have the conversation again, with a note that they see; the case is open for anybody."""
        return self._act("hand_back", case, tenant, timeout, by=by, text=note)

    def close(
        self, case: str, by: str, note: str | None = None, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S
    ) -> Case:
        """End a case: agents have the conversation again, with a note; the customer is asked how content they are."""
        return self._act("close", case, tenant, timeout, by=by, text=note)

    def rate(
        self, case: str, score: int, comment: str | None = None, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S
    ) -> Case:
        """Record once how content the customer is with a closed case, 1 to 5; it is the measure `csat` in `stats`."""
        return self._act("rate", case, tenant, timeout, score=score, text=comment)

    def escalate_overdue(self, *, tenant: str = DEFAULT_TENANT, timeout: float = ACT_S) -> Listed:
        """Make urgent what nobody has answered in time, once each, and return it; for a schedule."""
        return (self._do(request_of(DeskRequest, act="escalate_overdue"), tenant, timeout)).cases

    def _act(self, act: Act, case: str, tenant: str, timeout: float, **fields: Any) -> Case:
        where = None
        if acts_in_conversation(act):
            where = (self.show(case, tenant=tenant, timeout=timeout)).cases[0].conversation_id or None
        request = request_of(DeskRequest, act=act, case=case, conversation_id=where, **fields)
        return (self._do(request, tenant, timeout)).cases[0]

    def _do(self, request: DeskRequest, tenant: str, timeout: float) -> DeskResult:
        body = request.model_dump(mode="json", exclude_none=True)
        job = self._client.submit(KIND, body, tenant=tenant, priority=MOST_PRIORITY)
        return DeskResult.model_validate(job.result(timeout))
