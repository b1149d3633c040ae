"""The queue of people: a case for each ticket and each escalation, and what a person does with it.

A case is written with what it is about, in one transaction, so that no promise to a customer is without one. What is
done with it is an entry of its own under the key of the job that does it: done twice, it is there once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import get_args

from sqlalchemy import and_, func, select
from sqlalchemy import case as when
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.platform.contract import Priority
from backdesk.platform.database import ScopedDatabase
from backdesk.platform.tables import utc
from backdesk.service import cases_contract as seen
from backdesk.service.cases_contract import DeskRequest, DeskResult
from backdesk.service.tables import Case, CaseEntry, Escalation, Ticket
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

#: Who did what no person did.
AGENTS, CLOCK, CUSTOMER = "agents", "clock", "customer"
_RISING: tuple[str, ...] = get_args(Priority)
_ANSWERED = select(CaseEntry.id).where(CaseEntry.case_id == Case.id, CaseEntry.deed == "replied").exists()
_URGENCY = when({name: -at for at, name in enumerate(_RISING)}, value=Case.priority)


def open_case(session: Session, desk: Desk, about: Ticket | Escalation, reference: str, due_at: datetime) -> None:
    """Put a ticket or an escalation that is new into the queue."""
    opened = about.opened_at if isinstance(about, Ticket) else about.escalated_at
    case = Case(
        tenant=about.tenant,
        reference=reference,
        customer_id=about.customer_id,
        conversation_id=desk.conversation_id,
        subject=about.subject if isinstance(about, Ticket) else about.reason,
        details=about.details,
        priority=about.priority,
        state="open",
        opened_at=opened,
        due_at=due_at,
        overdue=False,
    )
    session.add(case)
    session.flush()
    session.add(CaseEntry(case_id=case.id, key=about.key, at=opened, by=AGENTS, deed="opened", text=""))


def queue(database: ScopedDatabase, tenant: str, request: DeskRequest) -> DeskResult:
    """Return the cases that fit: what is late first, then by urgency, then by the time that was promised."""
    fit = select(Case).where(Case.tenant == tenant)
    fit = fit.where(Case.state == request.state) if request.state else fit.where(Case.state != "closed")
    fit = fit.where(Case.holder == request.holder) if request.holder else fit
    late = when((and_(Case.due_at < database.now(), ~_ANSWERED), 0), else_=1)
    with database.read() as session:
        found = session.scalars(fit.order_by(late, _URGENCY, Case.due_at, Case.id).limit(request.limit))
        return DeskResult(cases=_shown(session, found.all()))


def show(database: ScopedDatabase, tenant: str, reference: str) -> DeskResult:
    """Return a case with all that was done with it. Raises TaskError for one that the tenant has not."""
    with database.read() as session:
        return _file_of(session, _find(session, tenant, reference))


def kept_by(database: ScopedDatabase, tenant: str, conversation_id: str) -> seen.Case | None:
    """Return the case by which a person has a conversation, the most pressing if several are taken; else None."""
    taken = select(Case).where(Case.tenant == tenant, Case.state == "taken", Case.conversation_id == conversation_id)
    with database.read() as session:
        found = session.scalars(taken.order_by(_URGENCY, Case.due_at, Case.id).limit(1)).first()
        return _shown(session, [found])[0] if found else None


def act(database: ScopedDatabase, tenant: str, request: DeskRequest, key: str) -> DeskResult:
    """Do something with a case, once for each key; return the case as it is then. Raises TaskError if it may not be."""
    return database.contend(lambda session: _act(session, tenant, request, key, database.now()))


def escalate_overdue(database: ScopedDatabase, tenant: str, key: str) -> DeskResult:
    """Raise what nobody has answered in time: it is urgent from then on, and no longer only its holder's to take.

    Each is raised once. Return those that were raised under this key: an attempt after a crash has them too.
    """

    def work(session: Session) -> DeskResult:
        now = database.now()
        late = select(Case).where(Case.tenant == tenant, Case.state != "closed", ~Case.overdue, Case.due_at < now)
        passed = late.where(~_ANSWERED).order_by(Case.due_at).limit(500).with_for_update()
        for case in session.scalars(passed).all():
            case.priority, case.overdue = "urgent", True
            text = f"Nobody had answered by {utc(case.due_at):%F %R} UTC."
            _enter(session, case, key, seen.CaseEntry(at=now, by=CLOCK, deed="overdue", text=text))
        session.flush()
        known = select(CaseEntry.case_id).where(CaseEntry.key == key, CaseEntry.deed == "overdue")
        found = session.scalars(select(Case).where(Case.tenant == tenant, Case.id.in_(known)).order_by(Case.due_at))
        return DeskResult(cases=_shown(session, found.all()))

    return database.contend(work)


def _act(session: Session, tenant: str, request: DeskRequest, key: str, now: datetime) -> DeskResult:
    case = _find(session, tenant, request.case or "", locked=True)
    known = select(CaseEntry.id).where(CaseEntry.case_id == case.id, CaseEntry.key == key)
    if session.scalar(known) is None:
        deed = _DEEDS[request.act](case, request, now)
        entry = seen.CaseEntry(at=now, by=request.by or CUSTOMER, deed=deed, text=request.text or "")
        _enter(session, case, key, entry)
    session.flush()
    return _file_of(session, case)


def _take(case: Case, request: DeskRequest, _now: datetime) -> seen.Deed:
    _check_open(case)
    if case.holder not in (None, request.by) and not case.overdue:
        raise _refused("case_taken", f"{case.reference} is with {case.holder}, who can hand it back or close it.")
    case.state, case.holder = "taken", request.by
    return "taken"


def _reply(case: Case, request: DeskRequest, _now: datetime) -> seen.Deed:
    _check_held(case, request)
    return "replied"


def _note(_case: Case, _request: DeskRequest, _now: datetime) -> seen.Deed:
    return "noted"


def _hand_back(case: Case, request: DeskRequest, _now: datetime) -> seen.Deed:
    _check_held(case, request)
    case.state, case.holder = "open", None
    return "handed_back"


def _close(case: Case, request: DeskRequest, now: datetime) -> seen.Deed:
    _check_open(case)
    if case.holder not in (None, request.by):
        raise _refused("case_taken", f"{case.reference} is with {case.holder}, who alone can close it.")
    case.state, case.closed_at = "closed", now
    return "closed"


def _rate(case: Case, request: DeskRequest, _now: datetime) -> seen.Deed:
    if case.state != "closed":
        raise _refused("case_open", f"{case.reference} is not closed yet: it is rated after that.")
    if case.score is not None:
        raise _refused("case_rated", f"{case.reference} is rated already, with {case.score}.")
    case.score = request.score
    return "rated"


_DEEDS: dict[seen.Act, Callable[[Case, DeskRequest, datetime], seen.Deed]] = {
    "take": _take,
    "reply": _reply,
    "note": _note,
    "hand_back": _hand_back,
    "close": _close,
    "rate": _rate,
}


def _check_open(case: Case) -> None:
    if case.state == "closed":
        raise _refused("case_closed", f"{case.reference} is closed.")


def _check_held(case: Case, request: DeskRequest) -> None:
    _check_open(case)
    if case.holder != request.by:
        whose = f"is with {case.holder}" if case.holder else "is with nobody"
        raise _refused("case_not_yours", f"{case.reference} {whose}: take it first.")


def _refused(code: str, message: str) -> TaskError:
    return TaskError(code, message, category=Category.VALIDATION)


def _find(session: Session, tenant: str, reference: str, *, locked: bool = False) -> Case:
    wanted = select(Case).where(Case.tenant == tenant, Case.reference == reference)
    case = session.scalars(wanted.with_for_update() if locked else wanted).one_or_none()
    if case is None:
        raise _refused("case_not_found", f"There is no case {reference!r}; `backdesk desk list` names those there are.")
    return case


def _enter(session: Session, case: Case, key: str, entry: seen.CaseEntry) -> None:
    session.add(CaseEntry(case_id=case.id, key=key, **entry.model_dump()))


def _entries(session: Session, case: Case) -> Sequence[CaseEntry]:
    return session.scalars(select(CaseEntry).where(CaseEntry.case_id == case.id).order_by(CaseEntry.id)).all()


def _file_of(session: Session, case: Case) -> DeskResult:
    entries = [
        seen.CaseEntry.model_validate({"at": utc(each.at), "by": each.by, "deed": each.deed, "text": each.text})
        for each in _entries(session, case)
    ]
    return DeskResult(cases=_shown(session, [case]), details=case.details, entries=entries)


def _shown(session: Session, cases: Sequence[Case]) -> list[seen.Case]:
    replies = select(CaseEntry.case_id, func.min(CaseEntry.at)).where(CaseEntry.deed == "replied")
    of_these = replies.where(CaseEntry.case_id.in_([case.id for case in cases])).group_by(CaseEntry.case_id)
    answered = {case: utc(at) for case, at in session.execute(of_these)}
    return [_with_times(case, answered.get(case.id)) for case in cases]


def _with_times(case: Case, answered_at: datetime | None) -> seen.Case:
    times = {"opened_at": utc(case.opened_at), "due_at": utc(case.due_at), "answered_at": answered_at}
    times["closed_at"] = case.closed_at and utc(case.closed_at)
    fields = {name: getattr(case, name) for name in set(seen.Case.model_fields) - times.keys() - {"case"}}
    return seen.Case.model_validate(fields | times | {"case": case.reference})
