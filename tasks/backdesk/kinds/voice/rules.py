"""The rules of the voice agent: what it says and does about appointments. It speaks, so that the mark is in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from backdesk.agents.offline.phrases import declined, says
from backdesk.agents.situation import Call, Reply, Say, Situation, ToolReply

_CANCEL = r"cancel|call off|delete|drop"
_MOVE = r"move|reschedule|postpone|change|another time|different time"
_LIST = r"(?:my|which|what) appointments?|when is my|do i have"
_FREE = r"free|available|availability|openings?|what times|which times|when can|when could|earliest|next slot"
_NOTHING_CHANGED = "All right, nothing was changed. What else can I do for you?"
_NO = r"no|nope|not|never mind|stop"
_HOUR = r"(?:\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_WEEKDAY = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
#: The words for a day or a time of day, as `backdesk.kinds.voice.spoken_time` understands them.
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:t[\d:.+z-]+)?"
    r"|(?:the )?day after tomorrow|tomorrow|today|tonight|yesterday"
    rf"|(?:a week (?:on|from) )?(?:next |this coming |this |of )?{_WEEKDAY}(?: the \d{{1,2}}(?:st|nd|rd|th))?"
    r"|(?:of )?(?:next|this) week"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?|(?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}"
    rf"|in (?:a|an|{_HOUR}|\d+) (?:minutes?|hours?|days?|weeks?)"
    r"|(?:in the )?(?:morning|afternoon|evening)|noon|midday|the (?:earlier|later)(?: one)?"
    rf"|(?:half past|quarter past|quarter to) {_HOUR}"
    rf"|(?:at )?\d{{1,2}}[:.]\d\d\s*(?:[ap]\.?m\b\.?)?|(?:at )?{_HOUR}\s*[ap]\.?m\b\.?|at {_HOUR}\b|{_HOUR} o'clock"
    r"|\b(?:[pmce][sd]t|[cw]es?t|gmt|utc|bst)\b"
)
_ABOUT = re.compile(
    r"\b(?:about|regarding|concerning|because of)\s+(.+?)(?=[,.!?]|\s+(?:with|on|at|tomorrow|today|next)\b|$)"
)
_CLOCK = re.compile(r"\d[:.]\d\d|[ap]\.?m\b|\bat |noon|midday|past|quarter|o'clock|t\d\d|hours?|minutes?")
_WITH = re.compile(r"\bwith ([A-Z]\w+)")


def decide(now: Situation) -> Reply:
    """Choose the next step of the scheduler."""
    if now.replies:
        return _after(now.replies[-1])
    if declined(now) and not _when(now.message):
        return _speak(_NOTHING_CHANGED)
    return _about_own(now) or _about_time(now)


def _about_own(now: Situation) -> Reply | None:
    """Choose what to do about appointments that the caller has."""
    when = _when(now.message)
    if says(_CANCEL, now.message):
        return (Call("cancel_appointment", {}),)
    if says(_MOVE, now.message):
        return (Call("move_appointment", {"when": when}),) if when else _speak("When would you like to come instead?")
    return (Call("list_appointments", {}),) if says(_LIST, now.message) else None


def _about_time(now: Situation) -> Reply:
    """Choose what to do for an appointment that the caller wants."""
    when = _when(now.message)
    if says(_FREE, now.message) or (when and not _CLOCK.search(when)):
        return (Call("find_free_times", {"day": when} | _with(now.message)),)
    if when:
        return _wanted(now, when)
    if says(_NO, now.message):
        return _speak(_NOTHING_CHANGED)
    return _speak("On which day and at what time would you like an appointment?")


def _wanted(now: Situation, when: str) -> Reply:
    """Propose what the caller wants by now: a time for the appointment that they want to move, or a new one."""
    before = next((text for text in reversed(now.said[:-1]) if not _when(text)), "")
    if says(_MOVE, before):
        return (Call("move_appointment", {"when": when}),)
    named = (found[1] for text in reversed(now.said) if (found := _ABOUT.search(text)))
    about = next((topic for topic in named if not _when(topic)), "a talk")  # "what about Friday" names no topic
    args = {"when": when, "topic": about} | _with(now.message)
    return (Call("book_appointment", args),)


def _after(reply: ToolReply) -> Reply:
    if reply.proposed or not reply.succeeded:
        return _speak(reply.proposed or reply.problem)
    return _speak(_SAID[reply.tool](reply.data))


def _done(data: Any) -> str:
    done = {"booked": "is booked for", "moved": "is now on", "cancelled": "is cancelled, which was on"}[data["change"]]
    return f"Your appointment with {data['advisor']} {done} {data['spoken']}."


def _listed(data: Any) -> str:
    own = " and ".join(f"{each['spoken']} with {each['advisor']}" for each in data["appointments"])
    return f"You have {own}." if own else "You have no appointment."


def _free(data: Any) -> str:
    times = " and ".join(each["spoken"] for each in data["times"])
    return f"Free are {times}. Which one suits you?" if times else "Nothing is free then, I am sorry."


#: How to say what a tool has returned.
_SAID: dict[str, Callable[[Any], str]] = {
    "book_appointment": _done,
    "move_appointment": _done,
    "cancel_appointment": _done,
    "list_appointments": _listed,
    "find_free_times": _free,
}


def _speak(text: str) -> Say:
    """Say it, marked as the offline model's without a sentence or a sign more."""
    return Say(f"Offline model: {text}")


def _when(text: str) -> str:
    return " ".join(found.strip() for found in _TIME.findall(text.lower()))


def _with(text: str) -> dict[str, str]:
    named = _WITH.search(text)
    return {"advisor": named[1]} if named else {}
