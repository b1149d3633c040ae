"""`backdesk desk`: what people do with the cases that agents leave to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from backdesk.cli.commands.conversations import show_turns
from backdesk.cli.connection import connected
from backdesk.cli.options.moments import rough_span
from backdesk.cli.output import AsJson, Output, facts
from backdesk.cli.safe_text import safe_block, safe_line
from backdesk.cli.views.columns import fitted
from backdesk.client.options import given
from backdesk.service.cases_contract import Case, CaseEntry
from backdesk.worker.errors import ConversationNotFound
from backdesk.worker.model.job import DEFAULT_TENANT

_COLUMNS = ("case", "priority", "due", "state", "customer", "subject")

Id = Annotated[str, typer.Argument(metavar="CASE", help="The case, such as E-000012.")]
Words = Annotated[str, typer.Argument(metavar="TEXT", help="What to say.")]
Note = Annotated[str | None, typer.Argument(metavar="NOTE", help="What the agents are to know.")]
Tenant = Annotated[str, typer.Option(metavar="NAME", help="Whose desk it is.")]
By = Annotated[str, typer.Option(metavar="NAME", envvar=["BACKDESK_COLLEAGUE", "USER"], help="Who does it.")]


def list_cases(
    *,
    tenant: Tenant = DEFAULT_TENANT,
    state: Annotated[str | None, typer.Option(metavar="open|taken|closed", help="Only these.")] = None,
    holder: Annotated[str | None, typer.Option(metavar="NAME", help="Only what this colleague has.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, metavar="N", help="How many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the cases that are not closed: what is late first, then by urgency and by when an answer was promised.

    For example:

        backdesk desk list --tenant acme --holder ada

    With --json this is one array of cases.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        cases = client.desk.list(tenant=tenant, limit=limit, **given(state=state, holder=holder))
    out.document(cases)
    if not cases:
        out.line("no cases: nobody waits for a person")
        return
    out.show(fitted(_COLUMNS, [_row(case) for case in cases], width=out.console.width))


def show(case: Id, tenant: Tenant = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Show a case: what it is about, what was done with it, and the conversation with what agents and tools did.

    For example:

        backdesk desk show E-000012 --tenant acme

    With --json this is the case with its `details` and `entries`, and the `conversation` or null.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        found = client.desk.show(case, tenant=tenant)
        (its,) = found.cases
        try:
            talk = client.conversations.get(its.conversation_id, tenant=tenant) if its.conversation_id else None
        except ConversationNotFound:
            talk = None
    conversation = talk.model_dump(mode="json") if talk else None
    out.document(found.model_dump(mode="json") | {"conversation": conversation})
    out.show(facts(iter(_facts(its))))
    _tell("details", [found.details], out)
    _tell("done", [_entry(entry) for entry in found.entries], out)
    if talk:
        show_turns(talk, out)


def take(case: Id, by: By, tenant: Tenant = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Take a case and its conversation over: the agents are silent until you hand it back or close it.

    For example:

        backdesk desk take E-000012 --by ada

    With --json this is the case.

    """
    _do("taken over", as_json, lambda desk: desk.take(case, by, tenant=tenant))


def reply(case: Id, text: Words, by: By, tenant: Tenant = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Answer the customer, in the conversation; you must have taken the case.

    For example:

        backdesk desk reply E-000012 "Your refund is on its way." --by ada

    With --json this is the case.

    """
    _do("replied", as_json, lambda desk: desk.reply(case, by, text, tenant=tenant))


def note(case: Id, text: Words, by: By, tenant: Tenant = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Note something for colleagues; neither the customer nor the agents see it.

    For example:

        backdesk desk note E-000012 "Called, nobody answered" --by ada

    With --json this is the case.

    """
    _do("noted", as_json, lambda desk: desk.note(case, by, text, tenant=tenant))


def hand_back(case: Id, by: By, text: Note = None, tenant: Tenant = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Let the agents have the conversation again, with a note that they see.

    For example:

        backdesk desk hand-back E-000012 "The refund is agreed, 10 EUR" --by ada

    With --json this is the case.

    """
    _do("handed back", as_json, lambda desk: desk.hand_back(case, by, text, tenant=tenant))


def close(case: Id, by: By, text: Note = None, tenant: Tenant = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """End a case; the agents have the conversation again.

    For example:

        backdesk desk close E-000012 --by ada

    With --json this is the case.

    """
    _do("closed", as_json, lambda desk: desk.close(case, by, text, tenant=tenant))


def rate(
    case: Id,
    score: Annotated[int, typer.Argument(min=1, max=5, metavar="SCORE", help="1 to 5, 5 the most content.")],
    comment: Annotated[str | None, typer.Argument(metavar="COMMENT", help="What the customer said.")] = None,
    tenant: Tenant = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Record how content the customer is with a closed case: the measure csat in `backdesk stats`.

    For example:

        backdesk desk rate E-000012 5 --tenant acme

    With --json this is the case.

    """
    _do("rated", as_json, lambda desk: desk.rate(case, score, comment, tenant=tenant))


def _do(done: str, as_json: bool, act: Callable[[Any], Case]) -> None:
    out = Output(as_json=as_json)
    with connected() as client, out.waiting("waiting for the desk"):
        case = act(client.desk)
    out.document(case)
    standing = "" if case.state == "closed" else f", {_standing(case)}"
    out.line(safe_line(f"{done}: {case.case}{standing}"), "green")


def _row(case: Case) -> list[str]:
    customer = safe_line(case.customer_id or "")
    return [case.case, case.priority, due(case), _standing(case), customer, safe_line(case.subject)]


def _standing(case: Case) -> str:
    return f"with {case.holder}" if case.state == "taken" else case.state


def due(case: Case) -> str:
    """Say how long there still is to answer a case, or that it was answered."""
    if case.state == "closed":
        return ""
    if case.answered_at is not None:
        return "answered"
    left = (case.due_at - datetime.now(UTC)).total_seconds()
    return f"in {rough_span(left)}" if left > 0 else f"{rough_span(-left)} late"


def _facts(case: Case) -> list[tuple[str, str]]:
    told = {
        "case": case.case,
        "subject": safe_line(case.subject),
        "state": safe_line(_standing(case)),
        "priority": f"{case.priority}{', overdue' if case.overdue else ''}",
        "due": f"{case.due_at:%Y-%m-%d %H:%M} UTC {due(case)}".rstrip(),
        "customer": safe_line(case.customer_id or ""),
        "conversation": safe_line(case.conversation_id),
        "score": str(case.score or ""),
    }
    return [(name, value) for name, value in told.items() if value]


def _entry(entry: CaseEntry) -> str:
    return f"{entry.at:%Y-%m-%d %H:%M} UTC  {entry.deed} by {entry.by}{f': {entry.text}' if entry.text else ''}"


def _tell(title: str, lines: list[str], out: Output) -> None:
    out.line("")
    out.line(title, "bold")
    for line in lines:
        out.block(safe_block(line))


#: The commands under `backdesk desk`, by name.
COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_cases,
    "show": show,
    "take": take,
    "reply": reply,
    "note": note,
    "hand-back": hand_back,
    "close": close,
    "rate": rate,
}
