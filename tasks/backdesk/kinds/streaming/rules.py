"""The rules of the analyst: reports, figures of purchases, the system, orders, and instructions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from backdesk.agents.offline.phrases import say, says
from backdesk.agents.outcome import euros
from backdesk.agents.situation import Call, Reply, Situation, ToolReply
from backdesk.service.findings import PROBLEMS, TELLINGS, Tellings, taken_up, told_of
from backdesk.service.intents import names_order, order_numbers, priority_of

#: The tools without arguments, each by what it is asked for with.
_ASKED_FOR = {
    "system_status": r"system|status of the service|busy|load|slow|maintenance|queue|workers?",
    "spending_by_category": r"categor(?:y|ies)|on what|what for",
    "spending_by_month": r"months?|monthly|when did i",
    "compare_spending": r"compared?|others?|average",
    "find_advice": r"advice|tips|my products",
    "review_orders": r"my orders|how many orders|spent|spending|purchases|how much",
}
_TITLE, _LINE = re.compile(r"^(?!The customer|This report)(.+):$"), re.compile(r"^- (.+)$")


def decide(now: Situation) -> Reply:
    """Give the report that was asked for, or call the tools that the message asks for and tell what they returned."""
    if "The customer asked for this report" in now.instructions:
        return say(*taken_up(now), "Here is your report.", *_report(now.instructions))
    if not now.replies:
        calls = tuple(_calls(now))
        if calls:
            return calls
        if "This report was given" in now.instructions and says(r"report|again|summary", now.message):
            return say(*taken_up(now), "This is the report that I made.", *_report(now.instructions))
        return say(*taken_up(now), "I can tell you about your orders and your spending, and how the service is.")
    articles = now.replies_of("search_articles")
    if articles and not articles[0].data["articles"] and not now.replies_of("open_ticket"):
        text = now.message
        return (Call("open_ticket", {"subject": text[:80], "details": text, "priority": priority_of(text)}),)
    return say(*taken_up(now), *filter(None, (told_of(reply, _TELLINGS) for reply in now.replies)))


def _calls(now: Situation) -> Iterator[Call]:
    text = now.message
    yield from (Call(tool, {}) for tool, words in _ASKED_FOR.items() if says(words, text))
    for number in order_numbers(now) if names_order(text) else []:
        yield Call("look_up_order", {"order_number": number})
    if says(PROBLEMS, text):
        yield Call("search_articles", {"query": text})


def _report(instructions: str) -> Iterator[str]:
    lines = instructions.partition("The report:")[2].strip().splitlines()
    for line in lines:
        if found := _LINE.match(line):
            told = found.group(1).rstrip(".")
            yield f"{told[:1].upper()}{told[1:]}."
        elif title := _TITLE.match(line):
            yield f"{title.group(1)}:"


def _of_orders(reply: ToolReply) -> str:
    data = reply.data
    spent = euros(data["spent_cents"], data["currency"])
    return f"You have {data['orders']} orders, and spent {spent} on what you kept."


def _of_comparison(reply: ToolReply) -> str:
    data = reply.data
    ours, others = (euros(data[name], data["currency"]) for name in ("average_cents", "others_cents"))
    return f"Your average order is {ours}, that of others {others}."


def _of_advice(reply: ToolReply) -> str:
    known = [f"{each['product']}: {', '.join(each['articles'])}" for each in reply.data["products"] if each["articles"]]
    return f"There is advice for {'; '.join(known)}." if known else "There is no advice for your products."


def _shares(shares: list[dict[str, Any]]) -> str:
    return (
        ", ".join(f"{each['name']} {euros(each['spent_cents'], each['currency'])}" for each in shares) or "nothing yet"
    )


_TELLINGS: Tellings = {
    **TELLINGS,
    "review_orders": _of_orders,
    "spending_by_category": lambda reply: f"By category: {_shares(reply.data['categories'])}.",
    "spending_by_month": lambda reply: f"By month: {_shares(reply.data['months'])}.",
    "compare_spending": _of_comparison,
    "find_advice": _of_advice,
}
