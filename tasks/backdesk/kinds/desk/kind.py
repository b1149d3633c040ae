"""The kind `service.desk`: what people do with cases.

What a customer or an agent is to see of it is a turn of the conversation, written by this job in its place among the
customer's messages. Who has the conversation is a fact of its last turn, so that agents learn it with the words.
"""

from __future__ import annotations

import logging
from typing import Any

from backdesk.agents import rating
from backdesk.agents.phrases import DEFAULT
from backdesk.agents.runtime import said_by_customer, words_of_deployment
from backdesk.agents.with_person import carried, held, is_with_person, note_to_agents, person_says
from backdesk.platform.deployment import deployment
from backdesk.quality.language import language_of
from backdesk.service import cases
from backdesk.service.cases_contract import DESK, Case, Deed, DeskRequest, DeskResult
from backdesk.service.contract import PHRASES
from backdesk.service.notification import NOTIFY
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import InvalidRequest, TaskError
from backdesk.worker.failure import Category
from backdesk.worker.memory.conversation import Conversation

_log = logging.getLogger(__name__)

#: How long what people looked at is kept.
RETENTION_S = 3600.0
#: How many of the last turns tell in which language the customer writes.
MOST_READ = 20


@task(DESK, queue="tools", retention=RETENTION_S)
def service_desk(ctx: BlockingContext, request: DeskRequest) -> DeskResult:
    """List cases for people, show one, take it, reply, note, hand it back to the agents, or close it."""
    database, key = deployment().database.of(ctx.tenant), ctx.idempotency_key("desk")
    match request.act:
        case "list":
            return cases.queue(database, ctx.tenant, request)
        case "show":
            return cases.show(database, ctx.tenant, request.case or "")
        case "escalate_overdue":
            raised = cases.escalate_overdue(database, ctx.tenant, key)
            for case in raised.cases:
                _tell_overdue(ctx, case)
            return raised
        case _:
            _check_turn(request, cases.show(database, ctx.tenant, request.case or ""))
            done = cases.act(database, ctx.tenant, request, key)
            _tell(ctx, request, done)
            return done


def _check_turn(request: DeskRequest, found: DeskResult) -> None:
    """Raise TaskError for what belongs into a conversation and does not come in its turn."""
    (case,) = found.cases
    if request.act in _TURNS and request.conversation_id != (case.conversation_id or None):
        where = f"{case.case} is of conversation {case.conversation_id!r}"
        raise TaskError("wrong_conversation", f"{where}: send that as conversation_id.", category=Category.VALIDATION)


def _tell_overdue(ctx: BlockingContext, case: Case) -> None:
    text = f"{case.case} is overdue since {case.due_at:%F %R} UTC: {case.subject}"
    _notify(ctx, f"overdue:{case.case}", to="staff", event="case.overdue", text=text, data=_told(case))
    if deployment().settings.mail_customers and case.customer_id:
        talk = case.conversation_id  # a ticket of a version before has none
        language = _language(ctx.recall(talk, newest=MOST_READ, anyone=True)) if talk else DEFAULT
        text = PHRASES.say("overdue", language, case=case.case)
        _notify_customer(ctx, "overdue", case, text, language)


def _tell(ctx: BlockingContext, request: DeskRequest, done: DeskResult) -> None:
    """Write into the conversation what was done, and keep what it says in statistics."""
    (case,) = done.cases
    if request.act == "rate" and request.score is not None and not request.counted:
        ctx.measure("csat", request.score)
    if request.act not in _TURNS or not case.conversation_id:  # a ticket of a version before has none
        return
    past = ctx.recall(case.conversation_id, newest=MOST_READ, anyone=True)
    keeper: Case | None = case
    if request.act not in ("take", "reply"):
        keeper = cases.kept_by(deployment().database.of(ctx.tenant), ctx.tenant, case.conversation_id)
    with_agents = keeper is None and is_with_person(past)
    said = _TURNS[request.act](request, done, with_agents)
    if request.act == "reply" and request.text:
        _notify_customer(ctx, "replied", case, request.text, _language(past), by=request.by)
    facts = {**carried(past), **(_held(keeper) if keeper else {})}
    if request.act == "close":
        notice, asked = _close(ctx, case, past)
        said, facts = [*said, *notice], facts | asked
    ctx.remember(case.conversation_id, said, facts=facts, anyone=True)


def _held(keeper: Case) -> dict[str, Any]:
    text = f"{keeper.case}: the customer has written to {keeper.holder}"
    notification = {"to": "staff", "event": "case.message", "text": text, "data": _told(keeper) | {"by": keeper.holder}}
    return held(keeper.case, keeper.holder, NOTIFY, notification)


def _close(ctx: BlockingContext, case: Case, past: Conversation) -> tuple[list[Any], dict[str, Any]]:
    """Tell the customer, and ask how content they are if that is wanted; return words and facts for the turn."""
    language, asks = _language(past), deployment().settings.ask_rating
    text, asked = PHRASES.say("closed", language, case=case.case), {}
    if asks:
        text = f"{text} {rating.question(language)}"
        asked = rating.asked(DESK, {"act": "rate", "case": case.case, "counted": True}, language)
    _notify_customer(ctx, "closed", case, text, language)
    return words_of_deployment(text), asked


def _language(past: Conversation) -> str:
    words = said_by_customer([message for turn in past.turns for message in turn.messages])
    return next(filter(None, map(language_of, reversed(words))), DEFAULT)


def _told(case: Case) -> dict[str, Any]:
    return case.model_dump(mode="json", include={"case", "customer_id", "conversation_id"})


def _notify_customer(ctx: BlockingContext, deed: Deed, case: Case, text: str, language: str, **more: Any) -> None:
    told = {"event": f"case.{deed}", "text": text, "language": language, "data": _told(case) | more}
    _notify(ctx, f"{deed}:{case.case}:customer", to="customer", **told)


def _notify(ctx: BlockingContext, key: str, **notification: Any) -> None:
    """Have something told, if there is a worker that can; the case is in the queue in any case."""
    try:
        ctx.start(NOTIFY, notification, key)
    except InvalidRequest as error:  # UnknownKind among it, and what the tenant may not have
        _log.warning("not_started", extra={"key": key, "kind": NOTIFY, "reason": str(error)})


def _take_over(_request: DeskRequest, _done: DeskResult, _with_agents: bool) -> list[Any]:
    return []


def _reply(request: DeskRequest, _done: DeskResult, _with_agents: bool) -> list[Any]:
    return person_says(request.by or "", request.text or "")


def _leave(request: DeskRequest, done: DeskResult, with_agents: bool) -> list[Any]:
    """Tell the agents what their colleague has really done; they may not have spoken, or never had the conversation."""
    (case,) = done.cases
    spoken = any((entry.deed, entry.by) == ("replied", request.by) for entry in done.entries)
    deeds = ["spoken with the customer"] if spoken else []
    deeds.append(f"{'closed' if request.act == 'close' else 'left'} the case {case.case}")
    if with_agents:
        deeds.append("handed the conversation back to you")
    note = f"Your colleague {request.by} has {', '.join(deeds[:-1])}{' and ' if deeds[1:] else ''}{deeds[-1]}."
    return note_to_agents(f"{note} They note: {request.text}" if request.text else note)


#: What each act adds to the conversation, given what it came to, and whether agents have the conversation again by it.
_TURNS = {"take": _take_over, "reply": _reply, "hand_back": _leave, "close": _leave}
