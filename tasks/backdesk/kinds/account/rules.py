"""The rules of the account agents: how they sign a customer in, and what they do for one who is."""

from __future__ import annotations

import re
from collections.abc import Callable

from backdesk.agents.card import ASK, HAND_OVER
from backdesk.agents.offline.phrases import ask, say, says
from backdesk.agents.outcome import euros
from backdesk.agents.situation import Call, Reply, Situation, ToolReply
from backdesk.kinds.account.codes import CODE

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_ZONE = re.compile(r"\b[A-Z][A-Za-z]+/[A-Z][A-Za-z_/-]+\b|\bUTC\b")
_NAME = re.compile(r"(?i:\bname\b.*?\bto)\s+(\w[\w' -]*)")

#: What a customer wants, each by its words; the first one that fits.
_WISHES = {
    "sign_out": r"sign (?:me )?out|log (?:me )?out|log ?off",
    "close": r"(?:close|delete|remove) my account",
    "password": r"password|passphrase",
    "email": r"(?:change|new|another|different) (?:my )?(?:e-?mail|address)|(?:e-?mail|address) to",
    "change": r"time ?zone|(?:change|correct|new) (?:my )?name|name to|call me",
    "orders": r"orders?|bought|purchases?|deliver(?:y|ed)|parcel",
    "profile": r"profile|account|my data|tier|know about me|who am i",
}
_MATTERS = {"password": "password_reset", "email": "email_change", "close": "account_closure"}


def decide(situation: Situation) -> Reply:
    """Choose the next step of whichever agent has these tools."""
    return _sign_in(situation) if "check_code" in situation.tools else _account(situation)


# --- sign_in ---


def _sign_in(now: Situation) -> Reply:
    checked, sent = now.replies_of("check_code"), now.replies_of("send_code")
    if _is_signed_in(now) or (checked and checked[-1].succeeded):
        return _to_account(now)
    if checked:
        return _ask(now, checked[-1].problem)
    if sent:
        return _ask(now, f"{sent[-1].data['note']} What is the code?" if sent[-1].succeeded else sent[-1].problem)
    if email := _EMAIL.search(now.message):
        return (Call("send_code", {"email": email[0]}),)
    if code := CODE.search(now.message):
        return (Call("check_code", {"code": code[0]}),)
    waits = "A code was sent to" in now.instructions
    return _ask(now, "What is the code that you got?" if waits else "Please sign in: what is your e-mail address?")


def _is_signed_in(now: Situation) -> bool:
    return "Signed in: " in now.instructions and "Signed in: nobody" not in now.instructions


def _to_account(now: Situation) -> Reply:
    if HAND_OVER not in now.outputs:
        return say("You are signed in. What can I do for you?")
    wish = wish_of(now)
    return (
        Call(HAND_OVER, {"to": "account", "reason": f"The customer is signed in and wants: {wish or 'nothing yet'}."}),
    )


def _ask(now: Situation, question: str) -> Reply:
    return ask(question) if ASK in now.outputs else say(question)


# --- account ---


def wish_of(now: Situation) -> str | None:
    """Tell what the customer wants: what they wrote last, or, if that was only to sign in, before."""
    for text in reversed(now.said):
        if wish := next((wish for wish, words in _WISHES.items() if says(words, text)), None):
            return wish
        if not (_EMAIL.search(text) or CODE.search(text) or "***" in text):
            return None
    return None


def _text_of(now: Situation, wish: str) -> str:
    return next(text for text in reversed(now.said) if says(_WISHES[wish], text))


def _account(now: Situation) -> Reply:
    # What a colleague did for this message is in the conversation too.
    if done := [reply for reply in now.replies if reply.tool in _SENTENCES]:
        return _tell(now, done[-1])
    wish = wish_of(now)
    if wish is None:
        return say(
            "You are signed in. I can show your profile and orders, change your name or time zone,",
            "and ask for a new password.",
        )
    return _act(wish, _text_of(now, wish))


def _act(wish: str, text: str) -> Reply:
    if wish in _MATTERS:
        return (Call("request_change", {"matter": _MATTERS[wish], "details": text[:500]}),)
    if wish == "change":
        zone, name = _ZONE.search(text), _NAME.search(text)
        args = {"time_zone": zone[0] if zone else None, "name": name[1].strip() if name and not zone else None}
        return (Call("change_profile", {key: value for key, value in args.items() if value}),)
    return (Call({"orders": "list_orders", "profile": "show_profile", "sign_out": "sign_out"}[wish], {}),)


def _tell(now: Situation, reply: ToolReply) -> Reply:
    if reply.succeeded:
        return say(_SENTENCES[reply.tool](reply))
    if "sign in" in reply.problem and HAND_OVER in now.outputs:
        return (Call(HAND_OVER, {"to": "sign_in", "reason": "The customer must sign in first."}),)
    return say(reply.problem)


def _about_profile(reply: ToolReply) -> str:
    data = reply.data.get("profile", reply.data)
    return (
        f"Your profile: {data['name']}, {data['email']}, tier {data['tier']}, time zone {data['time_zone']}, "
        f"account {data['user_id']}."
    )


def _about_orders(reply: ToolReply) -> str:
    data = reply.data
    orders = [
        f"{each['order_number']} ({', '.join(each['products'])}) of {each['placed_on']}: {each['status']}, "
        f"{euros(each['total_cents'], data['currency'])}"
        for each in data["orders"]
    ]
    return f"You have {data['total']} orders. The newest: {'; '.join(orders)}." if orders else "You have no orders."


_SENTENCES: dict[str, Callable[[ToolReply], str]] = {
    "show_profile": _about_profile,
    "list_orders": _about_orders,
    "change_profile": lambda reply: f"That is changed. {_about_profile(reply)}",
    "request_change": lambda reply: f"A colleague will see to it: ticket {reply.data['ticket_id']}.",
    "sign_out": lambda _: "You are signed out.",
}
