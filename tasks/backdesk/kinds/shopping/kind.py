"""The kind `shop.purchase`: whoever is shopping talks to agents that browse, advise and sell, and each hands back.

What was found, talked about and put in the cart goes with the conversation, from agent to agent and message to message.
"""

from __future__ import annotations

from pathlib import Path

from backdesk.agents import Agent, Context, Desk, Team, agent_task, converse
from backdesk.kinds.shopping.contract import PurchaseRequest, PurchaseResult
from backdesk.kinds.shopping.rules import decide
from backdesk.quality import BRIEF
from backdesk.service.apology import apology
from backdesk.shop.cart import cart_in_words, cart_of, put_in_cart, remove_from_cart, show_cart
from backdesk.shop.checkout import check_out
from backdesk.shop.contract import CartContent, OrderPlaced
from backdesk.shop.products import compare_products, look_up_product, search_products
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.ledger import Effect

PROMPTS = Path(__file__).with_name("prompts")


class PurchaseContext(Context):
    """What the shopping agents know besides the words."""

    #: The products that were found or compared last.
    found: tuple[str, ...] = ()
    #: The product that was talked about last.
    product: str | None = None
    #: The cart as it was shown last.
    cart: CartContent | None = None


async def briefing(desk: Desk[PurchaseContext]) -> str:
    """Tell an agent what its colleagues found and did."""
    known = desk.context
    lines = [f"Found or compared last: {', '.join(known.found)}."] if known.found else []
    lines += [f"Talked about last: {known.product}."] if known.product else []
    lines += [f"The cart, as it was shown last: {cart_in_words(known.cart)}."] if known.cart else []
    return "\n".join(lines)


BROWSE = Agent(
    "browse",
    PROMPTS / "browse.md",
    duty="Looking through the shop",
    tools=(search_products,),
    hands_to=("advise", "purchase"),
    briefing=briefing,
    quality=BRIEF,
)
ADVISE = Agent(
    "advise",
    PROMPTS / "advise.md",
    duty="Comparing products",
    tools=(look_up_product, compare_products),
    hands_to=("browse", "purchase"),
    briefing=briefing,
    quality=BRIEF,
)
PURCHASE = Agent(
    "purchase",
    PROMPTS / "purchase.md",
    duty="Taking care of the cart",
    tools=(put_in_cart, remove_from_cart, show_cart, check_out),
    hands_to=("browse", "advise"),
    briefing=briefing,
    quality=BRIEF,
)
SHOPPING = Team(
    "shopping",
    (BROWSE, ADVISE, PURCHASE),
    rules=decide,
    context=PurchaseContext,
    stays=True,
)


@agent_task("shop.purchase", agents=SHOPPING, fallback=apology(PurchaseResult, SHOPPING))
async def shop_purchase(ctx: TaskContext, request: PurchaseRequest) -> PurchaseResult:
    """Help somebody to find, choose and buy products; the cart lasts from message to message."""
    exchange = await converse(ctx, SHOPPING, request)
    # A step, so that the result stays the same when it is put together again.
    cart: CartContent = await ctx.step("cart", cart_of, exchange.desk, effect=Effect.PURE)
    order = next((action for action in exchange.desk.actions if isinstance(action, OrderPlaced)), None)
    return exchange.result(PurchaseResult, cart=cart, order=order)
