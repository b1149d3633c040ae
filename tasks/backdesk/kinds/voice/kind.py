"""The kind `voice.schedule`: appointments over the telephone, in words that can be read aloud.

Nothing is booked, moved or cancelled unless it was read back and the caller's next words say yes: the tools have terms.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from backdesk.agents import Action, Agent, Context, Desk, Team, agent_task, converse
from backdesk.kinds.voice.contract import PHRASES, AppointmentChanged, ScheduleRequest, ScheduleResult
from backdesk.kinds.voice.rules import decide
from backdesk.kinds.voice.spoken_time import tell
from backdesk.kinds.voice.tools.appointments import (
    book_appointment,
    cancel_appointment,
    list_appointments,
    move_appointment,
)
from backdesk.kinds.voice.tools.times import find_free_times, resolve_time, zone_of
from backdesk.quality import DEFAULT_CHECKS, QualityGate
from backdesk.quality.speech import SPEECH
from backdesk.service.apology import apology
from backdesk.worker.attempt.context import TaskContext

PROMPTS = Path(__file__).with_name("prompts")


class VoiceContext(Context):
    """What is known in a call besides the words."""

    time_zone: str | None = None


async def briefing(desk: Desk[VoiceContext]) -> str:
    """Tell the agent what time it is for the caller."""

    def work() -> str:
        with desk.database.read() as session:
            zone = zone_of(session, desk)
        return f"For the caller it is {tell(desk.database.now(), zone)} now ({zone.key})."

    return await desk.database.in_thread(work)


SCHEDULER = Agent(
    "scheduler",
    PROMPTS / "scheduler.md",
    duty="Finding a time",
    tools=(
        resolve_time,
        find_free_times,
        list_appointments,
        book_appointment,
        move_appointment,
        cancel_appointment,
    ),
    # Its questions are spoken too, and are reviewed with the rest of what it says.
    asks=False,
    briefing=briefing,
    # Two sentences take up little of what was said: the checks decide, and only what is rude falls below this.
    quality=QualityGate(checks=(*DEFAULT_CHECKS, *SPEECH), threshold=0.3),
)
VOICE = Team("voice", (SCHEDULER,), rules=decide, context=VoiceContext)


@agent_task(
    "voice.schedule",
    agents=VOICE,
    fallback=apology(ScheduleResult, VOICE, phrases=PHRASES, more=lambda done: {"appointment": _changed(done)}),
)
async def voice_schedule(ctx: TaskContext, request: ScheduleRequest) -> ScheduleResult:
    """Make, move and cancel appointments by voice: details are repeated, and done after the caller's yes."""
    known = {"time_zone": request.time_zone} if request.time_zone else {}
    exchange = await converse(ctx, VOICE, request, VoiceContext.model_validate(known))
    result = exchange.result(ScheduleResult)
    expects = result.clarifying or result.answer.rstrip().endswith("?")
    return result.model_copy(update={"clarifying": expects, "appointment": _changed(result.actions)})


def _changed(actions: Iterable[Action]) -> AppointmentChanged | None:
    return next((action for action in actions if isinstance(action, AppointmentChanged)), None)
