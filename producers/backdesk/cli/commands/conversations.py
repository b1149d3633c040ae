"""`backdesk conversations`: what was said in them, and erasing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.options.moments import rough_span
from backdesk.cli.output import AsJson, Output, facts
from backdesk.cli.safe_text import safe_block, safe_line
from backdesk.cli.views.columns import fitted
from backdesk.cli.views.transcript import AGENT, CUSTOMER, utterances
from backdesk.worker.errors import ConversationNotFound
from backdesk.worker.memory.conversation import Conversation, Head, Turn
from backdesk.worker.model.job import DEFAULT_TENANT

_COLUMNS = ("conversation", "customer", "turns", "messages", "last turn", "")
_STYLES = {CUSTOMER: "bold cyan", AGENT: "bold"}

Id = Annotated[str, typer.Argument(metavar="ID", help="The conversation, by its conversation_id.")]
Tenant = Annotated[str, typer.Option(metavar="NAME", help="Whose conversation it is.")]


def list_conversations(
    tenant: Tenant = DEFAULT_TENANT,
    limit: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List a tenant's conversations, the one that was spoken in last first.

    For example:

        backdesk conversations list --tenant acme --limit 5

    With --json this is one array of conversations, without their turns.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        heads = client.conversations.list(tenant=tenant, limit=limit)
    out.document(heads)
    if not heads:
        out.line(f"no conversations of tenant {tenant}; one begins with: backdesk submit KIND --conversation NAME")
        return
    out.show(fitted(_COLUMNS, [_row(head) for head in heads], width=out.console.width, numbers=("turns", "messages")))


def _row(head: Head) -> list[str]:
    return [
        safe_line(head.conversation_id),
        safe_line(head.owner or ""),
        str(head.turns),
        str(head.messages),
        _ago(head.updated_at),
        "closed" if head.closed_at else "",
    ]


def show(conversation_id: Id, tenant: Tenant = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Show a conversation: who said what, in full, and what the agents did.

    For example:

        backdesk conversations show c-17 --tenant acme

    With --json this is the conversation: its head, and its turns with the messages as they are kept.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        conversation = client.conversations.get(conversation_id, tenant=tenant)
    out.document(conversation)
    out.show(facts(_facts(conversation)))
    show_turns(conversation, out)


def show_turns(conversation: Conversation, out: Output) -> None:
    """Print who said and did what, turn by turn."""
    for turn in conversation.turns:
        _show_turn(turn, out)


def _facts(conversation: Conversation) -> Iterator[tuple[str, str]]:
    head = conversation.head
    yield "conversation", safe_line(head.conversation_id)
    yield "tenant", safe_line(head.tenant)
    if head.owner:
        yield "customer", safe_line(head.owner)
    yield "begun", _ago(head.started_at)
    yield "last turn", _ago(head.updated_at)
    if head.closed_at:
        yield "closed", _ago(head.closed_at)
    dropped = f", and {head.dropped} older turns that are no longer kept" if head.dropped else ""
    yield "said", f"{head.messages} messages in {head.turns} turns{dropped}"


def _keeper(turn: Turn) -> str:
    """Say which person has the conversation from this turn on: one that takes it says nothing."""
    fact = turn.facts.get("with_person")
    return f", with {safe_line(str(fact.get('by')))}" if isinstance(fact, dict) else ""


def _show_turn(turn: Turn, out: Output) -> None:
    out.line("")
    asked = ", ends in a question" if turn.asked else ""
    out.line(f"turn {turn.number}, {turn.at:%Y-%m-%d %H:%M:%S} UTC, job {turn.job_id}{asked}{_keeper(turn)}", "dim")
    for said in utterances(turn.messages):
        out.line(f"{said.who}:", _STYLES.get(said.who, "dim"))
        out.block("\n".join(f"  {line}" for line in safe_block(said.text).splitlines()))


def _ago(moment: datetime | None) -> str:
    return f"{rough_span(max((datetime.now(UTC) - moment).total_seconds(), 0))} ago" if moment else ""


def forget(conversation_id: Id, tenant: Tenant = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Erase what was said in a conversation, for good. Its jobs are kept until their retention has passed.

    For example:

        backdesk conversations forget c-17 --tenant acme

    """
    out = Output(as_json=as_json)
    with connected() as client:
        if not client.conversations.forget(conversation_id, tenant=tenant):
            raise ConversationNotFound(conversation_id, tenant)
    out.document({"forgotten": conversation_id, "tenant": tenant})
    out.line(f"forgot conversation {conversation_id} of tenant {tenant}")


#: The commands under `backdesk conversations`, by name.
COMMANDS: dict[str, Callable[..., None]] = {"list": list_conversations, "show": show, "forget": forget}
