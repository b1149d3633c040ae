"""The reply to a waiting job: a decision, a text, or what became of a step of unknown outcome.

Checked here against what the job asks, and turned into what the store needs to let it go on. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from backdesk.worker.errors import AskUnknown, InvalidRequest, PayloadTooLarge
from backdesk.worker.failure import Failure, support_reference
from backdesk.worker.model.asks import DONE, FAIL, OUTCOMES, Answer, Ask, AskType
from backdesk.worker.model.contract import encode_json, field_errors


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody says to a job. `ask` names what it answers; None when only one thing can be meant.

    `said` is a decision, a choice or a text; `result` is that of a step that was found done.
    """

    type: AskType
    said: str
    by: str = ""
    note: str = ""
    ask: str | None = None
    result: Any = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """A reply in the form in which the store takes it: the ask's name, the entry of the ledger, event and failure."""

    name: str
    entry: bytes
    event: bytes
    failure: Failure | None


def settlement_of(
    job_id: str, attempt: int, asks: Sequence[Ask], reply: Reply, *, max_event_bytes: int, max_result_bytes: int
) -> Settlement:
    """Check a reply to a job that waits for `asks` since this attempt. Raises AskUnknown or InvalidRequest."""
    ask = _meant(job_id, reply, asks)
    answer = _answer(reply, ask)
    event = _limited("answer", encode_json("answer", _event(ask, answer)), max_event_bytes)
    fails = reply.type is AskType.OUTCOME and answer.decision == FAIL
    failure = _failure(job_id, attempt, ask, answer) if fails else None
    return Settlement(ask.name, _entry(reply, answer, max_result_bytes), event, failure)


def check_outcome(outcome: str, result: Any) -> None:
    """Raise InvalidRequest for what cannot have become of a step, or a result of a step that is not done."""
    if outcome not in OUTCOMES:
        raise InvalidRequest("outcome", f"{outcome!r} must be one of {', '.join(OUTCOMES)}")
    if result is not None and outcome != DONE:
        raise InvalidRequest("result", f"goes with {DONE!r}; a step to {outcome} has none")


def _meant(job_id: str, reply: Reply, asks: Sequence[Ask]) -> Ask:
    fitting = [ask for ask in asks if ask.type is reply.type and reply.ask in {None, ask.name}]
    if len(fitting) == 1:
        return fitting[0]
    wanted = f"{reply.type} {reply.ask!r}" if reply.ask else str(reply.type)
    reason = "there is more than one; name the one you mean (ask)" if fitting else "there is none"
    raise AskUnknown(job_id, wanted, reason, {ask.name: str(ask.type) for ask in asks})


def _answer(reply: Reply, ask: Ask) -> Answer:
    if not isinstance(reply.said, str) or not reply.said:
        raise InvalidRequest("answer", "must be a text, and not empty")
    if ask.choices and reply.said not in ask.choices:
        raise InvalidRequest("answer", f"{reply.said!r} is none of the choices: {', '.join(ask.choices)}")
    in_words = ask.type is AskType.QUESTION and not ask.choices
    said = {"value": reply.said} if in_words else {"decision": reply.said}
    try:
        return Answer(**said, by=reply.by, note=reply.note, at=datetime.now(UTC))
    except ValidationError as error:
        raise InvalidRequest.of(field_errors(error)) from None


def _entry(reply: Reply, answer: Answer, max_result_bytes: int) -> bytes:
    """Return what the job finds in its ledger; nothing at all lets a step run again."""
    if reply.type is not AskType.OUTCOME:
        return encode_json("answer", {"state": "done", "value": answer})
    if answer.decision != DONE:
        return b""
    entry = b'{"state":"done","value":%b}' % encode_json("result", reply.result)
    return _limited("result", entry, max_result_bytes)


def _limited(field: str, encoded: bytes, limit: int) -> bytes:
    if len(encoded) > limit:
        raise PayloadTooLarge(field, len(encoded), limit)
    return encoded


def _event(ask: Ask, answer: Answer) -> dict[str, Any]:
    said = {"decision": answer.decision} if answer.decision else {"value": answer.value}
    return {"name": ask.name, **said, "by": answer.by, "note": answer.note}


def _failure(job_id: str, attempt: int, ask: Ask, answer: Answer) -> Failure:
    who, why = answer.by or "somebody", answer.note or "no reason given"
    step = ask.facts.get("step", ask.name)
    return Failure(
        code="step_failed",
        message=f"step {step!r} was declared failed by {who}: {why}",
        reference=support_reference(job_id, attempt),
    )
