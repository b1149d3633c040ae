"""How the specialists that ship answer where no model is configured: by their tools, and marked as that."""

from __future__ import annotations

import re
from datetime import date

from backdesk.agents.offline.phrases import say
from backdesk.agents.situation import Call, Reply, Situation, ToolReply
from backdesk.kinds.route.expressions import expression_in
from backdesk.kinds.route.weather import place_in

_FENCE = re.compile(r"```(\w+)?[ \t]*\n(.*?)```", re.DOTALL)
#: Whether the customer wants to know what the code does, too.
_RUN = re.compile(r"\b(run|runs|execute|executes|prints?|outputs?)\b", re.IGNORECASE)
_TODAY = re.compile(r"Today is (\d{4}-\d\d-\d\d)")


def weather(now: Situation) -> Reply:
    """Look up the place that the message names."""
    if replies := now.replies_of("look_up_weather"):
        reply = replies[-1]
        if not reply.succeeded:
            return say(reply.problem)
        days = "; ".join(_day(each) for each in reply.data["days"])
        return say(f"{reply.data['place']}: {days}. Source: {reply.data['source']}.")
    place = place_in(now.message) or _name_in(now.message)
    return (Call("look_up_weather", {"place": place}),) if len(place) > 1 else say("Of which place?")


def _name_in(message: str) -> str:
    """Return the last word with a capital that is not the first, as names have one; else the last word."""
    words = re.findall(r"[\w'-]+", message)
    return next((word for word in reversed(words[1:]) if word[0].isupper()), words[-1] if words else "")


def calculation(now: Situation) -> Reply:
    """Calculate what the message holds."""
    if replies := now.replies_of("calculate"):
        reply = replies[-1]
        if not reply.succeeded:
            return say(reply.problem)
        sign = "=" if reply.data["exact"] else "≈"
        return say(f"{reply.data['expression']} {sign} {reply.data['result']}")
    if (expression := expression_in(now.message, _today(now))) is None:
        return say("Without a model I only calculate what is written as an expression, such as (3 + 4) * 5.")
    return (Call("calculate", {"expression": expression}),)


def code(now: Situation) -> Reply:
    """Check the code that the message holds between fences, and run it where that is asked."""
    fenced = _FENCE.search(now.message)
    if replies := now.replies_of("run_python"):
        return say(_told_of_run(replies[-1]))
    if replies := now.replies_of("check_syntax"):
        found = replies[-1].data
        if found["well_formed"] and found["language"] == "python" and fenced and _is_to_run(now):
            return (Call("run_python", {"code": fenced.group(2)}),)
        if found["well_formed"]:
            return say(f"This {found['language']} is well-formed. It was read and not run.")
        where = f" in line {found['line']}" if found.get("line") else ""
        what = "was not checked" if found["well_formed"] is None else f"has an error{where}"
        return say(f"This {found['language']} {what}: {found['problem']}.")
    if fenced is None:
        return say("Without a model I write no code; I only check what stands between ``` and ``` for its syntax.")
    return (Call("check_syntax", {"language": fenced.group(1) or "python", "code": fenced.group(2)}),)


def _is_to_run(now: Situation) -> bool:
    return _RUN.search(_FENCE.sub("", now.message)) is not None


def _told_of_run(reply: ToolReply) -> str:
    if not reply.succeeded:
        return reply.problem
    found = reply.data
    if found["error"]:
        return f"It was run, and ended with an error: `{found['error'].splitlines()[-1]}`"
    came = "" if found["result"] is None else f" Its result is `{found['result']}`."
    printed = f" It printed:\n```text\n{found['stdout'].rstrip()}\n```" if found["stdout"] else " It printed nothing."
    return f"It was run.{came}{printed}"


def general(now: Situation) -> Reply:
    """Say what there is."""
    return say("No model is configured that could answer that. Ask about the weather, a calculation, or code.")


def _day(day: dict[str, object]) -> str:
    rain = f", {day['rain_percent']} % chance of rain" if day.get("rain_percent") is not None else ""
    return f"{day['day']} {day['sky']}, {day['lowest_c']:g} to {day['highest_c']:g} °C{rain}"


def _today(now: Situation) -> date:
    found = _TODAY.search(now.instructions)
    return date.fromisoformat(found.group(1)) if found else date.today()  # noqa: DTZ011 - only where nobody told it
