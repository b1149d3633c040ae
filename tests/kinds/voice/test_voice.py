"""Calls: the voice agent with the offline model over several messages, and over HTTP; on Tuesday, March 24, 2026."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from backdesk.agents.failures import ModelFailure
from backdesk.kinds.voice.contract import ScheduleRequest, ScheduleResult
from backdesk.kinds.voice.kind import voice_schedule
from backdesk.kinds.voice.tables import TakenSlot
from backdesk.platform.database import Database
from backdesk.quality import Draft
from backdesk.quality.speech import SPEECH
from backdesk.worker.attempt.classification import classify
from backdesk.worker.attempt.registry import REGISTRY
from tests.kinds.voice.callers import empty_calendar
from tests.support.memory import dying
from tests.support.openai_simulator import OpenAISimulator, Text, call
from tests.support.recording import Recording, context_of, converse

FAILURE = classify(ModelFailure("model_unavailable", "The model provider could not be reached."))

NOW = datetime(2026, 3, 24, 9, 20, tzinfo=UTC)
PROPOSE = call("book_appointment", when="tomorrow at 3 pm", topic="a lamp")
READ_BACK = Text("Shall I book Wednesday, March 25, at 3 PM with Nora?")
DONE = Text("Your appointment is booked for Wednesday, March 25, at 3 PM.")


@pytest.fixture(autouse=True)
def calendar(shop: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(Database, "now", lambda _: NOW)
    empty_calendar(shop)
    return shop


def said(message: str, customer: str | None = "cust-1") -> ScheduleRequest:
    return ScheduleRequest(message=message, customer_id=customer, conversation_id="call")


async def calling(*messages: str, customer: str | None = "cust-1", first: int = 0) -> list[ScheduleResult]:
    """Say messages in one call, each a job; everything that is answered can be said aloud."""
    results = [
        await converse(voice_schedule, said(message, customer), f"job-{number}")
        for number, message in enumerate(messages, first)
    ]
    for result in results:
        assert [check.fault(Draft(result.answer)) for check in SPEECH] == [None, None, None], result.answer
    return results


def booked(calendar: Database) -> int:
    with calendar.of_all_tenants().read() as session:
        return len(session.scalars(select(TakenSlot).filter_by(tenant="default")).all())


async def test_a_call_goes_from_a_wish_over_the_details_and_a_yes_to_an_appointment(calendar: Database) -> None:
    asked, proposed, done = await calling("I need help about my router", "tomorrow at three", "Yes, please")
    assert asked.clarifying
    assert "Shall I book Wednesday, March 25, at 3 PM with Nora?" in proposed.answer
    assert proposed.clarifying
    assert proposed.proposal is not None
    assert (proposed.proposal.facts["topic"], proposed.actions) == ("my router", [])
    assert done.appointment is not None
    assert (done.appointment.change, done.appointment.starts_at.hour) == ("booked", 14)
    assert (done.actions, done.proposal, done.clarifying) == ([done.appointment], None, False)
    assert booked(calendar) == 1


async def test_an_appointment_is_moved_and_cancelled_by_voice(calendar: Database) -> None:
    results = await calling(
        "tomorrow at 3 pm", "yes", "Move it to Friday at half past ten", "sure", "What are my appointments?"
    )
    assert results[3].appointment is not None
    assert results[3].appointment.change == "moved"
    assert "Friday, March 27, at 10:30 AM" in results[4].answer
    cancelled = await calling("Please cancel it", "ok", first=5)
    assert cancelled[1].appointment is not None
    assert booked(calendar) == 0


@pytest.mark.parametrize(
    "reply",
    ["no", "Wait", "Is that in the shop?", "Da habe ich leider keine Zeit", "No, do not book that", "Nein", "いいえ"],
)
async def test_what_is_no_yes_books_nothing_and_a_later_yes_is_to_something_else(
    calendar: Database, reply: str
) -> None:
    _, after, late = await calling("tomorrow at 3 pm", reply, "yes")
    assert [after.proposal, after.appointment, late.proposal, late.appointment] == [None] * 4
    assert booked(calendar) == 0


@pytest.mark.parametrize("yes", ["Yes, no problem", "vale", "genau", "はい", "вполне, да"])
async def test_a_yes_in_any_language_books_what_was_read_back(calendar: Database, yes: str) -> None:
    _, done = await calling("tomorrow at 3 pm", yes)
    assert done.appointment is not None
    assert booked(calendar) == 1


async def test_another_day_is_proposed_and_the_first_one_not_booked(calendar: Database) -> None:
    _, other = await calling("about my router, next Tuesday at 3 pm", "okay what about friday at five in the afternoon")
    assert (other.appointment, booked(calendar)) == (None, 0)
    assert other.proposal is not None
    assert "Friday, March 27, at 5 PM" in other.answer
    assert other.proposal.facts["topic"] == "my router", "the day is no topic"


@pytest.mark.parametrize(
    "when", ["Thursday of next week", "next week on Thursday", "a week on Thursday", "Thursday the 2nd"]
)
async def test_a_day_of_another_week_is_proposed(when: str) -> None:
    (proposed,) = await calling(f"about my router, {when} at 3 pm")
    assert "Thursday, April 2, at 3 PM" in proposed.answer


async def test_what_is_free_in_the_next_week_begins_on_its_first_working_day() -> None:
    (free,) = await calling("What is free next week?")
    assert "Free are Monday, March 30, at 9 AM" in free.answer


async def test_who_has_no_time_cancels_nothing_by_saying_so(calendar: Database) -> None:
    *_, after = await calling("tomorrow at 3 pm", "yes", "cancel my appointment", "Da habe ich leider keine Zeit")
    assert (after.appointment, booked(calendar)) == (None, 1)


async def test_a_yes_with_a_but_is_a_new_proposal() -> None:
    _, other, done = await calling("tomorrow at 3 pm", "Yes, but at 4 pm", "yes")
    assert other.appointment is None
    assert "Tuesday, March 24, at 4 PM" in other.answer
    assert done.appointment is not None
    assert done.appointment.starts_at.hour == 15


async def test_a_taken_time_is_answered_with_others() -> None:
    *_, other = await calling("tomorrow at 3 pm with Nora", "yes", "tomorrow at 3 pm with Nora")
    assert "That time is taken. Would Wednesday, March 25, at 3:30 PM or" in other.answer
    assert other.clarifying


async def test_free_times_are_told_to_anybody_and_nothing_is_booked_for_them(calendar: Database) -> None:
    free, refused = await calling("What is free next Monday?", "Monday at 9 am", customer=None)
    assert "Monday, March 30, at 9 AM" in free.answer
    assert "sign in" in refused.answer
    assert booked(calendar) == 0


def test_a_time_zone_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValidationError, match="IANA"):
        ScheduleRequest(message="hello", time_zone="Europe/Atlantis")


# --- over HTTP ---


YES = call("give_answer", verdict="confirm")


@pytest.mark.parametrize("watched", [False, True])
async def test_a_model_proposes_and_tells_what_came_of_it(provider: OpenAISimulator, watched: bool) -> None:
    provider.will(PROPOSE, READ_BACK, YES, DONE)
    sink = Recording(watched=watched)
    first = await converse(voice_schedule, said("tomorrow at 3 pm, about a lamp"), "job-1", sink=sink)
    second = await converse(voice_schedule, said("Yes"), "job-2", sink=sink)
    assert (first.answer, first.clarifying, first.actions) == (READ_BACK.text, True, [])
    assert (second.answer, second.clarifying) == (DONE.text, False)
    assert second.appointment is not None
    assert "ask_customer" not in provider.requests[0].tools
    assert "Confirmed by the customer" in "\n".join(provider.requests[3].texts("system"))


async def test_a_model_cannot_book_what_the_caller_has_not_agreed_to(
    provider: OpenAISimulator, calendar: Database
) -> None:
    provider.will(PROPOSE, PROPOSE, READ_BACK)
    await converse(voice_schedule, said("Book tomorrow at 3 pm, yes"), "job-1")
    assert "Nothing is done yet" in str(provider.requests[2].body["messages"])
    provider.will(call("give_answer", verdict="change"), PROPOSE, READ_BACK)
    await converse(voice_schedule, said("No, that is too late"), "job-2")
    assert booked(calendar) == 0


@pytest.mark.parametrize(
    ("draft", "mend"),
    [
        ("**Booked?** Shall I book it for Wednesday, March 25?", "without"),
        ("Fine. That is free. Shall I book it?", "2 sentences"),
        ("Shall I book 2026-03-25 for you?", "weekday"),
    ],
)
async def test_what_cannot_be_said_aloud_is_mended_before_it_is_spoken(
    provider: OpenAISimulator, draft: str, mend: str
) -> None:
    provider.will(PROPOSE, Text(draft), READ_BACK)
    sink = Recording(watched=True)
    result = await converse(voice_schedule, said("tomorrow at 3 pm, about a lamp"), sink=sink)
    assert result.answer == READ_BACK.text == "".join(sink.tokens)
    assert mend in str(provider.requests[2].body["messages"][-1])


async def test_an_answer_that_hides_what_is_proposed_is_mended(provider: OpenAISimulator) -> None:
    provider.will(PROPOSE, Text("Shall I book that for you?"), READ_BACK)
    result = await converse(voice_schedule, said("tomorrow at 3 pm, about a lamp"))
    assert result.answer == READ_BACK.text
    assert "must see what is proposed" in str(provider.requests[2].body["messages"][-1])


async def test_who_wants_noon_is_not_asked_about_eleven_and_not_told_of_it(provider: OpenAISimulator) -> None:
    at_noon = call("book_appointment", when="tomorrow at noon", topic="a lamp")
    asked, wrong = "Shall I book Wednesday, March 25, at {} with Nora?", Text("It is booked for Wednesday at 11 AM.")
    provider.will(at_noon, Text(asked.format("11 AM")), Text(asked.format("noon")))
    first = await converse(voice_schedule, said("tomorrow at noon, about a lamp"), "job-1")
    assert first.answer == asked.format("noon")
    provider.will(YES, wrong, Text("It is booked for Wednesday, March 25, at noon."))
    second = await converse(voice_schedule, said("yes"), "job-2")
    assert second.answer == "It is booked for Wednesday, March 25, at noon."


async def test_what_a_model_goes_on_hiding_is_put_under_its_answer(provider: OpenAISimulator) -> None:
    provider.will(PROPOSE, *[Text("Shall I book that for you?")] * 4)
    sink = Recording(watched=True)
    result = await converse(voice_schedule, said("tomorrow at 3 pm, about a lamp"), sink=sink)
    assert result.answer == f"Shall I book that for you?\n\n{READ_BACK.text}" == "".join(sink.tokens)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", range(1, 8))
async def test_an_attempt_that_dies_anywhere_books_once(
    provider: OpenAISimulator, calendar: Database, write: int, when: str
) -> None:
    provider.will(PROPOSE, READ_BACK)
    await converse(voice_schedule, said("tomorrow at 3 pm, about a lamp"), "job-1")
    provider.rule = lambda request: YES if request.tools == {"give_answer"} else DONE
    memory = dying("job-2", when, write, kind="voice.schedule")
    result = await memory.finish(voice_schedule, said("yes"))
    assert result.appointment.change == "booked"
    assert booked(calendar) == 1


async def test_a_caller_hears_of_a_failure_in_words_that_can_be_said() -> None:
    await calling("tomorrow at 3 pm", "yes")
    apologize = REGISTRY["voice.schedule"].fallback
    assert apologize is not None
    results = [await apologize(context_of(Recording(), job), said("yes"), FAILURE) for job in ("job-1", "job-9")]
    assert results[0].appointment is not None
    assert "is booked" in results[0].answer
    assert "call you back" in results[1].answer
    assert all(check.fault(Draft(each.answer)) is None for each in results for check in SPEECH)


async def test_an_answer_that_leaves_out_the_time_of_what_was_booked_has_it_said_after_it(
    provider: OpenAISimulator, calendar: Database
) -> None:
    provider.will(PROPOSE, READ_BACK, YES, Text("All right, see you then."))
    await converse(voice_schedule, said("tomorrow at 3 pm, about a lamp"), "job-1")
    result = await converse(voice_schedule, said("yes"), "job-2")
    assert result.answer.endswith("Your appointment is booked: Wednesday, March 25, at 3 PM.")
