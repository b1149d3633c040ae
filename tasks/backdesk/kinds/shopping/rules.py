"""The rules of the shopping agents: what they say and do about products, the cart and the order."""

from __future__ import annotations

import re
from collections.abc import Callable

from backdesk.agents.card import ASK, HAND_OVER
from backdesk.agents.offline.phrases import ask, declined, say, says
from backdesk.agents.outcome import euros
from backdesk.agents.situation import Call, Reply, Situation, ToolReply

#: Whose matter a message is, by its words. The first one that has any wins.
_MATTERS = {
    "purchase": (
        r"cart|basket|buy|purchase|order|check ?out|pay|remove|add|change|put|take (?:it|them|two|one)|"
        r"i(?:'ll| will) take"
    ),
    "advise": (
        r"compare|comparison|difference|versus|vs|better|best|recommend|more about|details?|describe|which|advice|"
        r"tell me about"
    ),
    "browse": (
        r"show|search|find|look(?:ing)?|browse|have|sell|under|below|cheaper|need|want|products?|categor(?:y|ies)|"
        r"lighting|audio|computing|smart home|networking|something|anything"
    ),
}
_CHECK_OUT = r"check ?out|(?:place|make|confirm) (?:the|my|an) order|(?:order|buy) (?:it|them|that|now|this)|pay"
_REMOVE = r"remove|delete|take out|without|drop"
_COMPARE = r"compare|comparison|difference|versus|vs|better|best|which|recommend"
_PUT = r"add|put|take|buy|order|want|change|make it"
_AT_MOST = r"(?:under|below|less than|up to|cheaper than)\D{0,5}(\d{1,6})"
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10}
_CATEGORIES = r"\b(lighting|audio|computing|smart home|networking)\b"
_LAST = frozenset({"it", "them", "that", "this", "these", "those", "one", "ones"})
#: What stands around the name of a product.
_FILLER = frozenset(
    re.findall(
        r"[\w']+",
        """
        a about add all an and any anything are better between buy can cart basket cent cents change cheaper compare
        comparison could delete describe details difference do drop eur euro euros find for from have i i'd i'll i'm in
        into is less like look looking me more my need of or order out please product products put recommend remove
        search show some something take tell than the to under below up vs versus want what what's which will with
        would you your make
        """,
    )
)


def decide(situation: Situation) -> Reply:
    """Choose the next step of whichever agent has these tools."""
    own, rule = next((name, rule) for name, (tool, rule) in _AGENTS.items() if tool in situation.tools)
    matter = matter_of(situation.message) or own
    # Who has done something for this message ends it: else two could go on handing over to each other.
    if matter != own and not situation.replies and HAND_OVER in situation.outputs:
        reason = f"The customer's message is about {_ABOUT[matter]}."
        return (Call(HAND_OVER, {"to": matter, "reason": reason}),)
    return rule(situation)


def matter_of(text: str) -> str | None:
    """Tell which agent's matter a message is, or None when it does not say."""
    return next((agent for agent, words in _MATTERS.items() if says(words, text)), None)


# --- the agents ---


def _browse(now: Situation) -> Reply:
    searches = now.replies_of("search_products")
    if searches:
        return say(_about_search(searches[-1]))
    if matter_of(now.message) is None and ASK in now.outputs:
        return ask("What are you looking for? We have lighting, audio, computing, smart home and networking.")
    category = re.search(_CATEGORIES, now.message.lower())
    price = re.search(_AT_MOST, now.message.lower())
    args: dict[str, object] = {"category": category[1]} if category else {"query": _name_in(now.message)}
    args |= {"max_price_cents": int(price[1]) * 100} if price else {}
    return (Call("search_products", args),)


def _about_search(reply: ToolReply) -> str:
    if not reply.succeeded:
        return reply.problem
    products = reply.data["products"]
    if not products:
        return f"I found nothing like that. We have {', '.join(reply.data['categories'])}."
    return f"I found {'; '.join(map(_in_short, products))}."


def _advise(now: Situation) -> Reply:
    seen = [*now.replies_of("look_up_product"), *now.replies_of("compare_products")]
    if seen:
        return say(_about_products(seen[-1]))
    parts = re.split(r"\b(?:and|with|or|versus|vs|to)\b|,", now.message)
    names = [name for part in parts if (name := _name_in(part))]
    last = _last_product(now)
    if says(_COMPARE, now.message):
        names += [last] if last and says("|".join(_LAST), now.message) else []
        names = names if len(names) > 1 else _found_last(now)
        if len(names) > 1:
            return (Call("compare_products", {"products": names[:5]}),)
    product = names[0] if names else last
    if product is None:
        return ask("Which product is it about?") if ASK in now.outputs else say("Please name the product.")
    return (Call("look_up_product", {"product": product}),)


def _about_products(reply: ToolReply) -> str:
    if not reply.succeeded:
        return reply.problem
    if "products" not in reply.data:
        return f"{_in_short(reply.data)}. {reply.data['description']}"
    products = reply.data["products"]
    described = " ".join(f"{_in_short(each)}: {each['description']}" for each in products)
    available = next((each["name"] for each in products if each["in_stock"]), None)
    return described + (f" The cheapest that you can have now is {available}." if available else "")


def _purchase(now: Situation) -> Reply:
    shown = [reply for tool in ("put_in_cart", "remove_from_cart", "show_cart") for reply in now.replies_of(tool)]
    ordered = now.replies_of("check_out")
    if shown or ordered:
        return say(*(_about_order(reply) for reply in ordered), *(_about_cart(reply) for reply in shown))
    if declined(now):
        return say("All right, nothing is ordered. The cart stays as it is.")
    if says(_CHECK_OUT, now.message):
        return (Call("check_out", {}),)
    if says(_REMOVE, now.message):
        product = _product_in(now)
        return (Call("remove_from_cart", {"product": product}),) if product else (Call("show_cart", {}),)
    if says(_PUT, now.message) and (product := _product_in(now)):
        return (Call("put_in_cart", {"product": product, "quantity": _quantity_in(now.message)}),)
    return (Call("show_cart", {}),)


def _about_cart(reply: ToolReply) -> str:
    if not reply.succeeded:
        return reply.problem
    cart = reply.data["cart"]
    if not cart["items"]:
        return "Your cart is empty."
    items = ", ".join(f"{each['quantity']} x {each['product']}" for each in cart["items"])
    total = euros(cart["total_cents"], cart["currency"])
    return f"Your cart: {items}, {total} in all. Say 'check out' to order it."


def _about_order(reply: ToolReply) -> str:
    if reply.proposed:
        return reply.proposed
    if not reply.succeeded:
        return reply.problem
    data = reply.data
    return f"Order {data['order_number']} is placed and paid: {euros(data['total_cents'], data['currency'])}."


# --- what the words say ---


def _in_short(product: dict[str, object]) -> str:
    stock = "" if product["in_stock"] else ", sold out"
    return f"{product['name']} for {euros(int(str(product['price_cents'])), str(product['currency']))}{stock}"


def _name_in(text: str) -> str:
    """Return what is left of a text without the words around the name of a product, and without numbers."""
    words = re.findall(r"[\w']+", text.lower())
    return " ".join(word for word in words if word not in {*_FILLER, *_LAST, *_NUMBERS} and not word.isdecimal())


def _product_in(now: Situation) -> str | None:
    return _name_in(now.message) or _last_product(now)


def _quantity_in(text: str) -> int:
    if (digits := re.search(r"\b(\d{1,3})\b", text)) is not None:
        return max(1, int(digits[1]))
    words = re.findall(r"\w+", text.lower())
    return next((_NUMBERS[word] for word in words if word in _NUMBERS), 1)


def _last_product(now: Situation) -> str | None:
    told = re.search(r"^Talked about last: (.+)\.$", now.instructions, re.MULTILINE)
    return told[1] if told else next(iter(_found_last(now)), None)


def _found_last(now: Situation) -> list[str]:
    told = re.search(r"^Found or compared last: (.+)\.$", now.instructions, re.MULTILINE)
    return told[1].split(", ") if told else []


_ABOUT = {"browse": "finding products", "advise": "choosing a product", "purchase": "the cart or an order"}
#: The agents, each by a tool that only it has.
_AGENTS: dict[str, tuple[str, Callable[[Situation], Reply]]] = {
    "purchase": ("check_out", _purchase),
    "advise": ("compare_products", _advise),
    "browse": ("search_products", _browse),
}
