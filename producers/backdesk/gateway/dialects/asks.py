"""What a job asks of people, as protocols other than ours can ask and answer it."""

from __future__ import annotations

from collections.abc import Iterable

from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.errors import Forbidden
from backdesk.gateway.exchange import Exchange
from backdesk.worker.errors import AskUnknown, InvalidRequest, NotWaiting
from backdesk.worker.model.asks import APPROVE, DENY, PAUSE_MARK, Ask, AskType
from backdesk.worker.model.job import JobRecord, JobState

#: The field of a form that has the decision, and that of a remark.
DECISION, NOTE = "decision", "note"


def open_asks(record: JobRecord) -> list[Ask]:
    """Return what a job waits for people to say: other jobs answer for themselves, and who began a pause ends it."""
    return of_people(record.asks) if record.state is JobState.WAITING else []


def of_people(asks: Iterable[Ask]) -> list[Ask]:
    """Return those of these that are for people to answer."""
    return [each for each in asks if each.type is not AskType.CHILD and not each.name.startswith(PAUSE_MARK)]


def needs_person(ask: Ask) -> bool:
    """Return whether no program may answer in a person's place: hosts of models may accept what they are asked."""
    return ask.human_only or ask.type is AskType.OUTCOME


def has_form(ask: Ask) -> bool:
    """Return whether a person can answer by a link."""
    return ask.type in {AskType.APPROVAL, AskType.QUESTION}


def choices_of(ask: Ask) -> list[str]:
    """Return the decisions that are possible; empty means any text."""
    return ask.choices or ([APPROVE, DENY] if ask.type is AskType.APPROVAL else [])


def meant(record: JobRecord, name: str | None) -> Ask:
    """Return the open ask of this name, or the only one. Raises NotWaiting, AskUnknown."""
    asks = open_asks(record)
    if not asks:
        raise NotWaiting(record.id, record.state)
    fitting = [each for each in asks if name in {None, each.name}]
    if len(fitting) != 1:
        reason = "say which is meant" if fitting else "nothing of this name is asked"
        raise AskUnknown(record.id, name or "", reason, {each.name: each.type.value for each in asks})
    return fitting[0]


async def answer(exchange: Exchange, caller: Caller, job_id: str, ask: Ask, decision: str, *, note: str = "") -> None:
    """Give a job what it asks, if a program may. Raises Forbidden, InvalidRequest, NotWaiting to who came second."""
    caller.demand(Scope.OPERATE)
    if needs_person(ask):
        raise Forbidden(Scope.OPERATE, reason=f"a person must answer {ask.name!r}, elsewhere: no program may")
    choices = choices_of(ask)
    if choices and decision not in choices:
        raise InvalidRequest(DECISION, f"{decision[:100]!r} is none of {', '.join(choices)}")
    await exchange.decide(caller, job_id, ask.type, decision, note=note, ask=ask.name)
