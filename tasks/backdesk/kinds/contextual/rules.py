"""The rules of the contextual assistant: preferences, recommendations, orders, the system, and instructions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backdesk.agents.offline.phrases import say, says
from backdesk.agents.outcome import euros
from backdesk.agents.situation import Call, Reply, Situation, ToolReply
from backdesk.kinds.contextual.inferences import inferences, statements
from backdesk.kinds.contextual.preferences import PREFERENCES
from backdesk.service.findings import PROBLEMS, TELLINGS, Tellings, taken_up, told_of
from backdesk.service.intents import names_order, order_numbers, priority_of

_WHY = r"why do you|what do you know|how do you know|explain my|my preferences"
_WISHES = r"recommend|suggest(?:ion)?s?|what should i buy|looking for|interested in|offers?"
_SYSTEM = r"system|busy|load|slow|maintenance|queue|workers?"
#: What this assistant has no tool for.
_MONEY_BACK = r"refund(?:ed)?|money back|return(?:ed|ing)?"
_PERSON = r"person|human|somebody|colleague|complain(?:t)?|manager"


def decide(now: Situation) -> Reply:
    """Call the tools that the message asks for, and answer from what they returned."""
    if not now.replies:
        calls = tuple(_calls(now))
        if calls:
            return calls
    answered = [*filter(None, (told_of(reply, _TELLINGS) for reply in now.replies))]
    if now.replies_of("search_articles") and not any(map(_helpful, now.replies)) and not now.replies_of("open_ticket"):
        return (_ticket(now),)
    return say(
        *_opening(now),
        *taken_up(now),
        *answered,
        *([] if answered else ["What can I do for you? I know your orders, our products, and what you prefer."]),
    )


def _calls(now: Situation) -> Iterator[Call]:
    text = now.message
    asks_why = says(_WHY, text)
    if asks_why:
        yield Call("explain_preferences", {})
    else:
        yield from _taught(text)
    if says(_WISHES, text):
        yield Call("recommend_products", _interest(text))
    if says(_SYSTEM, text):
        yield Call("system_status", {})
    for number in order_numbers(now) if names_order(text) else []:
        yield Call("look_up_order", {"order_number": number})
    if says(_PERSON, text) or says(_MONEY_BACK, text):
        yield _ticket(now)
    elif says(PROBLEMS, text):
        yield Call("search_articles", {"query": text})


def _taught(text: str) -> Iterator[Call]:
    """Yield what is to be kept of what the customer prefers: what they state, and what follows from the rest."""
    stated = statements(text)
    known = {each.name for each in stated}
    inferred = [each for each in inferences(text) if each.name not in known]
    for found, source in ((stated, "explicit"), (inferred, "inferred")):
        for name, value, quote in found:
            args = {"preference": name, "value": value, "quote": quote, "source": source}
            yield Call("update_preference", args)


def _interest(text: str) -> dict[str, str]:
    return next(({"interest": each} for each in PREFERENCES["interested_in"] if says(each, text)), {})


def _ticket(now: Situation) -> Call:
    text = now.message
    priority = priority_of(text)
    if priority == "normal" and "an enterprise customer" in now.instructions:
        priority = "high"
    return Call("open_ticket", {"subject": text[:80], "details": text, "priority": priority})


def _opening(now: Situation) -> Iterator[str]:
    """Greet and excuse by what the assistant was told."""
    told = now.instructions
    if name := re.search(r'^- Name: "([^"\\]+)"', told, re.MULTILINE):
        formal = "Write formally" in told
        yield f"Good day, {name.group(1)}." if formal else f"Hello {name.group(1).split()[0]},"
    if "sounds negative" in told:
        yield "I am sorry that this went wrong."
    if notice := re.search(r"^- There is a maintenance .*?: (.*) Tell the customer", told, re.MULTILINE):
        yield f"Please note: {notice.group(1)}"


def _helpful(reply: ToolReply) -> bool:
    return reply.tool != "search_articles" or bool(reply.succeeded and reply.data["articles"])


def _about_products(reply: ToolReply) -> str:
    products = reply.data["products"]
    if not products:
        return "I have nothing in stock for you at the moment that you do not have."
    named = [f"{each['product']} ({euros(each['price_cents'], each['currency'])})" for each in products]
    return f"I recommend {', '.join(named)}: {products[0]['because']}."


def _about_preference(reply: ToolReply) -> str:
    data = reply.data
    if data["source"] == "inferred":
        return ""  # it is for the agents to go by, and no answer to anything
    return f"I keep in mind that your {data['name'].replace('_', ' ')} is {data['value']}."


def _about_why(reply: ToolReply) -> str:
    statements = reply.data["statements"]
    lines = [
        f"{each['name']} {each['value']} ({each['source']}, {each['at'][:10]}, noted by {each['by']}):"
        f" {each['reason']} {each['because']}"
        for each in statements
    ]
    return " ".join(lines) or "I know of no preferences of yours."


_TELLINGS: Tellings = {
    **TELLINGS,
    "recommend_products": _about_products,
    "update_preference": _about_preference,
    "explain_preferences": _about_why,
}
