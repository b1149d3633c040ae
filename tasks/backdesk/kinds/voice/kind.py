"""The kind `voice.schedule`: appointments over the telephone, in words that can be read aloud.

Nothing is booked, moved or cancelled unless it was read back and the caller's next words are a yes. What they have said
is looked at here, and what was proposed is dropped from the context by anything else, so that no model decides it.
"""

from __future__ import annotations

from pathlib import Path

from backdesk.agents import Agent, Context, Desk, Team, agent_task, converse
from backdesk.kinds.voice.affirmation import affirms
from backdesk.kinds.voice.contract import AppointmentChanged, ProposedAppointment, ScheduleRequest, ScheduleResult
from backdesk.kinds.voice.rules import decide
from backdesk.kinds.voice.spoken_time import tell
from backdesk.kinds.voice.tools.appointments import confirm_proposal, list_appointments
from backdesk.kinds.voice.tools.proposals import Proposal, propose_appointment, propose_cancellation, propose_move
from backdesk.kinds.voice.tools.times import find_free_times, resolve_time, zone_of
from backdesk.quality import DEFAULT_CHECKS, QualityGate
from backdesk.quality.speech import SPEECH
from backdesk.service.apology import apology
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.failure import Failure

PROMPTS = Path(__file__).with_name("prompts")

_SORRY = "I am sorry, I could not finish this now. A colleague will call you back."
_LATER = "I am sorry, I could not finish this now. Please call again a little later."


class VoiceContext(Context):
    """What is known in a call besides the words."""

    time_zone: str | None = None
    #: What was read back to the caller last, and whether their last words were a yes.
    proposal: Proposal | None = None
    affirmed: bool = False


async def briefing(desk: Desk[VoiceContext]) -> str:
    """Tell the agent what time it is for the caller, and what they have been asked."""

    def work() -> str:
        with desk.database.read() as session:
            zone = zone_of(session, desk)
        return f"For the caller it is {tell(desk.database.now(), zone)} now ({zone.key})."

    lines = [await desk.database.in_thread(work)]
    if (proposed := desk.context.proposal) is not None:
        lines.append(
            f"Proposed, to be {proposed.change}: {proposed.spoken} with {proposed.advisor}, {proposed.topic}, "
            f"{proposed.minutes} minutes."
        )
        if desk.context.affirmed and proposed.turn != desk.key("turn"):
            lines.append("The caller has said yes to it: confirm it now.")
    return "\n".join(lines)


SCHEDULER = Agent(
    "scheduler",
    PROMPTS / "scheduler.md",
    duty="Finding a time",
    tools=(
        resolve_time,
        find_free_times,
        list_appointments,
        propose_appointment,
        propose_move,
        propose_cancellation,
        confirm_proposal,
    ),
    # Its questions are spoken too, and are reviewed with the rest of what it says.
    asks=False,
    briefing=briefing,
    # Two sentences take up little of what was said: the checks decide, and only what is rude falls below this.
    quality=QualityGate(checks=(*DEFAULT_CHECKS, *SPEECH), threshold=0.3),
)
VOICE = Team("voice", (SCHEDULER,), rules=decide, context=VoiceContext)

_apologize = apology(ScheduleResult, VOICE)


async def apologize(ctx: TaskContext, request: ScheduleRequest, failure: Failure) -> ScheduleResult:
    """Say so when the agent could not finish, and what has been done by then."""
    result = await _apologize(ctx, request, failure)
    changed = _changed(result)
    said = _SORRY if result.actions else _LATER
    if changed is not None:
        said = f"Your appointment is {changed.change}. A colleague will call you back about the rest."
    return result.model_copy(update={"answer": said, "appointment": changed})


@agent_task("voice.schedule", fallback=apologize)
async def voice_schedule(ctx: TaskContext, request: ScheduleRequest) -> ScheduleResult:
    """Make, move and cancel appointments by voice: details are repeated, and done after the caller's yes."""
    known = {"time_zone": request.time_zone} if request.time_zone else {}
    heard = {"affirmed": True} if affirms(request.message) else {"affirmed": False, "proposal": None}
    exchange = await converse(ctx, VOICE, request, VoiceContext.model_validate({**known, **heard}))
    proposed = exchange.context.proposal
    shown = proposed and ProposedAppointment(**proposed.model_dump(exclude={"key", "turn"}))
    result = exchange.result(ScheduleResult, proposed=shown)
    expects = shown is not None or result.answer.rstrip().endswith("?")
    return result.model_copy(update={"clarifying": expects, "appointment": _changed(result)})


def _changed(result: ScheduleResult) -> AppointmentChanged | None:
    return next((action for action in result.actions if isinstance(action, AppointmentChanged)), None)
