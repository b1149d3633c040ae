"""The rules of the support agents: refunds, technical problems, payments, and what has to go to a person."""

from __future__ import annotations

import re
from collections.abc import Callable

from backdesk.agents.card import ASK, HAND_OVER
from backdesk.agents.offline.phrases import ask, declined, say, says
from backdesk.agents.outcome import euros
from backdesk.agents.situation import Call, Reply, Situation, ToolReply
from backdesk.service.findings import instructions
from backdesk.service.intents import DANGER, order_numbers, priority_of
from backdesk.shop.refund_policy import REFUND_DAYS

#: Each kind of matter by its words. The first one wins a tie: what costs the customer most comes first.
_INTENTS = {
    "refund": r"refund(?:ed)?|money back|return(?:ed|ing)?|(?:send|give) (?:it|them|this) back",
    "billing": (
        r"invoice|bill(?:ed|ing)?|receipt|charged|payment|paid|vat|twice|where is|track(?:ing)?|"
        r"deliver(?:y|ed)?|shipp(?:ed|ing)|status|arrived?|parcel"
    ),
    "technical": (
        r"broken?|broke|error|crash(?:es)?|pair(?:ing)?|connect(?:ion)?|battery|firmware|log ?in|password|"
        r"locked|install|reset|offline|flicker(?:s|ing)?|smok(?:e|es|ing)|stuck|slow|hot|jumps|how do i|"
        r"black picture|no sound|(?:not|n't|stopped) (?:\w+ )?(?:work|working|start|charge|respond|turn)"
    ),
}
#: What a person must deal with, whatever else the message is about.
_CAUSES = {
    "legal_threat": r"lawyers?|attorneys?|solicitors?|sue|suing|court|legal (?:action|steps)|consumer protection",
    "wants_person": (
        r"(?:real|actual|living) (?:person|human)|human(?: being)?|(?:speak|talk) (?:to|with) (?:a|an|some|your) ?"
        r"(?:person|body|one|manager|supervisor|agent|colleague)|call me back"
    ),
}
_NOT_WANTED = r"(?:do not|don't|not|never) (?:want|need)|no refund"
_ASKS = r"(?:polic(?:y|ies)|conditions|rules)"
_POLICY = f"An unused order can be refunded in full within {REFUND_DAYS} days of its delivery, once."
_TRIED = r"already|still|again|tried|did not help|didn't help"


def decide(situation: Situation) -> Reply:
    """Choose the next step of whichever agent has these tools."""
    for tool, rule in _SPECIALISTS.items():
        if tool in situation.tools:
            return rule(situation)
    return _triage(situation)


# --- triage ---


def _triage(now: Situation) -> Reply:
    intent = intent_of(now.said[-1])
    if intent is None and ASK in now.outputs:
        return ask("What is it about: a refund, a technical problem, or a payment or delivery? ")
    if intent is None:
        # The question was asked already: what was said before it counts too.
        intent = next((found for text in reversed(now.said) if (found := intent_of(text))), "technical")
    numbers = order_numbers(now)
    about = f" about order {', '.join(map(str, numbers))}" if numbers else ""
    matter = "has to get to a person" if intent == "escalation" else f"has a {intent} matter"
    return (Call(HAND_OVER, {"to": intent, "reason": f"The customer {matter}{about}."}),)


def intent_of(text: str) -> str | None:
    """Tell what a message is about, or None when it does not say."""
    if cause_of(text):
        return "escalation"
    scores = {intent: len(re.findall(rf"\b(?:{words})\b", text.lower())) for intent, words in _INTENTS.items()}
    best = max(scores, key=lambda intent: scores[intent])
    return best if scores[best] else None


def cause_of(text: str) -> str | None:
    """Tell why a message has to go to a person, or None when it has not."""
    return next((cause for cause, words in _CAUSES.items() if says(words, text)), None)


# --- specialists ---


def _refund(now: Situation) -> Reply:
    refunds, numbers = now.replies_of("refund_order"), order_numbers(now)
    if refunds:
        return say(*_unknown(now), *map(_about_refund, refunds))
    if answer := _without_refund(now):
        return say(answer)
    if not numbers:
        return _without_order(now, "Which order should be refunded? Please send its number.")
    looked_up = now.replies_of("look_up_order")
    if not looked_up:
        return tuple(Call("look_up_order", {"order_number": number}) for number in numbers)
    found = [reply.data["order_number"] for reply in looked_up if reply.succeeded]
    if found:  # one after the other, as the customer agrees to each by itself
        return (Call("refund_order", {"order_number": found[0], "reason": now.message[:200]}),)
    return say(*_unknown(now))


def _without_refund(now: Situation) -> str | None:
    """Return what to say to somebody who does not ask for a refund here."""
    if declined(now) or says(_NOT_WANTED, now.message):
        return "All right, nothing is refunded. What else can I do for you?"
    return _POLICY if says(_ASKS, now.message) else None


def _unknown(now: Situation) -> list[str]:
    return [reply.problem for reply in now.replies_of("look_up_order") if not reply.succeeded]


def _about_refund(reply: ToolReply) -> str:
    if reply.proposed:
        return reply.proposed
    if not reply.succeeded:
        return f"It cannot be refunded. {reply.problem}"
    data = reply.data
    amount = euros(data["amount_cents"], data["currency"])
    done = f"Order {data['order_number']} is refunded: {amount} go back the way you paid."
    return f"{done} Refund number: {data['refund_id']}."


def _technical(now: Situation) -> Reply:
    matter = next((text for text in reversed(now.said) if intent_of(text) == "technical"), now.said[-1])
    searches = now.replies_of("search_articles")
    if not searches:
        orders = (Call("look_up_order", {"order_number": number}) for number in order_numbers(now))
        return (Call("search_articles", {"query": matter}), *orders)
    articles = searches[0].data["articles"] if searches[0].succeeded else []
    tickets = now.replies_of("open_ticket")
    escalated = now.replies_of("escalate")
    priority, subject = priority_of(matter), f"Technical problem: {matter[:80]}"
    if not tickets and (not articles or priority == "urgent" or says(_TRIED, matter)):
        return (_ticket(now, subject, matter, priority),)
    if not escalated and (cause := _technical_cause(now, matter)):
        return (_to_person(cause, subject, matter),)
    advice = ["Switch it off, unplug it, and keep away from it."] if says(DANGER, matter) else []
    advice.append(instructions(articles) or "I found no instructions for this.")
    return say(*advice, *map(_about_ticket, tickets), *map(_about_escalation, escalated))


def _technical_cause(now: Situation, matter: str) -> str | None:
    if says(DANGER, matter):
        return "danger"
    return "repeated_failure" if sum(says(_TRIED, text) for text in now.said) > 1 else None


def _billing(now: Situation) -> Reply:
    numbers = order_numbers(now)
    if not numbers:
        return _without_order(now, "Which order is it about? Please send its number.")
    looked_up = now.replies_of("look_up_order")
    if not looked_up:
        tools = ("look_up_order", "look_up_payments")
        return tuple(Call(tool, {"order_number": number}) for number in numbers for tool in tools)
    payments, tickets = now.replies_of("look_up_payments"), now.replies_of("open_ticket")
    twice = any(reply.succeeded and _booked_twice(reply) for reply in payments)
    wants_paper = says("invoice|receipt|vat|bill", now.said[-1])
    if not tickets and (twice or wants_paper) and any(reply.succeeded for reply in looked_up):
        subject = "A payment was booked twice" if twice else "Copy of an invoice"
        return (_ticket(now, subject, now.said[-1], "high" if twice else priority_of(now.said[-1])),)
    sentences = [_about_order(reply) for reply in looked_up]
    sentences += [_about_payments(reply) for reply in payments if reply.succeeded]
    return say(*sentences, *map(_about_ticket, tickets))


def _about_order(reply: ToolReply) -> str:
    if not reply.succeeded:
        return reply.problem
    data = reply.data
    items = ", ".join(f"{item['quantity']} x {item['product']}" for item in data["items"])
    when = f" on {data['delivered_on']}" if data["delivered_on"] else ""
    return f"Order {data['order_number']} ({items}) is {data['status']}{when}."


def _about_payments(reply: ToolReply) -> str:
    data = reply.data
    paid, back = euros(data["paid_cents"], data["currency"]), euros(data["refunded_cents"], data["currency"])
    return f"For order {data['order_number']} {paid} were paid and {back} refunded."


def _booked_twice(reply: ToolReply) -> bool:
    references = [move["reference"] for move in reply.data["movements"] if move["kind"] == "payment"]
    return len(references) > len(set(references))


def _escalation(now: Situation) -> Reply:
    if not (escalated := now.replies_of("escalate")):
        cause = cause_of(now.said[-1]) or "wants_person"
        reason = "A legal threat" if cause == "legal_threat" else "The customer asks for a person"
        return (_to_person(cause, reason, "\n\n".join(now.said), priority_of(now.said[-1])),)
    return say(*map(_about_escalation, escalated))


# --- shared by the specialists ---


def _without_order(now: Situation, question: str) -> Reply:
    if ASK in now.outputs:
        return ask(question)
    tickets = now.replies_of("open_ticket")
    if not tickets:
        return (_ticket(now, "Request without an order number", now.said[-1], priority_of(now.said[-1])),)
    return say("Without an order number I cannot look it up.", *map(_about_ticket, tickets))


def _ticket(now: Situation, subject: str, details: str, priority: str) -> Call:
    numbers = order_numbers(now)
    args = {"subject": subject, "details": details, "priority": priority}
    return Call("open_ticket", args | ({"order_number": numbers[0]} if numbers else {}))


def _about_ticket(reply: ToolReply) -> str:
    if not reply.succeeded:
        return reply.problem
    return f"A colleague will look into it: ticket {reply.data['ticket_id']}, priority {reply.data['priority']}."


def _to_person(cause: str, reason: str, details: str, priority: str = "normal") -> Call:
    return Call("escalate", {"cause": cause, "reason": reason, "details": details, "priority": priority})


def _about_escalation(reply: ToolReply) -> str:
    if not reply.succeeded:
        return reply.problem
    return f"{reply.data['promise']} Your escalation has the number {reply.data['escalation_id']}."


#: The specialists, each by a tool that none after it has.
_SPECIALISTS: dict[str, Callable[[Situation], Reply]] = {
    "refund_order": _refund,
    "search_articles": _technical,
    "look_up_payments": _billing,
    "escalate": _escalation,
}
