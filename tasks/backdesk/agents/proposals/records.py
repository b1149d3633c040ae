"""What is kept of proposals, each function one transaction that a repeated attempt may run again. They block.

A job is named by `desk.key`, the same in all of its attempts. A conversation has one job at a time; two that come with
the same number at the same moment are told apart by the row, which only one of them closes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python
from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from backdesk.agents.proposals.tables import Proposal
from backdesk.agents.proposals.terms import Proposed, Terms
from backdesk.agents.proposals.verdict import Agreement, Verdict
from backdesk.platform.tables import utc
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category, Severity

if TYPE_CHECKING:
    from backdesk.agents.desk import Desk

_CLOSES = {Verdict.CONFIRM: "confirmed", Verdict.DECLINE: "declined"}


@dataclass(frozen=True, slots=True)
class NewProposal:
    """A call that is proposed instead of being made; `key` names it within its job."""

    key: str
    team: str
    agent: str
    tool: str
    args: dict[str, Any]
    terms: Terms


@dataclass(frozen=True, slots=True)
class Pending:
    """A proposal that waits for the customer; `counts` says whether words can answer it now."""

    proposal: Agreement
    counts: bool


def plain(value: Any) -> Any:
    """Return a value as JSON would bring it back."""
    return json.loads(_json(value))


def _json(value: Any) -> str:
    return json.dumps(to_jsonable_python(value), sort_keys=True)


def turn_of_job(desk: Desk) -> str:
    """Name the job at hand, and so its message."""
    return desk.key("turn")


def propose(desk: Desk, new: NewProposal) -> Proposed:
    """Propose a call to the customer, in place of what was open in the conversation; a repeated call gets the same.

    In place of what they agreed to just now, too, if that is the same call and can no longer be made as it was shown.
    """
    return desk.database.contend(lambda session: _propose(session, desk, new))


def _propose(session: Session, desk: Desk, new: NewProposal) -> Proposed:
    key = desk.key(f"proposal/{new.key}")
    if (made := session.scalar(select(Proposal).filter_by(tenant=desk.tenant, key=key))) is not None:
        return _outcome(desk, made, None)
    before = _open(session, desk) or _outdated(session, desk, new)
    if before is not None and _same(before, desk, new):
        before.proposed_by, before.shown_at, before.heard_by = turn_of_job(desk), None, None
        return _outcome(desk, before, None)
    if before is not None:
        before.state, before.closed_by = "replaced", turn_of_job(desk)
        session.flush()
    row = _row(desk, new, key)
    session.add(row)
    session.flush()
    return _outcome(desk, row, before.statement if before else None)


def _outdated(session: Session, desk: Desk, new: NewProposal) -> Proposal | None:
    agreed = _of(desk).filter_by(state="confirmed", closed_by=turn_of_job(desk), tool=new.tool, args=_json(new.args))
    return session.scalar(agreed)


def _row(desk: Desk, new: NewProposal, key: str) -> Proposal:
    now, terms = desk.database.now(), new.terms
    return Proposal(
        tenant=desk.tenant,
        conversation_id=desk.conversation_id,
        customer_id=desk.customer_id,
        key=key,
        proposed_by=turn_of_job(desk),
        team=new.team,
        agent=new.agent,
        tool=new.tool,
        args=_json(new.args),
        facts=_json(terms.facts),
        statement=terms.statement,
        state="open",
        proposed_at=now,
        expires_at=now + timedelta(seconds=desk.settings.proposal_s),
    )


def _same(row: Proposal, desk: Desk, new: NewProposal) -> bool:
    own = (row.state, row.customer_id, row.team, row.agent, row.tool, row.args, row.facts)
    return own == ("open", desk.customer_id, new.team, new.agent, new.tool, _json(new.args), _json(new.terms.facts))


def pending(desk: Desk) -> Pending | None:
    """Return what the customer was shown before this message and has not answered, or has answered by this message.

    Notes that this message has come: only the first one after the showing can answer by its words.
    """
    with desk.database.read() as session:
        ours = or_(Proposal.state == "open", Proposal.closed_by == turn_of_job(desk))
        if session.scalar(_of(desk).where(ours).limit(1)) is None:  # as a rule, and then nothing is locked
            return None
    return desk.database.contend(lambda session: _pending(session, desk))


def _pending(session: Session, desk: Desk) -> Pending | None:
    turn = turn_of_job(desk)
    closed = _of(desk).filter_by(closed_by=turn).where(Proposal.state.in_(_CLOSES.values()))
    if (done := session.scalar(closed)) is not None:
        return Pending(_agreement(done), counts=True)
    row = _open(session, desk)
    if row is None or row.shown_at is None or row.proposed_by == turn or row.customer_id != desk.customer_id:
        return None
    row.heard_by = row.heard_by or turn
    return Pending(_agreement(row), counts=row.heard_by == turn)


def chosen(desk: Desk, number: str) -> Agreement:
    """Return the proposal of a number, which the customer answers by it.

    Raises TaskError: `proposal_unknown` for one that is not this customer's in this conversation, `proposal_not_shown`,
    and `proposal_closed` with what became of it.
    """
    return desk.database.contend(lambda session: _chosen(session, desk, number))


def _chosen(session: Session, desk: Desk, number: str) -> Agreement:
    row = session.scalar(_of(desk).filter_by(id=_id(number)))
    if row is None or row.customer_id != desk.customer_id:
        raise unknown(number)
    _expire(row, desk)
    turn = turn_of_job(desk)
    if row.closed_by == turn and row.state in _CLOSES.values():
        return _agreement(row)
    if row.state != "open":
        raise _refused("proposal_closed", f"The proposal {number} cannot be answered any more: it is {row.state}.")
    if row.shown_at is None or row.proposed_by == turn:
        raise _refused(
            "proposal_not_shown", f"The proposal {number} was not shown to the customer before this message."
        )
    return _agreement(row)


def unknown(number: str) -> TaskError:
    """Return what to raise about a number that is not the customer's in this conversation."""
    return _refused("proposal_unknown", f"There is no proposal {number} in this conversation of this customer.")


def decide(desk: Desk, number: str, verdict: Verdict) -> None:
    """Close a proposal by what the message at hand says about it; `change` and `other` leave it as it is.

    Raises TaskError (`proposal_closed`) when another job was faster.
    """
    if verdict in _CLOSES:
        desk.database.contend(lambda session: _close(session, desk, number, _CLOSES[verdict]))


def _close(session: Session, desk: Desk, number: str, state: str) -> None:
    turn = turn_of_job(desk)
    row = session.scalars(_of(desk).filter_by(id=_id(number)).with_for_update()).one()
    if row.state == "open":
        row.state, row.closed_by = state, turn
    elif (row.state, row.closed_by) != (state, turn):
        raise _refused("proposal_closed", f"The proposal {number} cannot be answered any more: it is {row.state}.")


def show(desk: Desk, number: str) -> None:
    """Note that the answer at hand shows a proposal."""

    def work(session: Session) -> None:
        row = session.scalars(_of(desk).filter_by(id=_id(number))).one()
        row.shown_at = row.shown_at or desk.database.now()

    desk.database.contend(work)


def pass_over(desk: Desk, verdict: Verdict) -> None:
    """Note that this message was answered by words that show no proposal; a verdict may close the one that is open.

    What this job itself has proposed counts as not shown.
    """

    def work(session: Session) -> None:
        turn, row = turn_of_job(desk), _open(session, desk)
        if row is None or row.customer_id != desk.customer_id:
            return
        if row.proposed_by == turn:
            row.shown_at = None
        elif verdict in _CLOSES and row.shown_at is not None:
            row.state, row.closed_by = _CLOSES[verdict], turn
        else:
            row.heard_by = row.heard_by or turn

    desk.database.contend(work)


def _of(desk: Desk) -> Select[Proposal]:
    return select(Proposal).filter_by(tenant=desk.tenant, conversation_id=desk.conversation_id)


def _open(session: Session, desk: Desk) -> Proposal | None:
    row = session.scalars(_of(desk).filter_by(state="open").with_for_update()).one_or_none()
    if row is not None:
        _expire(row, desk)
        session.flush()
    return row if row is not None and row.state == "open" else None


def _expire(row: Proposal, desk: Desk) -> None:
    if row.state == "open" and utc(row.expires_at) <= desk.database.now():
        row.state = "expired"


def _id(number: str) -> int:
    return int(number.removeprefix("P-"))


def _number(row: Proposal) -> str:
    return f"P-{row.id:06}"


def _agreement(row: Proposal) -> Agreement:
    return Agreement(
        number=_number(row),
        team=row.team,
        agent=row.agent,
        tool=row.tool,
        args=json.loads(row.args),
        statement=row.statement,
        facts=json.loads(row.facts),
    )


def _outcome(desk: Desk, row: Proposal, replaces: str | None) -> Proposed:
    # A model reads it, which takes an hour in UTC for one of the shop's.
    return Proposed(
        number=_number(row),
        proposed=row.statement,
        facts=json.loads(row.facts),
        expires_at=utc(row.expires_at).astimezone(desk.settings.business_hours.zone),
        replaces=replaces,
    )


def _refused(code: str, message: str) -> TaskError:
    return TaskError(code, message, category=Category.VALIDATION, severity=Severity.LOW, transient=False)
